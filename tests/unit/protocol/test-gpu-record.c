/*
 * VGPU, PCI and state records in xenopsd's shape
 */

#include "protocol/gpu-record.h"
#include "protocol/type-record.h"
#include "tests/unit/protocol/record-test.h"

DEFINE_PART(vgpu_record, VgpuRecord)
DEFINE_PART(vgpu_state, VgpuState)
DEFINE_PART(pci_record, PciRecord)
DEFINE_RECORD_TEST(vgpu, VgpuRecord, vgpu_record)
DEFINE_RECORD_TEST(vgpu_state, VgpuState, vgpu_state)
DEFINE_RECORD_TEST(pci, PciRecord, pci_record)
DEFINE_RECORD_TEST(type, TypeRecord, type_record)

#define HEAD "\"id\":[\"" VM_UUID "\",\"0\"],\"position\":0,\"physical_pci_address\":" K1_ADDRESS
#define SLOT "{\"domain\":0,\"bus\":0,\"dev\":11,\"fn\":0}"

static void nvidia_records(void **state) {
        static const char full[] =
                "{" HEAD ",\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":" SLOT ",\"type_id\":\"11\","
                "\"config_file\":\"/usr/share/nvidia/vgx/grid_k100.conf\",\"uuid\":\"" VGPU_UUID "\","
                "\"vclass\":\"NVS\",\"extra_args\":\"a=b\"}]}";

        vgpu_goes(full, full);
}

static void defaults_of_nvidia_records(void **state) {
        vgpu_goes("{\"id\":[\"" VM_UUID "\",\"0\"],\"physical_pci_address\":" K1_ADDRESS
                  ",\"implementation\":[\"Nvidia\",{\"type_id\":\"11\"}]}",
                "{" HEAD ",\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":" SLOT
                ",\"type_id\":\"11\",\"extra_args\":\"\"}]}");
}

static void names_match_in_any_case_and_unknown_members_are_ignored(void **state) {
        vgpu_goes("{\"ID\":[\"" VM_UUID "\",\"0\"],\"Position\":0,\"later\":{\"x\":[1]},\"Physical_PCI_Address\":" K1_ADDRESS
                  ",\"Implementation\":[\"NVIDIA\",{\"Type_Id\":\"11\",\"unknown\":null}]}",
                "{" HEAD ",\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":" SLOT
                ",\"type_id\":\"11\",\"extra_args\":\"\"}]}");
        vgpu_state_goes("{\"ACTIVE\":true,\"Plugged\":false,\"x\":1}", "{\"active\":true,\"plugged\":false}");
}

static void sriov_records_name_their_function(void **state) {
        static const char full[] = "{" HEAD ",\"virtual_pci_address\":{\"domain\":0,\"bus\":132,\"dev\":0,\"fn\":4},"
                "\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":" SLOT ",\"type_id\":\"11\",\"extra_args\":\"\"}]}";

        vgpu_goes(full, full);
}

static void gvt_g_and_mxgpu_records(void **state) {
        static const char gvt_g[] = "{" HEAD ",\"implementation\":[\"GVT_g\",{\"low_gm_sz\":128,\"high_gm_sz\":384,"
                "\"fence_sz\":4}]}";
        static const char mxgpu[] = "{" HEAD ",\"implementation\":[\"MxGPU\",{\"vgpus_per_pgpu\":4,"
                "\"framebufferbytes\":134217728}]}";

        static const char sriov[] = "{" HEAD ",\"implementation\":[\"SRIOV\",{\"identifier\":\"0001:sriov,8086,e212,,4,0,14,0,high\","
                "\"vfs_per_pgpu\":4,\"framebufferbytes\":0,\"exec_quantum_ms\":20,\"preempt_timeout_us\":0,\"priority\":\"high\"}]}";

        vgpu_goes(gvt_g, gvt_g);
        vgpu_goes(mxgpu, mxgpu);
        vgpu_goes(sriov, sriov);
}

