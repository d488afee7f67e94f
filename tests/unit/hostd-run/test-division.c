/*
 * Whose the functions of a PGPU are, by the note of how hostd divided it
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/run/division.h"

static const PciAddress physical = {.bus = 3};

typedef struct Place {
        char runtime[64];
        char sysfs[80];
} Place;

static int set_up(void **state) {
        Place *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        (void) snprintf(p->runtime, sizeof(p->runtime), "/tmp/xenvgpu-division-XXXXXX");
        assert_non_null(mkdtemp(p->runtime));
        (void) snprintf(p->sysfs, sizeof(p->sysfs), "%s/sys", p->runtime);
        *state = p;
        return 0;
}

static int tear_down(void **state) {
        Place *p = *state;

        assert_int_equal(remove_tree(p->runtime), 0);
        free(p);
        return 0;
}

static void write_file(const Place *p, const char *name, const char *text) {
        char path[200];

        (void) snprintf(path, sizeof(path), "%s/%s", p->runtime, name);
        *strrchr(path, '/') = '\0';
        assert_true(mkdir_parents(path, 0755) >= 0);
        path[strlen(path)] = '/';
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0644), 0);
}

static void note(const Place *p, uint32_t n, const char *type, bool made) {
        const Division d = {.num_vfs = n, .type = (char *) type, .made = made, .autoprobe = true};

        write_file(p, "divisions/lock", "");
        assert_int_equal(division_write(p->runtime, &physical, &d), 0);
}

static bool is_ours(const Place *p, size_t n_functions) {
        _cleanup_(division_done) Division d = {};

        return division_read_of(p->runtime, &physical, n_functions, &d) >= 0;
}

static void functions_are_ours_by_their_number(void **state) {
        const Place *p = *state;

        assert_false(is_ours(p, 4));
        note(p, 4, "0001:sriov,8086,e212,,4,0,0,0,", true);
        assert_true(is_ours(p, 0));
        assert_true(is_ours(p, 4));
        assert_false(is_ours(p, 3));
        assert_false(is_ours(p, 5));
        /* A helper that was cut off left some; nobody but others makes more. */
        note(p, 4, "0001:sriov,8086,e212,,4,0,0,0,", false);
        assert_true(is_ours(p, 3));
        assert_false(is_ours(p, 5));
        /* By gimtool. */
        note(p, 4, "", true);
        assert_true(is_ours(p, 5));
}

static bool is_forgotten(const Place *p) {
        assert_int_equal(division_forget_stale(p->runtime, p->sysfs, &physical), 0);
        return !is_ours(p, 0);
}

static void a_note_of_nothing_is_forgotten(void **state) {
        const Place *p = *state;
        char path[160];
        int lock;

        write_file(p, "sys/devices/0000:03:00.0/sriov_totalvfs", "4\n");
        write_file(p, "sys/devices/0000:03:00.0/" DIVISION_AUTOPROBE, "0\n");
        assert_int_equal(division_forget_stale(p->runtime, p->sysfs, &physical), 0);
        /* What it owes the driver the next helper does by the note. */
        note(p, 4, "type", false);
        assert_false(is_forgotten(p));
        write_file(p, "sys/devices/0000:03:00.0/" DIVISION_AUTOPROBE, "1\n");
        assert_true(is_forgotten(p));
        note(p, 4, "type", true);
        assert_true(is_forgotten(p));
        /* Functions are there; a helper is at work. */
        note(p, 4, "type", true);
        write_file(p, "sys/devices/0000:03:00.1/physfn.link", "../0000:03:00.0\n");
        assert_false(is_forgotten(p));
        (void) snprintf(path, sizeof(path), "%s/devices/0000:03:00.1", p->sysfs);
        assert_int_equal(remove_tree(path), 0);
        (void) snprintf(path, sizeof(path), "%s/divisions/lock", p->runtime);
        assert_int_equal(file_lock(path, &lock), 0);
        assert_false(is_forgotten(p));
        (void) file_unlock(lock);
        assert_true(is_forgotten(p));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(functions_are_ours_by_their_number, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_note_of_nothing_is_forgotten, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
