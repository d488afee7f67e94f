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

/* The helper removes its note once it knows of the reset; one that is still there says that nobody knows. */

#define FUNCTION "0000:81:00.1"

static char *make_vm(Place *m, const char *note) {
        char *folder = path_join(m->programs.folder, "11111111-2222-4333-8444-555555555555");
        _cleanup_free_ char *path = path_join(folder, "function.json");

        assert_int_equal(mkdir_parents(folder, 0700), 0);
        assert_int_equal(file_write_atomic(path, note, strlen(note), 0600), 0);
        return folder;
}

static char *suspicion(Place *m) {
        _cleanup_free_ char *path = path_join(m->folder, "divisions/" FUNCTION ".suspect");
        char *why = NULL;

        (void) file_read_line(path, &why);
        return why;
}

static const char note[] = "{\"physical\":\"0000:81:00.0\",\"virtual\":\"" FUNCTION "\"}";

static void a_function_that_was_not_proved_is_suspect(void **state) {
        _cleanup_free_ char *divisions = NULL, *folder = NULL, *why = NULL;
        _cleanup_place_ Place m = {};
        const Uuid over = token(1);

        place_open(&m);
        divisions = path_join(m.folder, "divisions");
        folder = make_vm(&m, note);
        /* It cannot be noted: the folder is the note. */
        assert_true(m.programs.ops->remove_folder(&m.programs, folder, &over) < 0);
        assert_true(m.programs.ops->make_folder(&m.programs, folder, /* empty= */ true, "{}") < 0);
        assert_true(m.programs.ops->has_folder(&m.programs, folder));

        assert_int_equal(mkdir_parents(divisions, 0700), 0);
        assert_int_equal(m.programs.ops->remove_folder(&m.programs, folder, &over), 0);
        assert_false(m.programs.ops->has_folder(&m.programs, folder));
        why = suspicion(&m);
        assert_string_equal(why, "Its reset after its last VM was not proved.");
}

static void the_first_reason_stays(void **state) {
        _cleanup_free_ char *divisions = NULL, *folder = NULL, *why = NULL;
        _cleanup_place_ Place m = {};
        const Uuid over = token(1);

        place_open(&m);
        divisions = path_join(m.folder, "divisions");
        assert_int_equal(mkdir_parents(divisions, 0700), 0);
        folder = make_vm(&m, note);
        assert_int_equal(m.programs.ops->suspect_function(&m.programs, folder, NULL, "It was given up."), 0);
        free(folder);
        folder = make_vm(&m, note);
        assert_int_equal(m.programs.ops->remove_folder(&m.programs, folder, &over), 0);
        why = suspicion(&m);
        assert_string_equal(why, "It was given up.");
}

static void a_function_whose_note_went_is_well(void **state) {
        _cleanup_free_ char *path = NULL, *folder = NULL, *why = NULL;
        _cleanup_place_ Place m = {};
        const Uuid over = token(1);

        place_open(&m);
        folder = make_vm(&m, note);
        path = path_join(folder, "function.json");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(m.programs.ops->remove_folder(&m.programs, folder, &over), 0);
        why = suspicion(&m);
        assert_null(why);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_order_is_over_once_its_folder_was_removed),
                cmocka_unit_test(the_next_hostd_knows_it),
                cmocka_unit_test(the_oldest_are_forgotten_first),
                cmocka_unit_test(a_note_that_was_cut_off_begins_anew),
                cmocka_unit_test(a_function_that_was_not_proved_is_suspect),
                cmocka_unit_test(the_first_reason_stays),
                cmocka_unit_test(a_function_whose_note_went_is_well),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
