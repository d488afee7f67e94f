/*
 * The error table: whole, without doubles, and spelled as the contract has it
 */

#include <ctype.h>

#include "protocol/errors.h"
#include "tests/unit/common/test.h"

static void each_code_has_a_row_and_no_two_the_same(void **state) {
        for (ErrorCode a = ERROR_NONE + 1; a < _ERROR_MAX; a++) {
                assert_non_null(error_code_name(a));
                assert_non_null(startswith(error_code_name(a), ERROR_PREFIX));
                assert_string_equal(error_code_word(a), error_code_name(a) + strlen(ERROR_PREFIX));
                assert_int_equal(error_code_from_name(error_code_name(a)), a);
                assert_true(strlen(error_code_meaning(a)) > 10);
                for (const char *p = error_code_xapi(a); *p; p++)
                        assert_true(isupper((unsigned char) *p) || *p == '_');
                for (ErrorCode b = a + 1; b < _ERROR_MAX; b++) {
                        assert_string_not_equal(error_code_name(a), error_code_name(b));
                        assert_string_not_equal(error_code_xapi(a), error_code_xapi(b));
                }
        }
}

static void the_words_of_the_contract(void **state) {
        static const struct {
                const char *word, *xapi;
        } words[] = {
                { "VGPUTypeNotSupported", "VGPU_TYPE_NOT_SUPPORTED" },
                { "VGPUTypeNotEnabled", "VGPU_TYPE_NOT_ENABLED" },
                { "VGPUTypeNotCompatibleWithRunningType", "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE" },
                { "VGPUTypeNotCompatible", "VGPU_TYPE_NOT_COMPATIBLE" },
                { "PGPUInsufficientCapacity", "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU" },
                { "PGPUInUseByVM", "PGPU_IN_USE_BY_VM" },
                { "PGPUNotCompatibleWithGPUGroup", "PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP" },
                { "GPUGroupContainsVGPU", "GPU_GROUP_CONTAINS_VGPU" },
                { "GPUGroupContainsPGPU", "GPU_GROUP_CONTAINS_PGPU" },
                { "GPUGroupContainsNoPGPUs", "GPU_GROUP_CONTAINS_NO_PGPUS" },
                { "VMRequiresGPU", "VM_REQUIRES_GPU" },
                { "VMRequiresVGPU", "VM_REQUIRES_VGPU" },
                { "VMRequiresIOMMU", "VM_REQUIRES_IOMMU" },
                { "FeatureRequiresHVM", "FEATURE_REQUIRES_HVM" },
                { "VMPCIBusFull", "VM_PCI_BUS_FULL" },
                { "DeviceAlreadyExists", "DEVICE_ALREADY_EXISTS" },
                { "InvalidDevice", "INVALID_DEVICE" },
                { "VMBadPowerState", "VM_BAD_POWER_STATE" },
                { "HostNotEnoughFreeMemory", "HOST_NOT_ENOUGH_FREE_MEMORY" },
                { "VMRequiresSR", "VM_REQUIRES_SR" },
                { "VMRequiresNet", "VM_REQUIRES_NET" },
                { "VMRequiresPCI", "VM_REQUIRES_PCI" },
                { "NoHostsAvailable", "NO_HOSTS_AVAILABLE" },
                { "FailedToStartEmulator", "FAILED_TO_START_EMULATOR" },
                { "HostOffline", "HOST_OFFLINE" },
                { "HostDisabled", "HOST_DISABLED" },
                { "PGPUUnhealthy", "PGPU_UNHEALTHY" },
                { "HostClaimed", "HOST_CLAIMED" },
                { "StaleEpoch", "STALE_EPOCH" },
                { "NoSuchObject", "NO_SUCH_OBJECT" },
                { "InvalidRecord", "INVALID_RECORD" },
                { "QuotaExceeded", "QUOTA_EXCEEDED" },
                { "AlreadyExists", "DUPLICATE_UUID" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                char name[128];
                ErrorCode code;

                snprintf(name, sizeof(name), "%s%s", ERROR_PREFIX, words[i].word);
                code = error_code_from_name(name);
                assert_true(code > ERROR_NONE);
                assert_string_equal(error_code_xapi(code), words[i].xapi);
        }
}

static void foreign_names_and_codes_have_no_row(void **state) {
        assert_int_equal(error_code_from_name("org.freedesktop.DBus.Error.Failed"), _ERROR_INVALID);
        assert_int_equal(error_code_from_name("VGPUTypeNotEnabled"), _ERROR_INVALID);
        assert_int_equal(error_code_from_name(ERROR_PREFIX), _ERROR_INVALID);
        assert_int_equal(error_code_from_name(NULL), _ERROR_INVALID);
        assert_null(error_code_name(ERROR_NONE));
        assert_null(error_code_word(_ERROR_MAX));
        assert_null(error_code_xapi(_ERROR_INVALID));
        assert_null(error_code_meaning(ERROR_NONE));
}

static void the_nearest_miss_is_the_highest(void **state) {
        static const ErrorCode order[] = {
                ERROR_PGPU_UNHEALTHY,
                ERROR_PGPU_INSUFFICIENT_CAPACITY,
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                ERROR_VGPU_TYPE_NOT_ENABLED,
                ERROR_VGPU_TYPE_NOT_SUPPORTED,
        };

        for (size_t i = 0; i < ARRAY_SIZE(order); i++)
                assert_int_equal(error_code_nearness(order[i]), 5 - i);
        assert_int_equal(error_code_nearness(ERROR_NONE), 0);
        assert_int_equal(error_code_nearness(ERROR_VM_REQUIRES_NET), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_code_has_a_row_and_no_two_the_same),
                cmocka_unit_test(the_words_of_the_contract),
                cmocka_unit_test(foreign_names_and_codes_have_no_row),
                cmocka_unit_test(the_nearest_miss_is_the_highest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
