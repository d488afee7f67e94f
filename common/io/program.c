/*
 * Programs that we start and wait for
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/io/program.h"

static int add_files(posix_spawn_file_actions_t *actions, int output, int error) {
        int r;

        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0 && output >= 0)
                r = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
        if (r == 0 && error >= 0)
                r = posix_spawn_file_actions_adddup2(actions, error, STDERR_FILENO);
        return r;
}

int program_start(const char *file_or_null, const char *const *argv, int output, int error, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        sigemptyset(&none);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        r = add_files(&actions, output, error);
        if (r == 0)
                r = posix_spawnp(ret, file_or_null ?: argv[0], &actions, &attributes, (char *const *) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

int program_await(pid_t pid, uint64_t timeout, int *ret_status) {
        _cleanup_close_ int fd = timeout > 0 ? pidfd_open(pid, 0) : -1;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r = 0;

        if (fd >= 0 && poll(&p, 1, (int) MIN_OF(timeout / 1000, (uint64_t) INT_MAX)) == 0) {
                (void) kill(pid, SIGKILL);
                r = -ETIMEDOUT;
        }
        return waitpid(pid, ret_status, 0) == pid ? r : -errno;
}

int program_run(const char *const *argv, uint64_t timeout, int *ret_status) {
        pid_t pid;
        int r;

        r = program_start(NULL, argv, STDERR_FILENO, -1, &pid);
        return r < 0 ? r : program_await(pid, timeout, ret_status);
}
