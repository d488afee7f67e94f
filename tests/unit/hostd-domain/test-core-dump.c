/*
 * The folder of core dumps
 *
 * Whatever a writer does, the folder holds whole dumps, one of a VM, no more than it may, and what is not ours as
 * it was.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/helper/core-dump.h"

#define MIB (UINT64_C(1) << 20)

typedef struct Folder {
        char root[32], *dumps;
} Folder;

static int make_folder(void **state) {
        Folder *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void) strcpy(f->root, "/tmp/xenvgpu-cores-XXXXXX");
        assert_non_null(mkdtemp(f->root));
        f->dumps = path_join(f->root, "made/dumps");
        *state = f;
        return 0;
}

static int remove_folder(void **state) {
        Folder *f = *state;

        assert_int_equal(remove_tree(f->root), 0);
        free(f->dumps);
        free(f);
        return 0;
}

static Uuid vm(unsigned n) {
        Uuid uuid = {};

        uuid.bytes[15] = (uint8_t) n;
        return uuid;
}

static char *path_of(const Folder *f, unsigned n, const char *suffix) {
        Uuid uuid = vm(n);
        char *path;

        assert_true(asprintf(&path, "%s/%s%s", f->dumps, UUID_TEXT(&uuid), suffix) > 0);
        return path;
}

static bool is_there(const Folder *f, unsigned n, const char *suffix) {
        _cleanup_free_ char *path = path_of(f, n, suffix);

        return access(path, F_OK) == 0;
}

static int write_text(const char *path, void *userdata) {
        return file_write_atomic(path, userdata, strlen(userdata), 0600);
}

/* As libxl where the disk is full: something is written, and that is all. */
static int write_half(const char *path, void *userdata) {
        assert_int_equal(write_text(path, (char *) "half"), 0);
        return -EIO;
}

static int keep(const Folder *f, uint64_t most, unsigned n, CoreDumpWriter write, const char *text) {
        _cleanup_free_ char *path = NULL, *expected = path_of(f, n, ".core");
        Uuid uuid = vm(n);
        int r, excess;

        r = core_dump_keep(f->dumps, most, &uuid, MIB, write, (char *) text, &path, &excess);
        if (r >= 0) {
                assert_string_equal(path, expected);
                assert_int_equal(excess, 0);
        }
        return r;
}

static void set_age(const Folder *f, unsigned n, time_t seconds) {
        const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };
        _cleanup_free_ char *path = path_of(f, n, ".core");

        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_vm_keeps_its_newest(void **state) {
        _cleanup_free_ char *path = path_of(*state, 1, ".core"), *text = NULL;

        assert_int_equal(keep(*state, 4, 1, write_text, "first"), 0);
        assert_int_equal(keep(*state, 4, 1, write_text, "second"), 0);
        assert_int_equal(file_read_line(path, &text), 0);
        assert_string_equal(text, "second");
}

static void a_host_keeps_its_newest_few(void **state) {
        for (unsigned n = 1; n <= 3; n++) {
                assert_int_equal(keep(*state, 3, n, write_text, "core"), 0);
                set_age(*state, n, 1000 - n); /* the later ones are the older ones */
        }
        assert_int_equal(keep(*state, 3, 4, write_text, "core"), 0);
        assert_true(is_there(*state, 1, ".core") && is_there(*state, 2, ".core") && is_there(*state, 4, ".core"));
        assert_false(is_there(*state, 3, ".core"));

        /* The setting was lowered. */
        assert_int_equal(keep(*state, 1, 4, write_text, "core"), 0);
        assert_false(is_there(*state, 1, ".core") || is_there(*state, 2, ".core"));
        assert_true(is_there(*state, 4, ".core"));
}

static void a_failure_leaves_what_was_there(void **state) {
        _cleanup_free_ char *path = path_of(*state, 1, ".core"), *text = NULL;

        assert_int_equal(keep(*state, 1, 1, write_text, "whole"), 0);
        assert_int_equal(keep(*state, 1, 1, write_half, NULL), -EIO);
        assert_int_equal(keep(*state, 1, 2, write_half, NULL), -EIO);
        assert_int_equal(file_read_line(path, &text), 0);
        assert_string_equal(text, "whole");
        assert_false(is_there(*state, 1, ".core.part") || is_there(*state, 2, ".core.part"));
}

static void what_a_killed_helper_left_goes(void **state) {
        _cleanup_free_ char *part = path_of(*state, 7, ".core.part");

        assert_int_equal(keep(*state, 4, 1, write_text, "core"), 0);
        assert_int_equal(write_text(part, (char *) "half"), 0);
        assert_int_equal(keep(*state, 4, 2, write_text, "core"), 0);
        assert_false(is_there(*state, 7, ".core.part"));
}

static void other_files_are_not_ours(void **state) {
        static const char *const names[] = { "2026-11-22-guest.core", "vm.core.part",
                "00000000-0000-0000-0000-00000000000x.core" };
        const Folder *f = *state;

        assert_int_equal(mkdir_parents(f->dumps, 0700), 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_free_ char *path = path_join(f->dumps, names[i]);

                assert_int_equal(write_text(path, (char *) "theirs"), 0);
        }
        for (unsigned n = 1; n <= 3; n++)
                assert_int_equal(keep(f, 1, n, write_text, "core"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_free_ char *path = path_join(f->dumps, names[i]);

                assert_int_equal(access(path, F_OK), 0);
        }
}

static int write_never(const char *path, void *userdata) {
        fail_msg("written to %s without room", path);
        return 0;
}

static void no_dump_is_begun_without_room(void **state) {
        const Folder *f = *state;
        Uuid uuid = vm(1);
        char *path;
        int excess;

        assert_int_equal(
                core_dump_keep(f->dumps, 4, &uuid, UINT64_MAX / 2, write_never, NULL, &path, &excess), -ENOSPC);
}

/* A folder with a dump's name: as a file that may not be removed, also for root. */
static void an_old_one_that_stays_costs_no_new_one(void **state) {
        _cleanup_free_ char *old = path_of(*state, 1, ".core"), *path = NULL;
        const Folder *f = *state;
        Uuid uuid = vm(2);
        int excess;

        assert_int_equal(mkdir_parents(old, 0700), 0);
        set_age(f, 1, 1000);
        assert_int_equal(core_dump_keep(f->dumps, 1, &uuid, MIB, write_text, (char *) "core", &path, &excess), 0);
        assert_int_equal(excess, -EISDIR);
        assert_non_null(path);
        assert_true(is_there(f, 2, ".core"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_vm_keeps_its_newest, make_folder, remove_folder),
                cmocka_unit_test_setup_teardown(a_host_keeps_its_newest_few, make_folder, remove_folder),
                cmocka_unit_test_setup_teardown(a_failure_leaves_what_was_there, make_folder, remove_folder),
                cmocka_unit_test_setup_teardown(what_a_killed_helper_left_goes, make_folder, remove_folder),
                cmocka_unit_test_setup_teardown(other_files_are_not_ours, make_folder, remove_folder),
                cmocka_unit_test_setup_teardown(no_dump_is_begun_without_room, make_folder, remove_folder),
                cmocka_unit_test_setup_teardown(an_old_one_that_stays_costs_no_new_one, make_folder, remove_folder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
