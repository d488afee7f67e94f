/*
 * Arguments of emulator and qemu: configurations of VGPUs in, command lines out
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostd/dm/arguments.h"

#define UUID_1 "11111111-2222-3333-4444-555555555555"
#define UUID_2 "22222222-2222-3333-4444-555555555555"

static Uuid uuid(const char *text) {
        Uuid id;

        assert_int_equal(uuid_from_string(text, &id), 0);
        return id;
}

static VgpuRecord nvidia(uint8_t bus, uint8_t slot, const char *id) {
        return (VgpuRecord){ .kind = VGPU_KIND_NVIDIA,
                .physical_pci_address = { .bus = bus },
                .nvidia.virtual_pci_address = { .dev = slot },
                .nvidia.type_id = (char *) "11",
                .nvidia.uuid = uuid(id) };
}

static void assert_arguments(char **got, const char *const *want) {
        size_t i;

        for (i = 0; want[i]; i++) {
                assert_non_null(got[i]);
                assert_string_equal(got[i], want[i]);
        }
        assert_null(got[i]);
}

#define WANT(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void assert_emulator(EmulatorForm form, const VgpuRecord *gpus, size_t n, const char *const *want) {
        _cleanup_(strv_freep) char **got = NULL;
        const char *error = NULL;

        assert_int_equal(dm_build_emulator_arguments("vgpu", form, 5, 2, gpus, n, &got, &error), 0);
        assert_arguments(got, want);
}

static void todays_form_names_each_vgpu(void **state) {
        const VgpuRecord one = nvidia(0x84, 11, UUID_1);

        assert_emulator(EMULATOR_FORM_TODAY, &one, 1,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--suspend=/var/lib/xen/demu-save.5",
                        "--device=0000:84:00.0,11,0000:00:0b.0," UUID_1));
}

static void vgpus_are_sorted_by_guest_slot(void **state) {
        const VgpuRecord two[] = { nvidia(0x84, 12, UUID_1), nvidia(0x85, 11, UUID_2) };

        assert_emulator(EMULATOR_FORM_TODAY, two, 2,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--suspend=/var/lib/xen/demu-save.5",
                        "--device=0000:85:00.0,11,0000:00:0b.0," UUID_2,
                        "--device=0000:84:00.0,11,0000:00:0c.0," UUID_1));
}

static void a_config_file_wins_and_extra_arguments_follow(void **state) {
        VgpuRecord one = nvidia(0x84, 11, UUID_1);

        one.nvidia.config_file = (char *) "/usr/share/nvidia/vgx/grid_k100.conf";
        one.nvidia.extra_args = (char *) "frl=0";
        assert_emulator(EMULATOR_FORM_TODAY, &one, 1,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--suspend=/var/lib/xen/demu-save.5",
                        "--device=0000:84:00.0,/usr/share/nvidia/vgx/grid_k100.conf,0000:00:0b.0," UUID_1
                        ",frl=0"));
}

static void only_compute_alone_has_no_console(void **state) {
        VgpuRecord two[] = { nvidia(0x84, 11, UUID_1), nvidia(0x85, 12, UUID_2) };

        two[0].nvidia.vclass = (char *) "Compute";
        two[1].nvidia.vclass = (char *) "Quadro";
        assert_emulator(EMULATOR_FORM_TODAY, two, 2,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--suspend=/var/lib/xen/demu-save.5",
                        "--device=0000:84:00.0,11,0000:00:0b.0," UUID_1,
                        "--device=0000:85:00.0,11,0000:00:0c.0," UUID_2));
        two[1].nvidia.vclass = (char *) "Compute";
        assert_emulator(EMULATOR_FORM_TODAY, two, 2,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--suspend=/var/lib/xen/demu-save.5",
                        "--device=0000:84:00.0,11,0000:00:0b.0," UUID_1,
                        "--device=0000:85:00.0,11,0000:00:0c.0," UUID_2, "--noconsole"));
}

static void the_6x_form_names_card_and_config(void **state) {
        VgpuRecord one = nvidia(0x84, 11, UUID_1);

        one.nvidia.config_file = (char *) "/usr/share/nvidia/vgx/grid_k100.conf";
        assert_emulator(EMULATOR_FORM_6X, &one, 1,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--gpu=0000:84:00.0",
                        "--config=/usr/share/nvidia/vgx/grid_k100.conf"));
        one.nvidia.extra_args = (char *) "disable_vnc=1";
        assert_emulator(EMULATOR_FORM_6X, &one, 1,
                WANT("vgpu", "--domain=5", "--vcpus=2", "--gpu=0000:84:00.0",
                        "--config=/usr/share/nvidia/vgx/grid_k100.conf,disable_vnc=1"));
}

static void assert_refused(EmulatorForm form, const VgpuRecord *gpus, size_t n) {
        _cleanup_(strv_freep) char **got = NULL;
        const char *error = NULL;

        assert_int_equal(dm_build_emulator_arguments("vgpu", form, 5, 2, gpus, n, &got, &error), -EINVAL);
        assert_non_null(error);
}

static void what_a_form_cannot_say_is_refused(void **state) {
        VgpuRecord two[] = { nvidia(0x84, 11, UUID_1), nvidia(0x85, 12, UUID_2) };

        assert_refused(EMULATOR_FORM_6X, two, 2);
        assert_refused(EMULATOR_FORM_6X, two, 1); /* no config file */
        two[0].nvidia.type_id = NULL;
        assert_refused(EMULATOR_FORM_TODAY, two, 2);
}

