/*
 * What the kernel tells: in network and mount namespaces of our own, where we may have them
 */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/macros.h"
#include "hostd/edge/kernel-watch.h"

static void on_changed(void *userdata) {
        unsigned *n = userdata;

        (*n)++;
}

static void run_for_a_while(sd_event *event, const unsigned *n, unsigned wanted) {
        for (unsigned i = 0; i < 500 && *n < wanted; i++)
                assert_true(sd_event_run(event, 10000) >= 0);
}

static bool have_namespaces(void) {
        return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
               mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void links_and_mounts_are_told(void **state) {
        KernelWatch *w;
        sd_event *event;
        unsigned n = 0;

        if (!have_namespaces()) {
                print_message("No namespaces of our own here.\n");
                skip();
        }
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(kernel_watch_new(event, "/proc/self/mountinfo", on_changed, &n, &w), 0);
        for (unsigned i = 0; i < 10; i++)
                assert_true(sd_event_run(event, 1000) >= 0);
        assert_int_equal(n, 0);

        /* The loopback device goes up. */
        if (system("ip link set lo up 2>/dev/null") == 0) {
                run_for_a_while(event, &n, 1);
                assert_true(n > 0);
        }
        n = 0;
        assert_int_equal(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
        run_for_a_while(event, &n, 1);
        assert_int_equal(n, 1);
        /* And is quiet again. */
        for (unsigned i = 0; i < 10; i++)
                assert_true(sd_event_run(event, 1000) >= 0);
        assert_int_equal(n, 1);
        assert_int_equal(umount("/tmp"), 0);
        run_for_a_while(event, &n, 2);
        assert_int_equal(n, 2);
        (void) kernel_watch_free(w);
        sd_event_unref(event);
}

static void what_cannot_be_watched_is_left_out(void **state) {
        KernelWatch *w;
        sd_event *event;
        unsigned n = 0;

        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(kernel_watch_new(event, "/no/such/file", on_changed, &n, &w), 0);
        assert_non_null(w);
        (void) kernel_watch_free(w);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_watched_is_left_out),
                cmocka_unit_test(links_and_mounts_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
