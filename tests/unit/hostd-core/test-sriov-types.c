/*
 * Lists of SR-IOV types: what a line means, what a bad one costs, and which boards get the type
 */

#include "hostd/core/sriov-types.h"
#include "hostd/core/type-catalog.h"
#include "tests/unit/hostd-core/test.h"

typedef struct List {
        SriovType *types;
        size_t n;
        Told told;
} List;

static List read_list(const char *text) {
        List l = {};
        ProblemSink sink = sink_to(&l.told);

        assert_int_equal(sriov_types_parse(text, strlen(text), &sink, &l.types, &l.n), 0);
        return l;
}

static void list_done(List *l) {
        sriov_types_free(l->types, l->n);
}
#define _cleanup_list_ _cleanup_(list_done)

static void a_line_is_a_type(void **state) {
        _cleanup_list_ List l = read_list("# ours\n\n8086:e212 name='A quarter' vfs_per_pgpu=4\n"
                                          "1002:7460:0e33 name='b' priority=low experimental=1 preempt_timeout_us=40000 "
                                          "exec_quantum_ms=20 framebuffer_sz=256 vfs_per_pgpu=2\r\n");

        assert_int_equal(l.told.n, 0);
        assert_int_equal(l.n, 2);
        assert_int_equal(l.types[0].vendor, 0x8086);
        assert_int_equal(l.types[0].pdev, 0xe212);
        assert_true(l.types[0].any_psubdev);
        assert_string_equal(l.types[0].name, "A quarter");
        assert_int_equal(l.types[0].vfs_per_pgpu, 4);
        assert_int_equal(l.types[0].line, 3);
        assert_false(l.types[1].any_psubdev);
        assert_int_equal(l.types[1].psubdev, 0x0e33);
        assert_int_equal(l.types[1].framebuffer, 256u << 20);
        assert_int_equal(l.types[1].exec_quantum_ms, 20);
        assert_int_equal(l.types[1].preempt_timeout_us, 40000);
        assert_int_equal(l.types[1].priority, SRIOV_PRIORITY_LOW);
        assert_true(l.types[1].experimental);
}

static void a_bad_line_is_left_out_and_told(void **state) {
        static const char *const bad[][2] = {
                { "8086 name='x' vfs_per_pgpu=4", "VVVV:PPPP" },
                { "8086:e212:12 name='x' vfs_per_pgpu=4", "subsystem device" },
                { "8086:e212 vfs_per_pgpu=4", "name='…' must follow" },
                { "8086:e212 name='' vfs_per_pgpu=4", "the name is empty" },
                { "8086:e212 name='x'", "vfs_per_pgpu= is missing" },
                { "8086:e212 name='x' vfs_per_pgpu=0", "from 1 to 256" },
                { "8086:e212 name='x' vfs_per_pgpu=257", "from 1 to 256" },
                { "8086:e212 name='x' vfs_per_pgpu=4x", "from 1 to 256" },
                { "8086:e212 name='x' vfs_per_pgpu=4 vfs_per_pgpu=4", "twice" },
                { "8086:e212 name='x' vfs_per_pgpu=4 framebuffer_sz=18446744073709551615", "size in MiB" },
                { "8086:e212 name='x' vfs_per_pgpu=4 priority=urgent", "low, normal or high" },
                { "8086:e212 name='x' vfs_per_pgpu=4 priority=", "low, normal or high" },
                { "8086:e212 name='x' vfs_per_pgpu=4 experimental=2", "0 or 1" },
                { "8086:e212 name='x' vfs_per_pgpu=4 quantum=5", "is none of vfs_per_pgpu=" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_list_ List l = read_list(bad[i][0]);

                assert_int_equal(l.n, 0);
                assert_int_equal(l.told.n, 1);
                assert_contains(l.told.reason, bad[i][1]);
        }
}

/* The identifiers of the types that a board supports, separated by blanks. */
static void assert_offered(const TypeCatalog *c, const Pgpu *p, const char *wanted) {
        char text[512] = "";
        HostType *types;
        size_t n;

        assert_int_equal(catalog_types_for(c, p, NULL, NULL, &types, &n), 0);
        for (size_t i = 0; i < n; i++) {
                strcat(text, i > 0 ? " " : "");
                strcat(text, types[i].identifier);
                assert_int_equal(types[i].size, i == 0 && streq(types[i].identifier, PASSTHROUGH_IDENTIFIER) ? 0 : PGPU_SIZE / types[i].instances);
        }
        assert_string_equal(text, wanted);
        host_types_free(types, n);
}

static void a_board_gets_the_types_that_it_can_be_cut_into(void **state) {
        _cleanup_list_ List l = read_list("8086:e212 name='2' vfs_per_pgpu=2 framebuffer_sz=1 exec_quantum_ms=20 priority=high\n"
                                          "8086:e212:1114 name='4' vfs_per_pgpu=4\n"
                                          "8086:e212 name='8' vfs_per_pgpu=8\n8086:e212:1115 name='x' vfs_per_pgpu=1\n"
                                          "1002:e212 name='x' vfs_per_pgpu=1\n");
        TypeCatalog c = { .sriov = l.types, .n_sriov = l.n };
        Pgpu p = { .vendor_id = 0x8086,
                .device_id = 0xe212,
                .subsystem_device_id = 0x1114,
                .subsystem_known = true,
                .vendor_name = (char *) "Intel",
                .device_name = (char *) "Arc",
                .total_functions = 4 };

        assert_offered(&c, &p, "0001:passthrough 0001:sriov,8086,e212,,2,100000,14,0,high "
                               "0001:sriov,8086,e212,1114,4,0,0,0,");
        p.n_functions = 4;
        p.division_is_ours = true;
        assert_offered(&c, &p, "0001:passthrough 0001:sriov,8086,e212,,2,100000,14,0,high "
                               "0001:sriov,8086,e212,1114,4,0,0,0,");
        p.division_is_ours = false; /* somebody else's */
        assert_offered(&c, &p, "0001:sriov,8086,e212,1114,4,0,0,0,");
        p.n_functions = 0;
        c.keeps_divisions = true;
        assert_offered(&c, &p, "0001:passthrough");
        p.address.domain = 0x10000;
        c.keeps_divisions = false;
        assert_offered(&c, &p, "");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_a_type),
                cmocka_unit_test(a_bad_line_is_left_out_and_told),
                cmocka_unit_test(a_board_gets_the_types_that_it_can_be_cut_into),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
