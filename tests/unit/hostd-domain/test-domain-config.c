/*
 * Configs: what GPUs lay over them
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hostd/domain/domain-config.h"

#define ORDER(platform, config, vgpus, pcis)                                                                 \
        "{\"version\":1,\"epoch\":1,\"token\":\"0f6d1c80-6d9a-4c53-8e0f-3f5b0a7f2b02\",\"vm\":{\"uuid\":"    \
        "\"f9d68e9f-61af-4f96-b112-837db3b6dac2\",\"name_label\":\"hvm1\",\"owner\":\"\",\"affinity\":\"\"," \
        "\"platform\":{" platform "},\"config\":" config "},\"vgpus\":[" vgpus "],\"pcis\":[" pcis "]}"
#define HVM                                                                                                  \
        "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":131072,\"target_memkb\":65536,\"max_"      \
        "vcpus\":1}}"
#define NVIDIA                                                                                               \
        "{\"id\":[\"f9d68e9f-61af-4f96-b112-837db3b6dac2\",\"0\"],\"position\":0,\"physical_pci_address\":{" \
        "\"domain\":0,\"bus\":3,"                                                                            \
        "\"dev\":0,\"fn\":0},\"implementation\":[\"Nvidia\",{\"type_id\":\"11\"}]}"
#define GVT                                                                                                  \
        "{\"id\":[\"f9d68e9f-61af-4f96-b112-837db3b6dac2\",\"0\"],\"position\":0,\"physical_pci_address\":{" \
        "\"domain\":0,\"bus\":0,"                                                                            \
        "\"dev\":2,\"fn\":0},\"implementation\":[\"GVT_g\",{\"low_gm_sz\":128,\"high_gm_sz\":384,\"fence_"   \
        "sz\":4}]}"
#define PCI                                                                                                  \
        "{\"id\":[\"f9d68e9f-61af-4f96-b112-837db3b6dac2\",\"0000:03:00.0\"],\"position\":0,\"address\":{"   \
        "\"domain\":0,\"bus\":3,"                                                                            \
        "\"dev\":0,\"fn\":0}}"

static void read_order(const char *text, StartOrder *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};

        assert_int_equal(json_parse(&reader, text, strlen(text), &o), 0);
        if (start_order_parse(&reader, o, ret) < 0)
                fail_msg("%s", reader.error);
}

static struct json_object *lay_out(const char *text) {
        _cleanup_(start_order_done) StartOrder order = {};
        struct json_object *config = NULL;
        char *error = NULL;
        ErrorCode code;

        read_order(text, &order);
        assert_int_equal(
                domain_config_lay_out(&order, "/usr/libexec/xenvgpu/xenvgpu-dm", &config, &code, &error), 0);
        return config;
}

/* The member at a path like "b_info/type.hvm/vga/kind", as text; NULL when it is not there. */
static const char *at(struct json_object *o, const char *path) {
        char name[64];

        for (;;) {
                size_t n = strcspn(path, "/");

                assert_true(n < sizeof(name));
                memcpy(name, path, n);
                name[n] = '\0';
                if (!json_object_object_get_ex(o, name, &o))
                        return NULL;
                if (path[n] == '\0')
                        return json_object_get_string(o);
                path += n + 1;
        }
}

static void every_vm_gets_its_uuid_and_our_device_model(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(ORDER("",
                "{\"c_info\":{\"type\":\"hvm\",\"domid\":7,\"uuid\":\"00000000-0000-4000-8000-000000000009\"}"
                ","
                "\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1,\"type.hvm\":{\"vga\":{\"kind\":\"std\"}}}"
                "}",
                "", ""));

        assert_string_equal(at(config, "c_info/uuid"), "f9d68e9f-61af-4f96-b112-837db3b6dac2");
        assert_string_equal(at(config, "c_info/name"), "hvm1");
        assert_null(at(config, "c_info/domid"));
        assert_string_equal(at(config, "b_info/device_model"), "/usr/libexec/xenvgpu/xenvgpu-dm");
        assert_string_equal(at(config, "b_info/type.hvm/vga/kind"), "std");
        assert_null(at(config, "b_info/video_memkb"));
}

