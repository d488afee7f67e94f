/*
 * Files: bounded reads, writes that leave the old bytes or the new ones, folders
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>

#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "tests/unit/common/folder.h"

static size_t count_entries(const char *path) {
        DIR *folder = opendir(path);
        size_t n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n - 2;
}

static void assert_content(const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_ok(file_read(path, 1 << 20, &text, &size));
        assert_int_equal(size, strlen(expected));
        assert_string_equal(text, expected);
}

static void reading_is_bounded(void **state) {
        char *text = NULL;
        size_t size;

        assert_ok(file_write_atomic("ten", "0123456789", 10, 0600));
        assert_ok(file_read("ten", 10, &text, &size));
        assert_int_equal(size, 10);
        assert_string_equal(text, "0123456789");
        free(text);

        text = NULL;
        assert_int_equal(file_read("ten", 9, &text, &size), -EFBIG);
        assert_int_equal(file_read("/dev/zero", 100000, &text, &size), -EFBIG);
        assert_int_equal(file_read("missing", 10, &text, &size), -ENOENT);
        assert_int_equal(file_read(".", 10, &text, &size), -EISDIR);
        assert_null(text);
}

static void what_is_no_file_does_not_hang_the_reader(void **state) {
        char *text = NULL;

        assert_ok(mkfifo("fifo", 0600));
        assert_int_equal(file_read("fifo", 10, &text, NULL), -EINVAL);
}

static void files_of_proc_have_no_size_and_are_read(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_ok(file_read("/proc/self/status", 1 << 20, &text, &size));
        assert_true(size > 0);
        assert_int_equal(strlen(text), size);
}

static void first_lines_are_trimmed(void **state) {
        static const struct {
                const char *content, *line;
        } cases[] = {
                { "0x10de\n", "0x10de" }, { "  a b \t\r\nsecond\n", "a b" }, { "", "" }, { "\nsecond", "" }, { "x", "x" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *line = NULL;

                assert_ok(file_write_atomic("line", cases[i].content, strlen(cases[i].content), 0600));
                assert_ok(file_read_line("line", &line));
                assert_string_equal(line, cases[i].line);
        }
}

static void a_write_replaces_the_whole_file(void **state) {
        struct stat st;

        assert_ok(file_write_atomic("f", "a long first text", 17, 0640));
        assert_ok(file_write_atomic("f", "second", 6, 0600));
        assert_content("f", "second");
        assert_ok(stat("f", &st));
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_ok(file_write_atomic("f", "third", 5, 0644));
        assert_content("f", "third");
        assert_ok(stat("f", &st));
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(count_entries("."), 1);
}

static void a_write_goes_to_other_folders_too(void **state) {
        _cleanup_free_ char *path = path_join(*state, "sub/f");

        assert_ok(mkdir_parents("sub", 0700));
        assert_ok(file_write_atomic(path, "x", 1, 0600));
        assert_content("sub/f", "x");
        assert_int_equal(file_write_atomic("missing/f", "x", 1, 0600), -ENOENT);
}

/* A disk that is full half-way is played by a limit on file sizes. */
static void a_write_that_fails_leaves_the_old_bytes(void **state) {
        static char big[8192];
        struct rlimit old, limit;

        assert_ok(file_write_atomic("f", "old", 3, 0600));
        signal(SIGXFSZ, SIG_IGN);
        assert_ok(getrlimit(RLIMIT_FSIZE, &old));
        limit = (struct rlimit){ .rlim_cur = 4096, .rlim_max = old.rlim_max };
        assert_ok(setrlimit(RLIMIT_FSIZE, &limit));
        assert_int_equal(file_write_atomic("f", big, sizeof(big), 0600), -EFBIG);
        assert_ok(setrlimit(RLIMIT_FSIZE, &old));

        assert_content("f", "old");
        assert_int_equal(count_entries("."), 1);
}

static void a_target_that_is_a_folder_is_kept(void **state) {
        assert_ok(mkdir_parents("d/e", 0700));
        assert_true(file_write_atomic("d", "x", 1, 0600) < 0);
        assert_int_equal(count_entries("."), 1);
}

