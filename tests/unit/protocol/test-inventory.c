/*
 * Inventories
 */

#include "protocol/inventory.h"
#include "tests/unit/protocol/record-test.h"

DEFINE_RECORD_TEST(inventory, Inventory, inventory)

#define HOST_UUID "33333333-2222-4333-8444-555555555555"
#define HOST_REQUIRED                                                                               \
        "\"seq\":41,\"host_uuid\":\"" HOST_UUID "\",\"boot_id\":\"b\",\"memory_total\":68719476736," \
        "\"memory_free\":34359738368"
#define HOST                                                                                                           \
        "\"version\":1,\"seq\":41,\"host_uuid\":\"" HOST_UUID "\",\"boot_id\":\"b\",\"hostname\":\"alpha\","            \
        "\"hypervisor\":\"simulated\",\"epoch\":7,\"orders\":3,\"memory_total\":68719476736,\"memory_free\":34359738368,\"cpus\":2,"  \
        "\"iommu\":true,\"hvm\":true,\"networks\":[\"xenbr0\"],\"storage\":[\"/images\"],\"problems\":[\"/grid.conf:3: it has no pdev_id\"]"
#define TYPE                                                                                                              \
        "{\"identifier\":\"0001:a\",\"vendor_name\":\"N\",\"model_name\":\"M\","              \
        "\"framebuffer_size\":1,\"max_heads\":2,\"max_resolution_x\":3,\"max_resolution_y\":4,\"size\":131072,"              \
        "\"experimental\":false,\"compatible_types_in_vm\":[],\"compatible_types_on_pgpu\":[],"  \
        "\"implementation\":\"nvidia\",\"internal_config\":{}}"
#define PGPU                                                                                                          \
        "{\"pci_id\":\"0000:84:00.0\",\"vendor_id\":\"10de\",\"device_id\":\"0ff2\",\"subsystem_vendor_id\":\"10de\","  \
        "\"subsystem_device_id\":\"1012\",\"vendor_name\":\"N\",\"device_name\":\"D\",\"driver\":\"\","                  \
        "\"bridge\":\"0000:80:01.0\",\"is_system_display_device\":false,\"supported\":[\"0001:a\"],\"enabled\":[]," \
        "\"held_by\":\"domain 'x' (id 7)\",\"health\":\"lost\",\"health_reason\":\"It is gone.\"}"
#define VM                                                                                                   \
        "{\"uuid\":\"" VM_UUID "\",\"token\":\"" TOKEN                                                       \
        "\",\"name_label\":\"web\",\"stage\":\"x\",\"progress\":0.5,"                                        \
        "\"domid\":3,\"memory\":1073741824,\"state\":\"running\",\"vgpus\":[{\"id\":[\"" VM_UUID             \
        "\",\"0\"],\"uuid\":\"" VGPU_UUID "\",\"pgpu\":\"0000:84:00.0\",\"identifier\":\"0001:a\","          \
                                          "\"state\":{\"active\":true,\"plugged\":true,"                     \
        "\"emulator_pid\":7}}],\"pcis\":[{\"id\":[\"" VM_UUID                                                \
        "\",\"0000:85:00.0\"],\"address\":\"0000:85:00.0\","                                                 \
        "\"state\":{\"plugged\":true}}],\"functions\":[\"0000:03:00.0\"]}"
#define ENDED                                                                                                         \
        "{\"version\":1,\"seq\":40,\"boot_id\":\"b\",\"token\":\"" TOKEN "\",\"uuid\":\"" VM_UUID "\","                    \
        "\"state\":\"halted\",\"stage\":\"\",\"progress\":1,\"domid\":0,\"reason\":\"poweroff\"}"

static void a_full_inventory(void **state) {
        static const char full[] = "{" HOST ",\"types\":[" TYPE "],\"pgpus\":[" PGPU "],\"vms\":[" VM "],\"ended\":[" ENDED "]}";

        inventory_goes(full, full);
}

