/*
 * Processes that are not our children: alive, a zombie, gone, or another one with the same pid
 */

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/io/pidfd.h"
#include "tests/unit/common/test.h"

static pid_t start_sleeper(const char *name) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_NAME, name);
                for (;;)
                        pause();
        }
        return pid;
}

static void wait_until_dead(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        assert_int_equal(poll(&p, 1, 10000), 1);
}

static void a_life(void **state) {
        _cleanup_close_ int fd = -1;
        ProcessId id;
        pid_t pid = start_sleeper("sleeper");

        assert_ok(process_id_of(pid, &id));
        assert_int_equal(id.pid, pid);
        assert_true(id.start_time > 0);
        assert_true(process_is_alive(&id));
        fd = process_open(&id);
        assert_true(fd >= 0);

        assert_ok(process_signal(&id, SIGKILL));
        wait_until_dead(fd);
        assert_false(process_is_alive(&id)); /* a zombie */
        assert_int_equal(process_signal(&id, SIGKILL), -ESRCH);
        assert_int_equal(process_open(&id), -ESRCH);

        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_false(process_is_alive(&id));
        assert_int_equal(process_id_of(pid, &id), -ESRCH);
        assert_int_equal(process_open(&id), -ESRCH);
}

static void a_pid_that_changed_hands_is_another_process(void **state) {
        ProcessId id, old;
        pid_t pid = start_sleeper("sleeper");

        assert_ok(process_id_of(pid, &id));
        old = (ProcessId){ .pid = pid, .start_time = id.start_time - 1 };
        assert_false(process_is_alive(&old));
        assert_int_equal(process_open(&old), -ESRCH);
        assert_int_equal(process_signal(&old, SIGKILL), -ESRCH);
        assert_true(process_is_alive(&id));

        assert_ok(process_signal(&id, SIGKILL));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The name is chosen by the program; blanks and parentheses in it must not shift the fields. */
static void a_confusing_name(void **state) {
        ProcessId id, again;
        pid_t pid = start_sleeper("a) Z 1 (2) 3");

        assert_ok(process_id_of(pid, &id));
        usleep(50000);
        assert_ok(process_id_of(pid, &again));
        assert_true(id.start_time == again.start_time);
        assert_true(process_is_alive(&id));
        assert_ok(process_signal(&id, SIGKILL));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void no_process(void **state) {
        ProcessId none = {}, ret;

        assert_false(process_is_alive(&none));
        assert_int_equal(process_open(&none), -ESRCH);
        assert_int_equal(process_signal(&none, SIGTERM), -ESRCH);
        assert_int_equal(process_id_of(0, &ret), -ESRCH);
        assert_int_equal(process_id_of(-1, &ret), -ESRCH);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_life),
                cmocka_unit_test(a_pid_that_changed_hands_is_another_process),
                cmocka_unit_test(a_confusing_name),
                cmocka_unit_test(no_process),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
