/*
 * VM and import records, and what placement reads out of a config
 */

#include "protocol/import.h"
#include "protocol/vm-record.h"
#include "tests/unit/protocol/record-test.h"

DEFINE_RECORD_TEST(vm, VmRecord, vm_record)
DEFINE_RECORD_TEST(import, ImportRecord, import_record)

#define CONFIG "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_vcpus\":2,\"max_memkb\":1048576}}"
#define VM_HEAD "\"uuid\":\"" VM_UUID "\",\"name_label\":\"web\""
#define VM_REST "\"owner\":\"me\",\"affinity\":\"alpha\",\"platform\":{\"vga\":\"std\"},\"config\":" CONFIG

static void vm_records(void **state) {
        vm_goes("{" VM_HEAD "," VM_REST "}", "{" VM_HEAD "," VM_REST "}");
        vm_goes("{\"name_label\":\"web\",\"config\":" CONFIG ",\"later\":1}",
                "{\"name_label\":\"web\",\"owner\":\"\",\"affinity\":\"\",\"platform\":{},\"config\":" CONFIG "}");
}

static void configs_are_kept_as_they_came(void **state) {
        static const char text[] = "{\"name_label\":\"web\",\"owner\":\"\",\"affinity\":\"\",\"platform\":{},\"config\":"
                "{\"z\":[1,2.5,null,{\"y\":\"True\"}],\"b_info\":{\"target_memkb\":65536,\"type.hvm\":{}},\"a\":-1}}";

        vm_goes(text, text);
}

static void wrong_vm_records_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{}", "name_label is missing" },
                { "{\"name_label\":\"web\"}", "config is missing" },
                { "{\"name_label\":\"web\",\"config\":\"x\"}", "config is a string, not an object" },
                { "{\"name_label\":\"web\",\"uuid\":\"x\"}", "uuid is 'x', not a UUID" },
                { "{\"name_label\":\"web\",\"platform\":{\"videoram\":16}}",
                        "platform.videoram is a whole number, not a string" },
                { "{\"name_label\":\"web\",\"config\":{}}", "config.b_info is missing" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{}}}", "config.b_info.max_memkb is missing" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":0}}}",
                        "config.b_info.max_memkb is missing" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":\"1\"}}}",
                        "config.b_info.max_memkb is a string, not a whole number" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":18446744073709551615}}}",
                        "config.b_info.max_memkb is out of range" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":1024,\"max_vcpus\":0}}}",
                        "config.b_info.max_vcpus is 0, not from 1 to 512" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":1024},\"nics\":{}}}",
                        "config.nics is an object, not an array" },
                { "{\"name_label\":\"web\",\"config\":{\"b_info\":{\"max_memkb\":1024},\"disks\":[{},{\"pdev_path\":1}]}}",
                        "config.disks[1].pdev_path is a whole number, not a string" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                vm_fails(cases[i].text, cases[i].sentence);
}

static VmNeeds needs_of(const char *text, bool has_vgpu) {
        _cleanup_json_ struct json_object *config = json_of(text);
        JsonReader r = {};
        VmNeeds needs;

        if (vm_config_needs(&r, config, has_vgpu, &needs) < 0)
                fail_msg("%s", r.error);
        return needs;
}

static void functions_of_a_config(void **state) {
        VmNeeds n = needs_of("{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1024},\"pcidevs\":["
                             "{\"bus\":3},{\"domain\":1,\"bus\":255,\"dev\":31,\"func\":7},{\"bus\":256},{\"dev\":32},7,"
                             "{}]}",
                false);

        assert_string_equal(n.functions[0], "0000:03:00.0");
        assert_string_equal(n.functions[1], "0001:ff:1f.7");
        assert_string_equal(n.functions[2], "0000:00:00.0");
        assert_null(n.functions[3]);
        vm_needs_done(&n);
}

static void needs_of_a_config(void **state) {
        VmNeeds n = needs_of("{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_vcpus\":2,\"max_memkb\":1048576,"
                             "\"target_memkb\":524288},\"nics\":[{\"bridge\":\"xenbr0\"},{\"bridge\":\"xenbr1\"},"
                             "{\"bridge\":\"xenbr0\"},{\"devid\":3}],\"disks\":[{\"pdev_path\":\"/a\"},{\"vdev\":\"hdc\"},"
                             "{\"pdev_path\":\"/a\"},{\"pdev_path\":\"\"}]}",
                /* has_vgpu= */ false);

        assert_true(n.hvm);
        assert_int_equal(n.vcpus, 2);
        assert_int_equal(n.max_memory, 1 << 30);
        assert_int_equal(n.target_memory, 512 << 20);
        assert_int_equal(n.memory, (1 << 30) + ((4 + 4 + 2) << 20));
        assert_string_equal(n.networks[0], "xenbr0");
        assert_string_equal(n.networks[1], "xenbr1");
        assert_null(n.networks[2]);
        assert_string_equal(n.storage[0], "/a");
        assert_null(n.storage[1]);
        vm_needs_done(&n);
}

