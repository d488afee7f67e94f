/*
 * A folder is watched with and without inotify
 *
 * The second world has no inotify instance left: a user namespace whose limit is 0, in a child process. Where
 * the kernel does not give us one, that test is skipped.
 */

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/helper/folder-watch.h"

#define CHILD_SKIPPED 77

typedef struct World {
        sd_event *event;
        char folder[64];
        int n_changes;
} World;

static void on_changed(const char *name_or_null, void *userdata) {
        World *w = userdata;

        if (!name_or_null || streq(name_or_null, "state"))
                w->n_changes++;
}

/* 0 when a change made after the watch began was told within two seconds. */
static int see_a_change(void) {
        World w = {.folder = "/tmp/xenvgpu-test-XXXXXX"};
        _cleanup_free_ char *path = NULL;
        FolderWatch *watch = NULL;
        int r;

        if (!mkdtemp(w.folder))
                return -errno;
        path = path_join(w.folder, "state");
        r = sd_event_new(&w.event);
        if (r >= 0)
                r = folder_watch_new(w.event, w.folder, IN_MOVED_TO, on_changed, &w, &watch);
        if (r >= 0)
                r = file_write_atomic(path, "running", 7, 0600);
        for (int i = 0; r >= 0 && w.n_changes == 0 && i < 20; i++)
                r = sd_event_run(w.event, 100000);
        (void) folder_watch_free(watch);
        (void) sd_event_unref(w.event);
        (void) remove_tree(w.folder);
        return r < 0 ? r : w.n_changes > 0 ? 0 : -ETIME;
}

static int child_without_inotify(void) {
        int fd;

        if (unshare(CLONE_NEWUSER) < 0)
                return CHILD_SKIPPED;
        fd = open("/proc/sys/user/max_inotify_instances", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1 || inotify_init1(IN_CLOEXEC) >= 0)
                return CHILD_SKIPPED;
        close(fd);
        return see_a_change() == 0 ? 0 : 1;
}

static void test_with_inotify(void **state) {
        assert_int_equal(see_a_change(), 0);
}

static void test_with_no_inotify_instance_left(void **state) {
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(child_without_inotify());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == CHILD_SKIPPED)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_missing_folder(void **state) {
        FolderWatch *watch = NULL;
        sd_event *event = NULL;

        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(
                folder_watch_new(event, "/nonexistent/folder", IN_MOVED_TO, on_changed, NULL, &watch),
                -ENOENT);
        (void) sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_with_inotify),
                cmocka_unit_test(test_with_no_inotify_instance_left),
                cmocka_unit_test(test_missing_folder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
