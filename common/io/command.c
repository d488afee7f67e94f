/*
 * Commands: programs that we start and wait for
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/io/command.h"

static int add_files(posix_spawn_file_actions_t *actions, int input, int output, int error) {
        int r;

        r = input < 0 ? posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
                      : posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
        if (r == 0 && output >= 0)
                r = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
        if (r == 0 && error >= 0)
                r = posix_spawn_file_actions_adddup2(actions, error, STDERR_FILENO);
        return r;
}

int command_start(
        const char *file_or_null, const char *const *argv, int input, int output, int error, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, pipes;
        int r;

        sigemptyset(&none);
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &pipes);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = add_files(&actions, input, output, error);
        if (r == 0)
                r = posix_spawnp(ret, file_or_null ?: argv[0], &actions, &attributes, (char *const *) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

int command_await(pid_t pid, uint64_t timeout, int *ret_status) {
        _cleanup_close_ int fd = timeout > 0 ? pidfd_open(pid, 0) : -1;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r = 0;

        if (fd >= 0 && poll(&p, 1, (int) MIN_OF(timeout / 1000, (uint64_t) INT_MAX)) == 0) {
                (void) kill(pid, SIGKILL);
                r = -ETIMEDOUT;
        }
        return waitpid(pid, ret_status, 0) == pid ? r : -errno;
}

int command_run(const char *const *argv, uint64_t timeout, int *ret_status) {
        pid_t pid;
        int r;

        r = command_start(NULL, argv, /* input= */ -1, STDERR_FILENO, /* error= */ -1, &pid);
        return r < 0 ? r : command_await(pid, timeout, ret_status);
}