static void vgpus_of_other_makers_stand_alone(void **state) {
        const VgpuRecord pairs[][2] = {
                { { .kind = VGPU_KIND_GVT_G }, { .kind = VGPU_KIND_GVT_G } },
                { { .kind = VGPU_KIND_NVIDIA }, { .kind = VGPU_KIND_GVT_G } },
                { { .kind = VGPU_KIND_MXGPU }, { .kind = VGPU_KIND_NVIDIA } },
        };
        const VgpuRecord nvidias[] = { nvidia(0x84, 11, UUID_1), nvidia(0x85, 12, UUID_2) };
        const char *error = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                assert_int_equal(dm_gpus_check(pairs[i], 2, &error), -EINVAL);
                assert_int_equal(dm_gpus_check(pairs[i], 1, &error), 0);
        }
        assert_int_equal(dm_gpus_check(nvidias, 2, &error), 0);
        assert_int_equal(dm_gpus_check(NULL, 0, &error), 0);

        assert_true(dm_needs_emulator(nvidias, 2));
        assert_false(dm_needs_emulator(pairs[0], 1));
        assert_false(dm_needs_emulator(NULL, 0));
}

static void assert_qemu(const char *const *arguments, const VgpuRecord *gpus, size_t n, const char *const *want) {
        _cleanup_(strv_freep) char **got = NULL;

        assert_int_equal(dm_build_qemu_arguments("qemu", arguments, "-vgpu", gpus, n, &got), 0);
        assert_arguments(got, want);
}

static void qemu_gets_the_vgpu_in_place_of_its_display(void **state) {
        const VgpuRecord one = nvidia(0x84, 11, UUID_1);

        assert_qemu(WANT("-xen-domid", "5", "-device", "VGA,vgamem_mb=16", "-device", "rtl8139,id=nic0",
                            "-machine", "xenfv"),
                &one, 1,
                WANT("qemu", "-xen-domid", "5", "-vgpu", "-device", "rtl8139,id=nic0", "-machine", "xenfv"));
        assert_qemu(WANT("-vga", "cirrus", "-m", "112"), &one, 1, WANT("qemu", "-vgpu", "-m", "112"));
        assert_qemu(WANT("-device", "cirrus-vga,vgamem_mb=8", "-std-vga", "-device", "qxl-vga"), &one, 1,
                WANT("qemu", "-vgpu"));
}

static void without_a_display_the_vgpu_goes_before_the_machine(void **state) {
        const VgpuRecord one = nvidia(0x84, 11, UUID_1);

        assert_qemu(WANT("-nodefaults", "-machine", "xenfv", "-m", "112"), &one, 1,
                WANT("qemu", "-nodefaults", "-vgpu", "-machine", "xenfv", "-m", "112"));
        assert_qemu(WANT("-nodefaults"), &one, 1, WANT("qemu", "-nodefaults", "-vgpu"));
        assert_qemu(WANT("-nodefaults", "-device"), &one, 1, WANT("qemu", "-nodefaults", "-device", "-vgpu"));
}

static void a_compute_vgpu_keeps_a_plain_display(void **state) {
        VgpuRecord one = nvidia(0x84, 11, UUID_1);

        one.nvidia.vclass = (char *) "Compute";
        assert_qemu(WANT("-machine", "xenfv"), &one, 1, WANT("qemu", "-std-vga", "-machine", "xenfv"));
}

static void the_vgpus_arguments_are_a_setting(void **state) {
        _cleanup_(strv_freep) char **got = NULL;
        const VgpuRecord one = nvidia(0x84, 11, UUID_1);

        assert_int_equal(
                dm_build_qemu_arguments("qemu", WANT("-m", "1"), "  -device vgpu,x=1 ", &one, 1, &got), 0);
        assert_arguments(got, WANT("qemu", "-m", "1", "-device", "vgpu,x=1"));
}

static void gvt_g_is_told_its_memory(void **state) {
        const VgpuRecord one = { .kind = VGPU_KIND_GVT_G, .gvt_g = { .low_gm_sz = 128, .high_gm_sz = 384, .fence_sz = 4 } };

        assert_qemu(WANT("-device", "VGA", "-m", "112"), &one, 1,
                WANT("qemu", "-xengt", "-vgt_low_gm_sz", "128", "-vgt_high_gm_sz", "384", "-vgt_fence_sz",
                        "4", "-priv", "-m", "112"));
}

static void mxgpu_and_no_gpu_leave_qemu_alone(void **state) {
        const VgpuRecord one = { .kind = VGPU_KIND_MXGPU };
        const char *const *arguments = WANT("-device", "cirrus-vga", "-machine", "xenfv");

        assert_qemu(arguments, &one, 1, WANT("qemu", "-device", "cirrus-vga", "-machine", "xenfv"));
        assert_qemu(arguments, NULL, 0, WANT("qemu", "-device", "cirrus-vga", "-machine", "xenfv"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(todays_form_names_each_vgpu),
                cmocka_unit_test(vgpus_are_sorted_by_guest_slot),
                cmocka_unit_test(a_config_file_wins_and_extra_arguments_follow),
                cmocka_unit_test(only_compute_alone_has_no_console),
                cmocka_unit_test(the_6x_form_names_card_and_config),
                cmocka_unit_test(what_a_form_cannot_say_is_refused),
                cmocka_unit_test(vgpus_of_other_makers_stand_alone),
                cmocka_unit_test(qemu_gets_the_vgpu_in_place_of_its_display),
                cmocka_unit_test(without_a_display_the_vgpu_goes_before_the_machine),
                cmocka_unit_test(a_compute_vgpu_keeps_a_plain_display),
                cmocka_unit_test(the_vgpus_arguments_are_a_setting),
                cmocka_unit_test(gvt_g_is_told_its_memory),
                cmocka_unit_test(mxgpu_and_no_gpu_leave_qemu_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