static void an_nvidia_vgpu_is_the_display(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(ORDER("", HVM, NVIDIA, ""));

        assert_string_equal(at(config, "b_info/type.hvm/vga/kind"), "none");
        assert_string_equal(at(config, "b_info/video_memkb"), "16384");
        assert_null(at(config, "pcidevs"));
}

static void more_video_memory_is_kept(void **state) {
        _cleanup_json_ struct json_object *platform = lay_out(ORDER("\"videoram\":\"32\"", HVM, NVIDIA, ""));
        _cleanup_json_ struct json_object *config = lay_out(ORDER("",
                "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1,\"video_"
                "memkb\":65536}}",
                NVIDIA, ""));

        assert_string_equal(at(platform, "b_info/video_memkb"), "32768");
        assert_string_equal(at(config, "b_info/video_memkb"), "65536");
}

static void a_gvt_g_guest_keeps_its_card(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(ORDER("", HVM, GVT, ""));

        assert_null(at(config, "b_info/type.hvm/vga/kind"));
        assert_string_equal(at(config, "b_info/video_memkb"), "16384");
}

static void without_a_vgpu_the_platform_chooses_what_the_config_leaves_open(void **state) {
        static const struct {
                const char *platform, *config, *kind, *video_memkb;
        } cases[] = {
                { "", HVM, NULL, NULL },
                { "\"vga\":\"std\"", HVM, "std", NULL },
                { "\"vga\":\"cirrus\"", HVM, NULL, NULL },
                { "\"vga\":\"qxl\"", HVM, "qxl", NULL },
                { "\"vga\":\"none\",\"videoram\":\"8\"", HVM, "none", NULL },
                { "\"videoram\":\"9\"", HVM, NULL, "9216" },
                { "\"videoram\":\"15\"", HVM, NULL, "15360" },
                { "\"videoram\":\"32\"", HVM, NULL, "32768" },
                /* Less than a card needs is the least that libxl takes for it; no number is none, as in xapi. */
                { "\"videoram\":\"4\"", HVM, NULL, "8192" },
                { "\"vga\":\"std\",\"videoram\":\"9\"", HVM, "std", "16384" },
                { "\"vga\":\"qxl\",\"videoram\":\"16\"", HVM, "qxl", "131072" },
                { "\"videoram\":\"none\"", HVM, NULL, "8192" },
                { "\"vga\":\"std\",\"videoram\":\"16\"",
                        "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1,"
                        "\"video_memkb\":8192,\"type.hvm\":{\"vga\":{\"kind\":\"cirrus\"}}}}",
                        "cirrus", "8192" },
                { "\"vga\":\"std\",\"videoram\":\"32\"",
                        "{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1}}", NULL,
                        NULL },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                _cleanup_json_ struct json_object *config = NULL;
                char text[2048];
                const char *kind, *video;

                snprintf(text, sizeof(text), ORDER("%s", "%s", "", ""), cases[i].platform, cases[i].config);
                config = lay_out(text);
                kind = at(config, "b_info/type.hvm/vga/kind");
                video = at(config, "b_info/video_memkb");
                assert_string_equal(kind ? kind : "", cases[i].kind ? cases[i].kind : "");
                assert_string_equal(video ? video : "", cases[i].video_memkb ? cases[i].video_memkb : "");
        }
}