static void wrong_vgpu_records_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{}", "id is missing" },
                { "[]", "The record is an array, not an object" },
                { "{\"id\":\"x\"}", "id is a string, not an array" },
                { "{\"id\":[\"" VM_UUID "\"]}", "id is not an array of the VM's UUID and the device" },
                { "{\"id\":[\"" VM_UUID "\",0]}", "id is not an array of the VM's UUID and the device" },
                { "{\"id\":[\"web\",\"0\"]}", "id[0] is 'web', not a UUID" },
                { "{\"id\":[\"" VM_UUID "\",\"-1\"]}", "id[1] is '-1', not a device from 0 to 20" },
                { "{\"id\":[\"" VM_UUID "\",\"21\"]}", "id[1] is '21', not a device from 0 to 20" },
                { "{\"id\":[\"" VM_UUID "\",\"0\"]}", "physical_pci_address is missing" },
                { "{\"id\":[\"" VM_UUID "\",\"0\"],\"position\":\"0\"}", "position is a string, not a whole number" },
                { "{\"id\":[\"" VM_UUID "\",\"0\"],\"physical_pci_address\":{\"domain\":0,\"bus\":1,\"dev\":32,\"fn\":0}}",
                        "physical_pci_address.dev is 32; the highest is 31" },
                { "{" HEAD "}", "implementation is missing" },
                { "{" HEAD ",\"implementation\":\"Nvidia\"}", "implementation is a string, not an array" },
                { "{" HEAD ",\"implementation\":[\"Nvidia\"]}", "implementation is not an array of a name and a value" },
                { "{" HEAD ",\"implementation\":[\"Voodoo\",{}]}",
                        "implementation[0] is 'Voodoo', not Nvidia, GVT_g, MxGPU or SRIOV" },
                { "{" HEAD ",\"implementation\":[\"Nvidia\",{}]}", "implementation[1].type_id is missing" },
                { "{" HEAD ",\"implementation\":[\"Nvidia\",7]}",
                        "implementation[1] is a whole number, not an object" },
                { "{" HEAD ",\"implementation\":[\"Nvidia\",{\"type_id\":11}]}",
                        "implementation[1].type_id is a whole number, not a string" },
                { "{" HEAD ",\"implementation\":[\"Nvidia\",{\"type_id\":\"11\",\"uuid\":\"x\"}]}",
                        "implementation[1].uuid is 'x', not a UUID" },
                { "{" HEAD ",\"implementation\":[\"Nvidia\",{\"type_id\":\"11\",\"virtual_pci_address\":{}}]}",
                        "implementation[1].virtual_pci_address.domain is missing" },
                { "{" HEAD ",\"implementation\":[\"GVT_g\",{\"low_gm_sz\":128,\"high_gm_sz\":384}]}",
                        "implementation[1].fence_sz is missing" },
                { "{" HEAD ",\"implementation\":[\"MxGPU\",{\"vgpus_per_pgpu\":-1}]}",
                        "implementation[1].vgpus_per_pgpu is negative" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                vgpu_fails(cases[i].text, cases[i].sentence);
}

static void states(void **state) {
        vgpu_state_goes("{\"active\":true,\"plugged\":true,\"emulator_pid\":1234}",
                "{\"active\":true,\"plugged\":true,\"emulator_pid\":1234}");
        vgpu_state_goes("{\"active\":false,\"plugged\":false,\"emulator_pid\":null}",
                "{\"active\":false,\"plugged\":false}");
        vgpu_state_fails("{\"active\":true}", "plugged is missing");
        vgpu_state_fails("{\"active\":1,\"plugged\":true}", "active is a whole number, not true or false");
}

static void pci_records(void **state) {
        static const char full[] = "{\"id\":[\"" VM_UUID "\",\"0000:84:00.0\"],\"position\":2,\"address\":" K1_ADDRESS "}";

        pci_goes(full, full);
        pci_fails("{\"id\":[\"" VM_UUID "\",\"0000:84:00.0\"]}", "address is missing");
}

#define TYPE_NAMES "\"vendor_name\":\"NVIDIA Corporation\",\"model_name\":\"GRID K100\""
#define TYPE_NUMBERS "\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":1920,\"max_resolution_y\":1200"

static void types_travel(void **state) {
        static const char full[] =
                "{\"identifier\":\"0001:nvidia,0ff2,,0fe7,101e\"," TYPE_NAMES "," TYPE_NUMBERS ",\"size\":131072,"
                "\"experimental\":true,\"compatible_types_in_vm\":[\"0001:a\"],"
                "\"compatible_types_on_pgpu\":[\"0001:nvidia,0ff2,,0fe7,101e\"],"
                "\"implementation\":\"nvidia\",\"internal_config\":{\"type_id\":\"11\",\"vclass\":\"NVS\"}}";

        type_goes(full, full);
}

static void types_of_old_exports_have_names_only(void **state) {
        type_goes("{\"vendor_name\":\"NVIDIA Corporation\",\"model_name\":\"GRID K100\"}",
                "{\"identifier\":\"\"," TYPE_NAMES ",\"framebuffer_size\":0,\"max_heads\":0,"
                "\"max_resolution_x\":0,\"max_resolution_y\":0,\"size\":0,\"experimental\":false,"
                "\"compatible_types_in_vm\":[],\"compatible_types_on_pgpu\":[],"
                "\"implementation\":\"nvidia\",\"internal_config\":{}}");
}

