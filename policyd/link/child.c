/*
 * A child process that the loop owns
 */

#include <signal.h>
#include <sys/wait.h>

#include "policyd/link/child.h"

int child_watch(sd_event *event, pid_t pid, sd_event_child_handler_t ended, void *userdata, sd_event_source **ret) {
        sigset_t children;
        int r;

        /* sd-event watches a child only with SIGCHLD blocked, although it has a pidfd for it. */
        sigemptyset(&children);
        sigaddset(&children, SIGCHLD);
        sigprocmask(SIG_BLOCK, &children, NULL);

        r = sd_event_add_child(event, ret, pid, WEXITED, ended, userdata);
        if (r < 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
                return r;
        }
        return sd_event_source_set_child_process_own(*ret, true);
}