/* A host of an earlier version says nothing of them; one without any says so. */
static void functions_are_told_where_they_are_known(void **state) {
        static const char some[] = "{" HOST ",\"functions\":[\"0000:03:00.0\"],\"types\":[],\"pgpus\":[],\"vms\":[],\"ended\":[]}",
                          none[] = "{" HOST ",\"functions\":[],\"types\":[],\"pgpus\":[],\"vms\":[],\"ended\":[]}",
                          unknown[] = "{" HOST ",\"types\":[],\"pgpus\":[],\"vms\":[],\"ended\":[]}";

        inventory_goes(some, some);
        inventory_goes(none, none);
        inventory_goes(unknown, unknown);
}

/* None allowed is told, unlike a host that does not tell. */
static void keys_are_told_though_there_be_none(void **state) {
        static const char *const texts[] = {
                "{" HOST ",\"allowed_config_keys\":[],\"types\":[],\"pgpus\":[],\"vms\":[],\"ended\":[]}",
                "{" HOST ",\"allowed_config_keys\":[\"b_info.kernel=/boot/\"],\"types\":[],\"pgpus\":[],\"vms\":[],\"ended\":[]}"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                inventory_goes(texts[i], texts[i]);
}

static void an_empty_host(void **state) {
        inventory_goes("{" HOST_REQUIRED ",\"unknown\":[]}",
                "{\"version\":1,\"seq\":41,\"host_uuid\":\"" HOST_UUID "\",\"boot_id\":\"b\",\"hostname\":\"\","
                "\"hypervisor\":\"\",\"epoch\":0,\"orders\":0,\"memory_total\":68719476736,\"memory_free\":34359738368,\"cpus\":0,"
                "\"iommu\":false,\"hvm\":false,\"networks\":[],\"storage\":[],\"problems\":[],\"types\":[],"
                "\"pgpus\":[],\"vms\":[],\"ended\":[]}");
}

static void wrong_inventories_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "null", "The record is null, not an object" },
                { "{\"version\":9}", "version is 9; this program reads version 1" },
                { "{}", "seq is missing" },
                { "{\"seq\":41,\"host_uuid\":\"alpha\"}", "host_uuid is 'alpha', not a UUID" },
                { "{" HOST_REQUIRED ",\"networks\":\"xenbr0\"}", "networks is a string, not an array" },
                { "{" HOST_REQUIRED ",\"types\":[{}]}", "types[0].vendor_name is missing" },
                { "{" HOST_REQUIRED ",\"pgpus\":[" PGPU ",{}]}", "pgpus[1].pci_id is missing" },
                { "{" HOST_REQUIRED ",\"pgpus\":[{\"pci_id\":\"0000:84:00.0\"}]}", "pgpus[0].vendor_id is missing" },
                { "{" HOST_REQUIRED ",\"vms\":[{}]}", "vms[0].uuid is missing" },
                { "{" HOST_REQUIRED ",\"vms\":[{\"uuid\":\"" VM_UUID "\",\"token\":\"" TOKEN "\",\"state\":\"halted\"}]}",
                        "vms[0].state is 'halted', not starting, running, paused or stopping" },
                { "{" HOST_REQUIRED ",\"vms\":[{\"uuid\":\"" VM_UUID "\",\"token\":\"" TOKEN "\",\"state\":\"running\","
                  "\"vgpus\":[{\"id\":[\"" VM_UUID "\",\"0\"],\"pgpu\":\"0000:84:00.0\"}]}]}",
                        "vms[0].vgpus[0].state is missing" },
                { "{" HOST_REQUIRED ",\"vms\":[{\"uuid\":\"" VM_UUID "\",\"token\":\"" TOKEN "\",\"state\":\"running\","
                  "\"pcis\":[{\"id\":[\"" VM_UUID "\",\"0\"],\"address\":\"0000:84:00.0\",\"state\":{}}]}]}",
                        "vms[0].pcis[0].state.plugged is missing" },
                { "{" HOST_REQUIRED ",\"ended\":[" ENDED ",{}]}", "ended[1].seq is missing" },
                { "{" HOST_REQUIRED ",\"problems\":[1]}", "problems[0] is not a plain string" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                inventory_fails(cases[i].text, cases[i].sentence);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_full_inventory),
                cmocka_unit_test(functions_are_told_where_they_are_known),
                cmocka_unit_test(keys_are_told_though_there_be_none),
                cmocka_unit_test(an_empty_host),
                cmocka_unit_test(wrong_inventories_are_named_by_path),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
