/*
 * Run folders on disk: which orders are over, and for how long that is known
 */

#include <stdio.h>
#include <stdlib.h>

#include "common/io/file.h"
#include "hostd/vm/programs.h"
#include "tests/unit/hostd-service/world.h"

#define OVER_MAX 8192

typedef struct Place {
        char folder[64];
        Programs programs;
} Place;

static void place_open(Place *m) {
        snprintf(m->folder, sizeof(m->folder), "/tmp/xvu-programs-XXXXXX");
        assert_non_null(mkdtemp(m->folder));
        assert_int_equal(programs_open(&m->programs, NULL, m->folder), 0);
}

static void place_close(Place *m) {
        programs_close(&m->programs);
        assert_int_equal(remove_tree(m->folder), 0);
}
#define _cleanup_place_ _cleanup_(place_close)

static Uuid token(uint32_t n) {
        Uuid u = {};

        memcpy(&u, &n, sizeof(n));
        return u;
}

static bool is_over(Place *m, uint32_t n) {
        const Uuid over = token(n);

        return m->programs.ops->is_over(&m->programs, &over);
}

static void end(Place *m, uint32_t n) {
        _cleanup_free_ char *folder = path_join(m->programs.folder, "of-a-vm");
        const Uuid over = token(n);

        assert_int_equal(m->programs.ops->remove_folder(&m->programs, folder, &over), 0);
}

static void an_order_is_over_once_its_folder_was_removed(void **state) {
        _cleanup_place_ Place m = {};

        place_open(&m);
        assert_false(is_over(&m, 1));
        end(&m, 1);
        assert_true(is_over(&m, 1));
        assert_false(is_over(&m, 2));
}

static void the_next_hostd_knows_it(void **state) {
        _cleanup_place_ Place m = {};

        place_open(&m);
        end(&m, 1);
        programs_close(&m.programs);
        assert_int_equal(programs_open(&m.programs, NULL, m.folder), 0);
        assert_true(is_over(&m, 1));
}

static void the_oldest_are_forgotten_first(void **state) {
        _cleanup_place_ Place m = {};

        place_open(&m);
        for (uint32_t i = 0; i < OVER_MAX; i++)
                end(&m, i);
        assert_true(is_over(&m, 0));
        end(&m, OVER_MAX);
        assert_false(is_over(&m, 0));
        assert_true(is_over(&m, OVER_MAX / 2));
        assert_true(is_over(&m, OVER_MAX));
}

static void a_note_that_was_cut_off_begins_anew(void **state) {
        _cleanup_place_ Place m = {};

        place_open(&m);
        assert_int_equal(file_write_atomic(m.programs.over, "abc", 3, 0600), 0);
        end(&m, 1);
        assert_true(is_over(&m, 1));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_order_is_over_once_its_folder_was_removed),
                cmocka_unit_test(the_next_hostd_knows_it),
                cmocka_unit_test(the_oldest_are_forgotten_first),
                cmocka_unit_test(a_note_that_was_cut_off_begins_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