static void what_libxl_cannot_do_is_refused_by_name(void **state) {
        static const struct {
                const char *order, *error;
        } cases[] = {
                { ORDER("\"vga\":\"bochs\"", HVM, "", ""), "platform.vga is 'bochs', which libxl does not have; take "
                                                           "cirrus, std, qxl or none" },
                { ORDER("\"igd_passthrough\":\"true\"", HVM, "", ""), "platform.igd_passthrough is true" },
                { ORDER("\"igd_passthrough\":\"yes\"", HVM, "", ""), "platform.igd_passthrough is 'yes'" },
                { ORDER("\"viridian\":\"maybe\"", HVM, "", ""), "platform.viridian is 'maybe', which is neither" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(start_order_done) StartOrder order = {};
                _cleanup_json_ struct json_object *config = NULL;
                _cleanup_free_ char *error = NULL;
                ErrorCode code;

                read_order(cases[i].order, &order);
                assert_int_equal(domain_config_lay_out(&order, "dm", &config, &code, &error), -EINVAL);
                assert_int_equal(code, ERROR_INVALID_RECORD);
                if (!strstr(error, cases[i].error))
                        fail_msg("%s", error);
        }
}

static void xapis_switches_are_carried_over(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(
                ORDER("\"viridian\":\"true\",\"nx\":\"0\",\"acpi\":\"1\",\"exp-nested-hvm\":\"TRUE\",\"hpet\":\"false\"",
                        "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1,"
                        "\"type.hvm\":{\"hpet\":\"True\"}}}",
                        "", ""));

        assert_string_equal(at(config, "b_info/type.hvm/viridian"), "True");
        assert_string_equal(at(config, "b_info/type.hvm/nx"), "False");
        assert_string_equal(at(config, "b_info/acpi"), "True");
        assert_string_equal(at(config, "b_info/nested_hvm"), "True");
        assert_string_equal(at(config, "b_info/type.hvm/hpet"), "True"); /* the config's own word */
        assert_null(at(config, "b_info/type.hvm/pae"));
}

/* What reads it stands beside the guest: xenstore's folder platform. */
static void the_platform_is_handed_to_the_guest(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(
                ORDER("\"vgpu_vnc_enabled\":\"true\",\"a/b\":\"1\",\"..\":\"2\",\"\":\"3\"", HVM, NVIDIA, ""));
        _cleanup_json_ struct json_object *none = lay_out(ORDER("", HVM, "", ""));

        assert_string_equal(at(config, "c_info/platformdata/vgpu_vnc_enabled"), "true");
        assert_int_equal(json_object_object_length(JSON_AT(config, "c_info", "platformdata")), 1);
        assert_null(at(none, "c_info/platformdata"));
}

static void a_passed_through_function_wants_its_memory_at_once(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(ORDER("", HVM, "", PCI)), *devices = NULL;

        devices = json_object_get(json_object_object_get(config, "pcidevs"));
        assert_int_equal(json_object_array_length(devices), 1);
        assert_string_equal(at(json_object_array_get_idx(devices, 0), "bus"), "3");
        assert_string_equal(at(config, "b_info/target_memkb"), "131072");
}

/* qemu does not know which slots the emulator has. */
static void a_whole_gpu_gets_no_slot_of_the_emulator(void **state) {
        _cleanup_json_ struct json_object *beside = lay_out(ORDER("", HVM, NVIDIA, PCI)), *alone = lay_out(ORDER("", HVM, "", PCI));
        struct json_object *function = json_object_array_get_idx(json_object_object_get(beside, "pcidevs"), 0);

        assert_string_equal(at(function, "vdevfn"), "248"); /* slot 31; the VGPU has 11 */
        assert_null(at(json_object_array_get_idx(json_object_object_get(alone, "pcidevs"), 0), "vdevfn"));
}

static void a_function_is_not_passed_through_twice(void **state) {
        _cleanup_json_ struct json_object *config = lay_out(ORDER("",
                "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1},"
                "\"pcidevs\":[{\"bus\":3,\"vfunc_mask\":1}]}",
                "", PCI));

        assert_int_equal(json_object_array_length(json_object_object_get(config, "pcidevs")), 1);
}

static void a_gpu_needs_hvm(void **state) {
        static const char *const orders[] = {
                ORDER("", "{\"c_info\":{\"type\":\"pv\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1}}",
                        NVIDIA, ""),
                ORDER("", "{\"c_info\":{\"type\":\"pvh\"},\"b_info\":{\"max_memkb\":131072,\"max_vcpus\":1}}",
                        "", PCI),
        };

        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                _cleanup_(start_order_done) StartOrder order = {};
                _cleanup_json_ struct json_object *config = NULL;
                _cleanup_free_ char *error = NULL;
                ErrorCode code;

                read_order(orders[i], &order);
                assert_int_equal(domain_config_lay_out(&order, "dm", &config, &code, &error), -EINVAL);
                assert_int_equal(code, ERROR_FEATURE_REQUIRES_HVM);
                assert_non_null(error);
        }
}

