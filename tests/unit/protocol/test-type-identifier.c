/*
 * The board in the identifiers of types
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/type-identifier.h"

static void one_type_with_and_without_a_board(void **state) {
        assert_true(type_identifiers_related("0001:nvidia,13f2,115e,13f2,114e", "0001:nvidia,13f2,,13f2,114e"));
        assert_true(type_identifiers_related("0001:nvidia,13f2,,13f2,114e", "0001:nvidia,13f2,115e,13f2,114e"));
        assert_true(type_identifiers_related("0001:sriov,8086,e212,,4,0,0,0,normal", "0001:sriov,8086,e212,1114,4,0,0,0,normal"));
}

static void other_types_are_others(void **state) {
        static const char *const others[] = {
                "0001:nvidia,13f2,115e,13f2,114e",
                "0001:nvidia,13f2,1180,13f2,114e",
                "0001:nvidia,13f2,,13f2,114f",
                "0001:nvidia,13f2,,13f3,114e",
                "0001:nvidia,13f3,,13f2,114e",
                "0001:nvidia,13f2,",
                "0001:nvidia,",
                "0001:passthrough",
                "",
        };

        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                assert_false(type_identifiers_related("0001:nvidia,13f2,115e,13f2,114e", others[i]));
        assert_false(type_identifiers_related("0001:mxgpu,6929,1000", "0001:mxgpu,,1000"));
        assert_false(type_identifiers_related("0001:sriov,8086,e212,,4,0,0,0,normal", "0001:sriov,8086,e212,1114,2,0,0,0,normal"));
}

static void cards_that_an_identifier_means(void **state) {
        assert_true(type_identifier_fits("0001:nvidia,13f2,115e,13f2,114e", "10de", "13f2", "115e"));
        assert_true(type_identifier_fits("0001:nvidia,13f2,,13f2,114e", "10de", "13f2", ""));
        assert_false(type_identifier_fits("0001:nvidia,13f2,115e,13f2,114e", "10de", "13f2", "1180"));
        assert_false(type_identifier_fits("0001:nvidia,13f2,115e,13f2,114e", "1002", "13f2", "115e"));
        assert_true(type_identifier_fits("0001:gvt-g,041a,80,180,4", "8086", "041a", "0811"));
        assert_true(type_identifier_fits("0001:mxgpu,6929,40000000", "1002", "6929", "0334"));
        assert_true(type_identifier_fits("0001:sriov,8086,e212,,4,0,0,0,normal", "8086", "e212", "1114"));
        assert_false(type_identifier_fits("0001:sriov,8086,e212,,4,0,0,0,normal", "1002", "e212", "1114"));
        assert_false(type_identifier_fits("0001:passthrough", "10de", "13f2", ""));
}

static void the_gpu_type_of_a_group(void **state) {
        char gpu_type[GPU_TYPE_SIZE];

        assert_true(type_identifier_gpu_type("0001:nvidia,13f2,115e,13f2,114e", gpu_type));
        assert_string_equal(gpu_type, "10de/13f2");
        assert_true(type_identifier_gpu_type("0001:sriov,8086,e212,,4,0,0,0,normal", gpu_type));
        assert_string_equal(gpu_type, "8086/e212");
        assert_false(type_identifier_gpu_type("0001:nvidia,13f", gpu_type));
        assert_false(type_identifier_gpu_type("0001:passthrough", gpu_type));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_type_with_and_without_a_board),
                cmocka_unit_test(other_types_are_others),
                cmocka_unit_test(the_gpu_type_of_a_group),
                cmocka_unit_test(cards_that_an_identifier_means),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