static void folders_with_their_parents(void **state) {
        struct stat st;

        assert_ok(mkdir_parents("a/b//c/", 0700));
        assert_ok(stat("a/b/c", &st));
        assert_true(S_ISDIR(st.st_mode));
        assert_ok(mkdir_parents("a/b/c", 0700));
        assert_ok(mkdir_parents("/tmp", 0700));
        assert_ok(file_write_atomic("file", "", 0, 0600));
        assert_int_equal(mkdir_parents("file", 0700), -ENOTDIR);
        assert_int_equal(mkdir_parents("file/x", 0700), -ENOTDIR);
}

static void removing_a_tree_follows_no_links(void **state) {
        assert_ok(mkdir_parents("keep", 0700));
        assert_ok(file_write_atomic("keep/me", "x", 1, 0600));
        assert_ok(mkdir_parents("tree/a/b", 0700));
        assert_ok(file_write_atomic("tree/a/f", "x", 1, 0600));
        assert_ok(symlink("../../keep", "tree/a/link"));
        assert_ok(symlink("keep", "top-link"));
        assert_ok(remove_tree("tree"));
        assert_ok(remove_tree("top-link"));
        assert_ok(remove_tree("missing"));
        assert_content("keep/me", "x");
        assert_int_equal(count_entries("."), 1);
        assert_ok(remove_tree("keep/me"));
        assert_int_equal(count_entries("keep"), 0);
}

static void paths_are_joined(void **state) {
        static const struct {
                const char *a, *b, *path;
        } cases[] = {
                { "a", "b", "a/b" }, { "a/", "b", "a/b" },   { "a//", "/b", "a/b" },
                { "/", "b", "/b" },  { "", "b", "b" },       { "/a/b", "c/d", "/a/b/c/d" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *path = path_join(cases[i].a, cases[i].b);

                assert_string_equal(path, cases[i].path);
        }
}

/* Each open file is somebody else to the lock, so that one process can play two. */
static void a_lock_is_one_holders_at_a_time(void **state) {
        int first, second;

        assert_ok(file_lock("lock", &first));
        assert_int_equal(file_lock_try("lock", &second), -EBUSY);
        assert_int_equal(file_unlock(first), -1);
        assert_ok(file_lock_try("lock", &second));
        (void) file_unlock(second);
        assert_int_equal(file_lock("no/folder/lock", &first), -ENOENT);
}

static void a_lock_that_is_given_up_is_no_childs(void **state) {
        int fd, gate[2], again;
        pid_t child;

        assert_ok(file_lock("lock", &fd));
        assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                char end;

                (void) close(gate[1]);
                _exit(read(gate[0], &end, 1) != 0);
        }
        assert_int_equal(file_lock_try("lock", &again), -EBUSY);
        (void) file_unlock(fd);
        assert_ok(file_lock_try("lock", &again));
        (void) file_unlock(again);
        (void) close(gate[1]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        (void) close(gate[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST_IN_FOLDER(reading_is_bounded),
                TEST_IN_FOLDER(what_is_no_file_does_not_hang_the_reader),
                TEST_IN_FOLDER(files_of_proc_have_no_size_and_are_read),
                TEST_IN_FOLDER(first_lines_are_trimmed),
                TEST_IN_FOLDER(a_write_replaces_the_whole_file),
                TEST_IN_FOLDER(a_write_goes_to_other_folders_too),
                TEST_IN_FOLDER(a_write_that_fails_leaves_the_old_bytes),
                TEST_IN_FOLDER(a_target_that_is_a_folder_is_kept),
                TEST_IN_FOLDER(folders_with_their_parents),
                TEST_IN_FOLDER(removing_a_tree_follows_no_links),
                TEST_IN_FOLDER(paths_are_joined),
                TEST_IN_FOLDER(a_lock_is_one_holders_at_a_time),
                TEST_IN_FOLDER(a_lock_that_is_given_up_is_no_childs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