static DomainRules rules(const char *text) {
        _cleanup_json_ struct json_object *config = json_tokener_parse(text);
        DomainRules r;

        assert_non_null(config);
        domain_config_rules(config, &r);
        return r;
}

static void libxl_leaves_out_what_is_destroyed(void **state) {
        assert_int_equal(rules("{}").on_reboot, AFTER_DEATH_RESTART);
        assert_int_equal(rules("{}").on_crash, AFTER_DEATH_DESTROY);
        assert_int_equal(rules("{\"on_soft_reset\":\"soft_reset\"}").on_reboot, AFTER_DEATH_DESTROY);
        assert_int_equal(rules("{\"on_reboot\":\"restart\",\"on_crash\":\"preserve\"}").on_reboot,
                AFTER_DEATH_RESTART);
        assert_int_equal(rules("{\"on_reboot\":\"restart\",\"on_crash\":\"preserve\"}").on_crash,
                AFTER_DEATH_PRESERVE);
        assert_int_equal(rules("{\"on_crash\":\"restart_rename\"}").on_crash, AFTER_DEATH_RESTART);
        assert_int_equal(rules("{\"on_crash\":\"coredump_destroy\"}").on_crash, AFTER_DEATH_DUMP_DESTROY);
        assert_int_equal(rules("{\"on_crash\":\"COREDUMP_RESTART\"}").on_crash, AFTER_DEATH_DUMP_RESTART);
        assert_int_equal(rules("{\"on_crash\":\"soft_reset\"}").on_crash, AFTER_DEATH_DESTROY);
        assert_int_equal(rules("{\"on_crash\":\"restart\"}").on_watchdog, AFTER_DEATH_DESTROY);
        assert_int_equal(rules("{\"on_watchdog\":\"preserve\"}").on_watchdog, AFTER_DEATH_PRESERVE);
        assert_int_equal(rules("{\"on_poweroff\":\"restart\"}").on_poweroff, AFTER_DEATH_RESTART);
        assert_int_equal(rules("{\"on_poweroff\":3}").on_poweroff, AFTER_DEATH_DESTROY);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_vm_gets_its_uuid_and_our_device_model),
                cmocka_unit_test(an_nvidia_vgpu_is_the_display),
                cmocka_unit_test(more_video_memory_is_kept),
                cmocka_unit_test(a_gvt_g_guest_keeps_its_card),
                cmocka_unit_test(without_a_vgpu_the_platform_chooses_what_the_config_leaves_open),
                cmocka_unit_test(what_libxl_cannot_do_is_refused_by_name),
                cmocka_unit_test(xapis_switches_are_carried_over),
                cmocka_unit_test(the_platform_is_handed_to_the_guest),
                cmocka_unit_test(a_passed_through_function_wants_its_memory_at_once),
                cmocka_unit_test(a_whole_gpu_gets_no_slot_of_the_emulator),
                cmocka_unit_test(a_function_is_not_passed_through_twice),
                cmocka_unit_test(a_gpu_needs_hvm),
                cmocka_unit_test(libxl_leaves_out_what_is_destroyed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
