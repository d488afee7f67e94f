/*
 * The stand-in emulator takes what xenvgpu-dm builds, and refuses the rest
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostd/dm/arguments.h"
#include "hostd/dm/readiness.h"
#include "tests/lab/emulator/emulator-arguments.h"
#include "tests/lab/emulator/stand-in.h"

#define UUID_1 "11111111-2222-3333-4444-555555555555"
#define DEVICE "--device=0000:84:00.0,11,0000:00:0b.0," UUID_1

#define ARGV(...) ((char **) (const char *[]){ "vgpu", __VA_ARGS__, NULL })

static void what_dm_builds_is_taken(void **state) {
        VgpuRecord gpus[2] = {
                { .kind = VGPU_KIND_NVIDIA,
                        .physical_pci_address = { .bus = 0x84 },
                        .nvidia.virtual_pci_address = { .dev = 12 },
                        .nvidia.type_id = (char *) "11",
                        .nvidia.vclass = (char *) "Compute" },
                { .kind = VGPU_KIND_NVIDIA,
                        .physical_pci_address = { .bus = 0x85 },
                        .nvidia.virtual_pci_address = { .dev = 11 },
                        .nvidia.config_file = (char *) "/dev/null",
                        .nvidia.vclass = (char *) "Compute" },
        };
        const struct {
                EmulatorForm form;
                const VgpuRecord *gpus;
                size_t n;
        } cases[] = { { EMULATOR_FORM_TODAY, gpus, 2 }, { EMULATOR_FORM_6X, gpus + 1, 1 } };

        gpus[0].nvidia.uuid.bytes[0] = gpus[1].nvidia.uuid.bytes[0] = 1;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(strv_freep) char **argv = NULL;
                _cleanup_free_ char *why = NULL;
                EmulatorArguments got;
                const char *error;

                assert_int_equal(dm_build_emulator_arguments("vgpu", cases[i].form, 4, 2, cases[i].gpus,
                                         cases[i].n, &argv, &error),
                        0);
                assert_int_equal(emulator_arguments_parse(argv, &got, &why), 0);
                assert_int_equal(got.domid, 4);
                assert_int_equal(got.form_6x, cases[i].form == EMULATOR_FORM_6X);
        }
}

static void wrong_arguments_are_refused(void **state) {
        char **const wrong[] = {
                ARGV("--vcpus=1", DEVICE),
                ARGV("--domain=0", "--vcpus=1", DEVICE),
                ARGV("--domain=x", "--vcpus=1", DEVICE),
                ARGV("--domain=1", DEVICE),
                ARGV("--domain=1", "--vcpus=0", DEVICE),
                ARGV("--domain=1", "--vcpus=1"),
                ARGV("--domain=1", "--vcpus=1", DEVICE, "--nonsense"),
                ARGV("--domain=1", "--vcpus=1", DEVICE, "--suspend=here"),
                ARGV("--domain=1", "--vcpus=1", DEVICE, DEVICE),
                ARGV("--domain=1", "--vcpus=1", "--device=84:00.0,11,0000:00:0b.0," UUID_1),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.9,11,0000:00:0b.0," UUID_1),
                ARGV("--domain=1", "--vcpus=1",
                        "--device=0000:84:00.0,/no/such/file.conf,0000:00:0b.0," UUID_1),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.0,11,0000:00:0a.0," UUID_1),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.0,11,0000:00:0b.1," UUID_1),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.0,11,0000:00:0b.0,nonsense"),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.0,11,0000:00:0b.0"),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.0,,0000:00:0b.0," UUID_1),
                ARGV("--domain=1", "--vcpus=1", "--device=0000:84:00.0,11,0000:00:0c.0," UUID_1, DEVICE),
                ARGV("--domain=1", "--vcpus=1", "--gpu=0000:84:00.0"),
                ARGV("--domain=1", "--vcpus=1", "--config=/dev/null"),
                ARGV("--domain=1", "--vcpus=1", "--gpu=0000:84:00.0", "--config=/no/such/file"),
                ARGV("--domain=1", "--vcpus=1", "--gpu=nonsense", "--config=/dev/null"),
                ARGV("--domain=1", "--vcpus=1", "--gpu=0000:84:00.0", "--config=/dev/null", DEVICE),
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                _cleanup_free_ char *why = NULL;
                EmulatorArguments got;

                if (emulator_arguments_parse(wrong[i], &got, &why) != -EINVAL)
                        fail_msg("case %zu was taken", i);
                assert_non_null(why);
        }
}

static void readiness_follows_the_form(void **state) {
        assert_int_equal(readiness_judge(EMULATOR_FORM_TODAY, NULL, "12"), READINESS_WAIT);
        assert_int_equal(readiness_judge(EMULATOR_FORM_TODAY, "initialising", NULL), READINESS_READY);
        assert_int_equal(readiness_judge(EMULATOR_FORM_TODAY, "resuming", NULL), READINESS_READY);
        assert_int_equal(readiness_judge(EMULATOR_FORM_TODAY, "running", NULL), READINESS_READY);
        assert_int_equal(readiness_judge(EMULATOR_FORM_TODAY, "error", NULL), READINESS_ERROR);
        assert_int_equal(readiness_judge(EMULATOR_FORM_TODAY, "something", NULL), READINESS_WAIT);
        assert_int_equal(readiness_judge(EMULATOR_FORM_6X, "running", NULL), READINESS_WAIT);
        assert_int_equal(readiness_judge(EMULATOR_FORM_6X, NULL, "12"), READINESS_READY);
}

static void faults_are_words(void **state) {
        Fault fault;

        assert_int_equal(fault_parse("slow=250", &fault), 0);
        assert_int_equal(fault.mode, FAULT_SLOW);
        assert_int_equal(fault.ms, 250);
        assert_int_equal(fault_parse("exit-at-once", &fault), 0);
        assert_int_equal(fault.mode, FAULT_EXIT_AT_ONCE);
        assert_int_equal(fault_parse("slow=", &fault), -EINVAL);
        assert_int_equal(fault_parse("errors", &fault), -EINVAL);
        assert_int_equal(fault_parse("", &fault), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_dm_builds_is_taken),
                cmocka_unit_test(wrong_arguments_are_refused),
                cmocka_unit_test(readiness_follows_the_form),
                cmocka_unit_test(faults_are_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