static void an_identifier_alone_tells_the_implementation(void **state) {
        static const struct {
                const char *text;
                VgpuImplementation implementation;
        } cases[] = {
                { "{\"identifier\":\"0001:passthrough\"}", TYPE_PASSTHROUGH },
                { "{\"identifier\":\"0001:nvidia,0ff2,,0fe7,101e\"}", TYPE_NVIDIA },
                { "{\"identifier\":\"0001:gvt-g,041a,80,180,4\"}", TYPE_GVT_G },
                { "{\"identifier\":\"0001:mxgpu,6929,8000000\"}", TYPE_MXGPU },
                { "{\"identifier\":\"\",\"vendor_name\":\"\",\"model_name\":\"passthrough\"}", TYPE_PASSTHROUGH },
                { "{\"identifier\":\"x\",\"implementation\":\"NVIDIA_SRIOV\"}", TYPE_NVIDIA_SRIOV },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ struct json_object *o = json_of(cases[i].text);
                JsonReader r = {};
                TypeRecord t;

                assert_ok(type_record_parse(&r, o, &t));
                assert_int_equal(t.implementation, cases[i].implementation);
                assert_string_equal(t.vendor_name, "");
                type_record_done(&t);
        }
}

static void identifiers_of_old_exports_become_todays(void **state) {
        static const struct {
                const char *text, *identifier;
        } cases[] = {
                { "{\"model_name\":\"passthrough\"}", PASSTHROUGH_IDENTIFIER },
                { "{\"vendor_name\":\"V\",\"model_name\":\"passthrough\"}", "" },
                { "{\"identifier\":\"0001:gvt-g,041a,80,180,4\"}", "0001:gvt-g,041a,80,180,4" },
                { "{\"identifier\":\"0001:gvt-g,041a,80,180,4,\"}", "0001:gvt-g,041a,80,180,4" },
                { "{\"identifier\":\"0001:gvt-g,041a,80,180,4,/etc/gvt,g.conf\"}", "0001:gvt-g,041a,80,180,4" },
                { "{\"identifier\":\"0001:nvidia,0ff2,,0fe7,101e,x\"}", "0001:nvidia,0ff2,,0fe7,101e,x" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ struct json_object *o = json_of(cases[i].text);
                JsonReader r = {};
                TypeRecord t;

                assert_ok(type_record_parse(&r, o, &t));
                assert_string_equal(t.identifier, cases[i].identifier);
                type_record_done(&t);
        }
}

static void wrong_types_are_named_by_path(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{}", "vendor_name is missing (and so is identifier)" },
                { "{\"vendor_name\":\"x\"}", "model_name is missing (and so is identifier)" },
                { "{\"identifier\":7}", "identifier is a whole number, not a string" },
                { "{\"identifier\":\"x\",\"implementation\":\"voodoo\"}", "implementation is 'voodoo', not passthrough" },
                { "{\"identifier\":\"x\",\"max_heads\":-1}", "max_heads is negative" },
                { "{\"identifier\":\"x\",\"internal_config\":{\"type_id\":11}}",
                        "internal_config.type_id is a whole number, not a string" },
                { "{\"identifier\":\"x\",\"compatible_types_in_vm\":[\"a\",1]}",
                        "compatible_types_in_vm[1] is not a plain string" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                type_fails(cases[i].text, cases[i].sentence);
}

static void names_of_implementations(void **state) {
        for (int i = 0; i < _VGPU_IMPLEMENTATION_MAX; i++)
                assert_int_equal(word_to_value(&vgpu_implementation_words, word_of_value(&vgpu_implementation_words, i)), i);
        assert_int_equal(word_to_value(&vgpu_implementation_words, "GVT_G"), TYPE_GVT_G);
        assert_null(word_of_value(&vgpu_implementation_words, _VGPU_IMPLEMENTATION_MAX));
        assert_int_equal(word_to_value(&vgpu_implementation_words, ""), _VGPU_IMPLEMENTATION_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nvidia_records),
                cmocka_unit_test(defaults_of_nvidia_records),
                cmocka_unit_test(names_match_in_any_case_and_unknown_members_are_ignored),
                cmocka_unit_test(sriov_records_name_their_function),
                cmocka_unit_test(gvt_g_and_mxgpu_records),
                cmocka_unit_test(wrong_vgpu_records_are_named_by_path),
                cmocka_unit_test(states),
                cmocka_unit_test(pci_records),
                cmocka_unit_test(types_travel),
                cmocka_unit_test(types_of_old_exports_have_names_only),
                cmocka_unit_test(an_identifier_alone_tells_the_implementation),
                cmocka_unit_test(identifiers_of_old_exports_become_todays),
                cmocka_unit_test(wrong_types_are_named_by_path),
                cmocka_unit_test(names_of_implementations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
