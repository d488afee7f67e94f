/*
 * Orders and events
 */

#include "protocol/event.h"
#include "protocol/order.h"
#include "tests/unit/protocol/record-test.h"

DEFINE_RECORD_TEST(start, StartOrder, start_order)
DEFINE_RECORD_TEST(stop, StopOrder, stop_order)
DEFINE_RECORD_TEST(vm_event, VmEvent, vm_event)
DEFINE_RECORD_TEST(vgpu_event, VgpuEvent, vgpu_event)
DEFINE_RECORD_TEST(pci_event, PciEvent, pci_event)

#define OTHER_UUID "11111111-2222-4333-8444-555555555555"
#define ORDER_HEAD "\"version\":1,\"epoch\":7,\"token\":\"" TOKEN "\""
#define VM(c_info)                                                                                     \
        "{\"uuid\":\"" VM_UUID "\",\"name_label\":\"web\",\"owner\":\"\",\"affinity\":\"\",\"platform\":{}," \
        "\"config\":{\"c_info\":" c_info ",\"b_info\":{\"max_memkb\":1048576}}}"
#define VGPU                                                                                              \
        "{\"id\":[\"" VM_UUID "\",\"0\"],\"position\":0,\"physical_pci_address\":" K1_ADDRESS ","          \
        "\"implementation\":[\"MxGPU\",{\"vgpus_per_pgpu\":4,\"framebufferbytes\":1024}]}"
#define PCI "{\"id\":[\"" VM_UUID "\",\"0000:84:00.0\"],\"position\":0,\"address\":" K1_ADDRESS "}"

static void start_orders(void **state) {
        static const char full[] = "{" ORDER_HEAD ",\"vm\":" VM("{}") ",\"vgpus\":[" VGPU "],\"pcis\":[" PCI "]}";

        static const char numbered[] =
                "{" ORDER_HEAD ",\"order\":12,\"vm\":" VM("{}") ",\"vgpus\":[],\"pcis\":[]}";

        start_goes(full, full);
        start_goes(numbered, numbered);
        start_goes("{\"epoch\":7,\"token\":\"" TOKEN "\",\"vm\":" VM("{}") "}",
                "{" ORDER_HEAD ",\"vm\":" VM("{}") ",\"vgpus\":[],\"pcis\":[]}");
}

static void an_order_gives_the_domain_the_uuid_of_its_vm(void **state) {
        _cleanup_json_ struct json_object *in = NULL, *out = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        StartOrder order;
        JsonReader r = {};

        in = json_of("{" ORDER_HEAD ",\"vm\":" VM("{\"uuid\":\"" OTHER_UUID "\"}") "}");
        assert_ok(start_order_parse(&r, in, &order));
        start_order_write(&order, &b);
        assert_ok(record_of_text(&b, &out));
        assert_json(out, "{" ORDER_HEAD ",\"vm\":" VM("{\"uuid\":\"" VM_UUID "\"}") ",\"vgpus\":[],\"pcis\":[]}");
        /* The VM's own record is as it was. */
        assert_json(order.vm.config, "{\"c_info\":{\"uuid\":\"" OTHER_UUID "\"},\"b_info\":{\"max_memkb\":1048576}}");
        start_order_done(&order);
}

static void a_host_adds_its_own_files(void **state) {
        static const char nvidia[] =
                "{\"id\":[\"" VM_UUID "\",\"0\"],\"position\":0,\"physical_pci_address\":" K1_ADDRESS ","
                "\"implementation\":[\"Nvidia\",{\"config_file\":\"/pool/a.conf\",\"extra_args\":\"\"}]}";
        static const char *const files[] = {"/host/a.conf", "", NULL};
        _cleanup_free_ char *came = NULL, *kept = NULL;
        _cleanup_(start_order_done) StartOrder order = {};
        JsonReader r = {};

        assert_true(asprintf(&came, "{\"type_files\":[\"\",\"/client/a.conf\"]," ORDER_HEAD ",\"vm\":" VM("{}") ",\"vgpus\":[%s,%s]} \n",
                            nvidia, nvidia) > 0);
        assert_ok(start_order_add_type_files(came, files, &kept));
        assert_int_equal(strncmp(kept, came, strlen(came) - 3), 0);
        assert_ok(start_order_read(&r, kept, &order));
        assert_string_equal(order.vgpus[0].nvidia.config_file, "/host/a.conf");
        assert_string_equal(order.vgpus[1].nvidia.config_file, "/pool/a.conf");
        start_order_done(&order);

        /* Of an older hostd, which had put them in their place. */
        assert_ok(start_order_read(&r, "{" ORDER_HEAD ",\"vm\":" VM("{}") "}", &order));
        assert_null(order.type_files);
}

static void wrong_start_orders_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{}", "epoch is missing" },
                { "{\"version\":2,\"epoch\":7}", "version is 2; this program reads version 1" },
                { "{\"epoch\":-7}", "epoch is negative" },
                { "{\"epoch\":7}", "token is missing" },
                { "{" ORDER_HEAD "}", "vm is missing" },
                { "{" ORDER_HEAD ",\"vm\":{\"name_label\":\"web\",\"config\":{}}}", "vm.config.b_info is missing" },
                { "{" ORDER_HEAD ",\"vm\":{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":1}}}}",
                        "vm.uuid is missing" },
                { "{" ORDER_HEAD ",\"vm\":" VM("{}") ",\"vgpus\":[" VGPU ",{\"id\":[\"" VM_UUID "\",\"1\"],"
                  "\"physical_pci_address\":" K1_ADDRESS ",\"implementation\":[\"Nvidia\",{}]}]}",
                        "vgpus[1].implementation[1].type_id is missing" },
                { "{" ORDER_HEAD ",\"vm\":" VM("{}") ",\"pcis\":[" PCI ",null]}", "pcis[1] is null, not an object" },
                { "{" ORDER_HEAD ",\"vm\":" VM("{}") ",\"vgpus\":{}}", "vgpus is an object, not an array" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                start_fails(cases[i].text, cases[i].sentence);
}