static void video_memory_counts(void **state) {
        static const struct {
                const char *config;
                unsigned plain_mib, vgpu_mib;
        } cases[] = {
                { "{\"b_info\":{\"max_memkb\":1048576}}", 1024 + 4 + 5, 1024 + 16 + 5 },
                { "{\"b_info\":{\"target_memkb\":1048576,\"video_memkb\":8192}}", 1024 + 8 + 5, 1024 + 16 + 5 },
                { "{\"b_info\":{\"max_memkb\":1048576,\"video_memkb\":32768}}", 1024 + 32 + 5, 1024 + 32 + 5 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                VmNeeds plain = needs_of(cases[i].config, false), vgpu = needs_of(cases[i].config, true);

                assert_int_equal(plain.memory >> 20, cases[i].plain_mib);
                assert_int_equal(vgpu.memory >> 20, cases[i].vgpu_mib);
                assert_int_equal(plain.vcpus, 1);
                assert_false(plain.hvm);
                assert_true(plain.target_memory == plain.max_memory);
                vm_needs_done(&plain);
                vm_needs_done(&vgpu);
        }
}

static void a_made_config_has_what_was_asked_for(void **state) {
        _cleanup_json_ struct json_object *config = NULL;
        JsonReader r = {};
        VmNeeds n;

        assert_ok(vm_config_make("web", UINT64_C(2) << 30, 3, &config));
        assert_ok(vm_config_needs(&r, config, false, &n));
        assert_true(n.hvm);
        assert_int_equal(n.vcpus, 3);
        assert_true(n.max_memory == UINT64_C(2) << 30 && n.target_memory == n.max_memory);
        vm_needs_done(&n);
}

static VmRecord vm_with_platform(const char *platform) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader r = {};
        VmRecord v;

        assert_true(asprintf(&text, "{\"name_label\":\"web\",\"platform\":%s,\"config\":" CONFIG "}", platform) > 0);
        o = json_of(text);
        assert_ok(vm_record_parse(&r, o, &v));
        return v;
}

