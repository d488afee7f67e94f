#pragma once

/*
 * A program that a test starts and that does not outlive it, however the test ends
 */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>

#include "tests/unit/common/test.h"

/* argv[0] is looked for in $PATH when it has no slash. The caller reaps it. */
static inline pid_t child_start(const char *const *argv) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) execvp(argv[0], (char *const *) argv);
                _exit(127);
        }
        return pid;
}