static void stop_orders(void **state) {
        static const char full[] = "{" ORDER_HEAD ",\"uuid\":\"" VM_UUID "\",\"force\":true}";

        static const char numbered[] =
                "{" ORDER_HEAD ",\"order\":13,\"uuid\":\"" VM_UUID "\",\"force\":true}";

        stop_goes(full, full);
        stop_goes(numbered, numbered);
        stop_goes("{" ORDER_HEAD ",\"uuid\":\"" VM_UUID "\"}", "{" ORDER_HEAD ",\"uuid\":\"" VM_UUID "\",\"force\":false}");
        stop_fails("{" ORDER_HEAD "}", "uuid is missing");
        stop_fails("{" ORDER_HEAD ",\"uuid\":\"" VM_UUID "\",\"force\":\"yes\"}", "force is a string, not true or false");
}

#define EVENT_HEAD(token) "\"version\":1,\"seq\":41,\"boot_id\":\"b\",\"token\":\"" token "\""

static void vm_events(void **state) {
        static const char full[] = "{" EVENT_HEAD(TOKEN) ",\"uuid\":\"" VM_UUID "\",\"state\":\"halted\",\"stage\":\"emulator\","
                "\"progress\":0.6,\"domid\":3,\"reason\":\"failed\",\"error\":[\"org.xenvgpu.Error.X\",\"It failed.\"],"
                "\"before_unpause\":true}";

        vm_event_goes(full, full);
        vm_event_goes("{\"seq\":41,\"boot_id\":\"b\",\"uuid\":\"" VM_UUID "\",\"state\":\"running\"}",
                "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"running\",\"stage\":\"\",\"progress\":0,"
                "\"domid\":0,\"reason\":\"\"}");
}

static void wrong_vm_events_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{}", "seq is missing" },
                { "{\"seq\":1}", "boot_id is missing" },
                { "{" EVENT_HEAD("none") "}", "token is 'none', not a UUID" },
                { "{" EVENT_HEAD("") "}", "uuid is missing" },
                { "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"asleep\"}",
                        "state is 'asleep', not starting, running, paused, stopping or halted" },
                { "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"running\",\"progress\":1.5}",
                        "progress is 1.5, not from 0 to 1" },
                { "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"running\",\"progress\":NaN}",
                        "progress is not a finite number" },
                { "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"halted\",\"error\":[\"x\"]}",
                        "error is not an array of a name and a sentence" },
                { "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"halted\",\"error\":[\"x\",\"y\",\"z\"]}",
                        "error is not an array of a name and a sentence" },
                { "{" EVENT_HEAD("") ",\"uuid\":\"" VM_UUID "\",\"state\":\"halted\",\"error\":[\"x\",7]}",
                        "error[1] is not a plain string" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                vm_event_fails(cases[i].text, cases[i].sentence);
}

static void vgpu_events(void **state) {
        static const char full[] = "{" EVENT_HEAD(TOKEN) ",\"id\":[\"" VM_UUID "\",\"0\"],\"uuid\":\"" VGPU_UUID "\","
                "\"pgpu\":\"0000:84:00.0\",\"identifier\":\"0001:x\",\"state\":{\"active\":true,\"plugged\":true,"
                "\"emulator_pid\":7}}";

        vgpu_event_goes(full, full);
        vgpu_event_fails("{" EVENT_HEAD("") ",\"id\":[\"" VM_UUID "\",\"0\"]}", "pgpu is missing");
        vgpu_event_fails("{" EVENT_HEAD("") ",\"id\":[\"" VM_UUID "\",\"0\"],\"pgpu\":\"84\"}", "pgpu is '84', not a PCI");
        vgpu_event_fails("{" EVENT_HEAD("") ",\"id\":[\"" VM_UUID "\",\"0\"],\"pgpu\":\"0000:84:00.0\",\"state\":{}}",
                "state.active is missing");
}

static void pci_events(void **state) {
        static const char full[] = "{" EVENT_HEAD(TOKEN) ",\"id\":[\"" VM_UUID "\",\"0000:84:00.0\"],"
                "\"address\":\"0000:84:00.0\",\"state\":{\"plugged\":true}}";

        pci_event_goes(full, full);
        pci_event_fails("{" EVENT_HEAD("") ",\"id\":[\"" VM_UUID "\",\"0\"],\"address\":\"0000:84:00.0\",\"state\":{}}",
                "state.plugged is missing");
}

static void names_of_states(void **state) {
        for (VmState s = 0; s < _VM_STATE_MAX; s++)
                assert_int_equal(vm_state_from_string(vm_state_to_string(s)), s);
        assert_null(vm_state_to_string(_VM_STATE_INVALID));
        assert_int_equal(vm_state_from_string("Running"), _VM_STATE_INVALID);
        assert_int_equal(vm_state_from_string(NULL), _VM_STATE_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(start_orders),
                cmocka_unit_test(an_order_gives_the_domain_the_uuid_of_its_vm),
                cmocka_unit_test(a_host_adds_its_own_files),
                cmocka_unit_test(wrong_start_orders_are_named_by_path),
                cmocka_unit_test(stop_orders),
                cmocka_unit_test(vm_events),
                cmocka_unit_test(wrong_vm_events_are_named_by_path),
                cmocka_unit_test(vgpu_events),
                cmocka_unit_test(pci_events),
                cmocka_unit_test(names_of_states),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