static void video_cards(void **state) {
        static const struct {
                const char *platform;
                bool has_vgpu;
                VideoCard card;
                uint32_t mib;
        } cases[] = {
                { "{}", false, VIDEO_CIRRUS, 4 },
                { "{}", true, VIDEO_VGPU, 16 },
                { "{\"vga\":\"std\",\"videoram\":\"8\"}", false, VIDEO_STANDARD_VGA, 8 },
                { "{\"vga\":\"std\",\"videoram\":\"8\"}", true, VIDEO_VGPU, 16 },
                { "{\"vga\":\"cirrus\",\"videoram\":\"32\"}", true, VIDEO_VGPU, 32 },
                { "{\"vga\":\"other\",\"videoram\":\"much\"}", false, VIDEO_CIRRUS, 4 },
                { "{\"igd_passthrough\":\"true\",\"vga\":\"std\"}", false, VIDEO_IGD_PASSTHROUGH, 4 },
                { "{\"igd_passthrough\":\"true\"}", true, VIDEO_VGPU, 16 },
                { "{\"vgpu_pci_id\":\"0000:84:00.0\",\"vgpu_config\":\"/c\",\"vga\":\"std\"}", false, VIDEO_VGPU, 16 },
                { "{\"vgpu_pci_id\":\"0000:84:00.0\",\"vga\":\"std\"}", false, VIDEO_STANDARD_VGA, 4 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                VmRecord v = vm_with_platform(cases[i].platform);

                assert_int_equal(vm_record_video_card(&v, cases[i].has_vgpu), cases[i].card);
                assert_int_equal(vm_record_video_mib(&v, cases[i].has_vgpu), cases[i].mib);
                vm_record_done(&v);
        }
        assert_string_equal(video_card_to_string(VIDEO_CIRRUS), "Cirrus");
        assert_string_equal(video_card_to_string(VIDEO_STANDARD_VGA), "Standard_VGA");
        assert_string_equal(video_card_to_string(VIDEO_VGPU), "Vgpu");
        assert_string_equal(video_card_to_string(VIDEO_IGD_PASSTHROUGH), "IGD_passthrough");
        assert_null(video_card_to_string(_VIDEO_CARD_MAX));
}

static void the_platform_form_of_6_x(void **state) {
        VmRecord v = vm_with_platform("{\"vgpu_pci_id\":\"0000:84:00.0\",\"vgpu_config\":\"/c\",\"vgpu_extra_args\":\"a\"}");
        JsonReader r = {};
        PlatformVgpu p;

        assert_int_equal(vm_record_platform_vgpu(&r, &v, &p), 1);
        assert_string_equal(PCI_TEXT(&p.pci_id), "0000:84:00.0");
        assert_string_equal(p.config, "/c");
        assert_string_equal(p.extra_args, "a");
        vm_record_done(&v);

        v = vm_with_platform("{\"vgpu_pci_id\":\"84:00.0\",\"vgpu_config\":\"/c\"}");
        assert_int_equal(vm_record_platform_vgpu(&r, &v, &p), 1);
        assert_null(p.extra_args);
        vm_record_done(&v);

        v = vm_with_platform("{\"vgpu_config\":\"/c\"}");
        assert_int_equal(vm_record_platform_vgpu(&r, &v, &p), 0);
        assert_null(vm_record_platform(&v, "vgpu_pci_id"));
        vm_record_done(&v);

        v = vm_with_platform("{\"vgpu_pci_id\":\"first\",\"vgpu_config\":\"/c\"}");
        assert_int_equal(vm_record_platform_vgpu(&r, &v, &p), -EINVAL);
        assert_string_equal(r.error, "platform.vgpu_pci_id is 'first', not a PCI address like 0000:84:00.0");
        vm_record_done(&v);

        r = (JsonReader){};
        v = vm_with_platform("{\"vgpu_pci_id\":\"84:00.0\",\"vgpu_config\":\"\"}");
        assert_int_equal(vm_record_platform_vgpu(&r, &v, &p), -EINVAL);
        assert_string_equal(r.error, "platform.vgpu_config is empty, beside vgpu_pci_id 84:00.0: name the type's file, such as "
                                     "grid_k100.conf, or take both out");
        vm_record_done(&v);
}

#define EMPTY_TYPE                                                                                                    \
        "{\"identifier\":\"\",\"vendor_name\":\"NVIDIA\",\"model_name\":\"GRID K100\","   \
        "\"framebuffer_size\":0,\"max_heads\":0,\"max_resolution_x\":0,\"max_resolution_y\":0,\"size\":0,"             \
        "\"experimental\":false,\"compatible_types_in_vm\":[],\"compatible_types_on_pgpu\":[],"                     \
        "\"implementation\":\"nvidia\",\"internal_config\":{}}"
#define GROUP "\"gpu_group\":{\"name_label\":\"K1\",\"gpu_types\":[\"10de/0ff2\"]}"

static void imports(void **state) {
        static const char full[] = "{" VM_HEAD "," VM_REST ",\"vgpus\":[{\"device\":\"1\",\"uuid\":\"" VGPU_UUID "\"," GROUP
                ",\"type\":" EMPTY_TYPE "}]}";
        static const char grouped[] = "{" VM_HEAD "," VM_REST ",\"vgpus\":[],\"groups\":[{\"uuid\":\"" VGPU_UUID
                "\",\"name_label\":\"web\",\"name_description\":\"\",\"placement\":\"anti_affinity\"}]}";

        import_goes(full, full);
        import_goes(grouped, grouped);
        import_goes("{" VM_HEAD "," VM_REST ",\"groups\":[]}", "{" VM_HEAD "," VM_REST ",\"vgpus\":[]}");
        import_goes("{" VM_HEAD "," VM_REST ",\"vgpus\":[{\"gpu_group\":{},\"type\":{\"vendor_name\":\"NVIDIA\","
                    "\"model_name\":\"GRID K100\"}}]}",
                "{" VM_HEAD "," VM_REST ",\"vgpus\":[{\"gpu_group\":{\"name_label\":\"\",\"gpu_types\":[]},\"type\":"
                EMPTY_TYPE "}]}");
        import_goes("{" VM_HEAD "," VM_REST "}", "{" VM_HEAD "," VM_REST ",\"vgpus\":[]}");
}

static void wrong_imports_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":7}", "vgpus is a whole number, not an array" },
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":[7]}", "vgpus[0] is a whole number, not an object" },
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":[{}]}", "vgpus[0].gpu_group is missing" },
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":[{" GROUP ",\"type\":" EMPTY_TYPE "},{" GROUP "}]}",
                        "vgpus[1].type is missing" },
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":[{" GROUP ",\"type\":{\"vendor_name\":\"x\"}}]}",
                        "vgpus[0].type.model_name is missing" },
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":[{\"gpu_group\":{\"gpu_types\":[1]}}]}",
                        "vgpus[0].gpu_group.gpu_types[0] is not a plain string" },
                { "{" VM_HEAD "," VM_REST ",\"vgpus\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}",
                        "vgpus has 22 elements; the limit is 21" },
                { "{" VM_HEAD "," VM_REST ",\"groups\":[{\"placement\":\"normal\"}]}", "groups[0].name_label is missing" },
                { "{" VM_HEAD "," VM_REST ",\"groups\":[{\"name_label\":\"a\"},{\"name_label\":\"b\"}]}",
                        "groups has 2 elements; the limit is 1" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                import_fails(cases[i].text, cases[i].sentence);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vm_records),
                cmocka_unit_test(configs_are_kept_as_they_came),
                cmocka_unit_test(wrong_vm_records_are_named_by_path),
                cmocka_unit_test(functions_of_a_config),
                cmocka_unit_test(needs_of_a_config),
                cmocka_unit_test(video_memory_counts),
                cmocka_unit_test(a_made_config_has_what_was_asked_for),
                cmocka_unit_test(video_cards),
                cmocka_unit_test(the_platform_form_of_6_x),
                cmocka_unit_test(imports),
                cmocka_unit_test(wrong_imports_are_named_by_path),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
