/*
 * Children and orphans: each end is heard by who waits for it, whoever looks first
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "hostd/helper/helper-process.h"
#include "common/daemon/process-watch.h"

#define ROUNDS 20

typedef struct World {
        sd_event *event;
        pid_t helper; /* 0: none to wait for */
        int result;
        bool done;
        unsigned n_reaped;
} World;

static pid_t child_of_status(int status) {
        pid_t pid = fork();

        if (pid == 0)
                _exit(status);
        return pid;
}

static void wait_for_end(pid_t pid) {
        siginfo_t info;

        assert_int_equal(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
}

/* While the reaper is at work the helper ends too: its watch has had no turn yet. */
static void on_reaped(pid_t pid, int status, void *userdata) {
        World *w = userdata;

        w->n_reaped++;
        if (w->helper > 0)
                wait_for_end(w->helper);
        w->helper = 0;
}

static void on_helper(int result, const char *words, void *userdata) {
        World *w = userdata;

        w->helper = 0; /* it was quicker than the reaper's turn */
        w->result = result;
        w->done = true;
        assert_string_equal(words, "the answer");
}

static World world_new(void) {
        World w = {};
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        assert_int_equal(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
        assert_true(sd_event_new(&w.event) >= 0);
        return w;
}

/* The newest child, which is the one that was just made. */
static pid_t find_child(void) {
        char path[64];
        FILE *f;
        int pid = 0, next;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int) getpid());
        f = fopen(path, "re");
        while (f && fscanf(f, "%d", &next) == 1)
                pid = next;
        if (f)
                fclose(f);
        return pid;
}

static void the_reaper_takes_nobodys_child_from_its_watch(void **state) {
        char *arguments[] = {(char *) "helper", NULL};
        const HelperWork work = {.arguments = {.items = arguments, .n = 1}, .timeout = 20000000, .late = "late"};

        for (unsigned i = 0; i < ROUNDS; i++) {
                World w = world_new();
                HelperProcess *h = NULL;
                pid_t stranger;

                assert_true(reaper_attach(w.event, on_reaped, &w) >= 0);
                stranger = child_of_status(0);
                wait_for_end(stranger);
                assert_int_equal(helper_process_start(w.event, &work, on_helper, &w, &h), 0);
                w.helper = find_child();
                while (!w.done)
                        assert_true(sd_event_run(w.event, UINT64_MAX) >= 0);
                assert_int_equal(w.result, 0);
                helper_process_free(h);
                for (unsigned n = 0; w.n_reaped == 0 && n < 100; n++)
                        assert_true(sd_event_run(w.event, 10000) >= 0);
                assert_int_equal(w.n_reaped, 1);
                sd_event_unref(w.event);
        }
}

static void a_helper_that_cannot_be_watched_is_ended(void **state) {
        char *arguments[] = {(char *) "sleep", NULL};
        const HelperWork work = {.arguments = {.items = arguments, .n = 1}, .timeout = 20000000, .late = "late"};
        struct rlimit limit, low;
        HelperProcess *h = NULL;
        World w = world_new();
        int lowest, r;

        lowest = dup(STDERR_FILENO);
        close(lowest);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = limit;
        low.rlim_cur = (rlim_t) lowest + 2; /* the pipe, and no more */
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        r = helper_process_start(w.event, &work, on_helper, &w, &h);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(r < 0);
        assert_null(h);
        assert_int_equal(find_child(), 0);
        sd_event_unref(w.event);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_reaper_takes_nobodys_child_from_its_watch),
                cmocka_unit_test(a_helper_that_cannot_be_watched_is_ended),
        };

        if (argc == 2 && streq(argv[1], "helper"))
                return puts("the answer") < 0;
        if (argc == 2 && streq(argv[1], "sleep"))
                return (int) sleep(600);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
