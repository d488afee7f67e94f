/*
 * The display emulator as a process
 *
 * In the order of events: we fork a child that only forks and leaves; the second one is the keeper; it forks
 * the emulator, which waits on a pipe for its release. Messages between the keeper and us are whole packets.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/text.h"
#include "hostd/dm/emulator.h"

#define STOP_TRIES 50 /* of STOP_PAUSE: 5 s */
#define STOP_PAUSE_NS 100000000L

/* The keeper moves its two descriptors to 3 and 4; until then they stand from here on. */
#define FIRST_FREE_FD 16

typedef struct KeeperMessage {
        pid_t pid;  /* first message: the emulator's, or 0 when it could not be forked */
        int status; /* second: how it ended; or the errno of the failed fork */
} KeeperMessage;

static _Noreturn void run_emulator(
        int release_fd, char *const *arguments, char *const *environment, int output) {
        char go;
        int null;

        /* End of file: the device model died before it released us, so perhaps no record names us. */
        if (read(release_fd, &go, 1) != 1)
                _exit(1);

        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || (output >= 0 && dup2(output, STDERR_FILENO) < 0) ||
                dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                _exit(126);
        /* The emulator must not get the descriptors that the hypervisor's library passes to qemu. */
        (void) close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);

        environ = (char **) environment;
        (void) execvp(arguments[0], arguments);
        (void) dprintf(STDERR_FILENO, "xenvgpu-dm: cannot execute %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
}

/* Stays until the emulator ends or the device model is gone. */
static void keep(int link, int release_fd, pid_t pid) {
        struct pollfd fds[2] = { { .fd = link, .events = POLLIN } };
        KeeperMessage end = { .pid = pid };

        fds[1] = (struct pollfd){ .fd = pidfd_open(pid, 0), .events = POLLIN };
        if (fds[1].fd < 0)
                return;
        for (;;) {
                char go;

                if (poll(fds, 2, -1) < 0)
                        continue;
                if (fds[1].revents) {
                        if (waitpid(pid, &end.status, WNOHANG) == pid)
                                (void) send(link, &end, sizeof(end), MSG_NOSIGNAL);
                        return;
                }
                if (fds[0].revents) {
                        if (recv(link, &go, 1, 0) != 1 || write(release_fd, &go, 1) != 1)
                                return;
                }
        }
}

static _Noreturn void run_keeper(int link, char *const *arguments, char *const *environment, int output) {
        KeeperMessage start = {};
        int release[2];

        if (pipe2(release, O_CLOEXEC) < 0)
                _exit(1);
        start.pid = fork();
        if (start.pid == 0) {
                (void) close(release[1]);
                (void) close(link);
                run_emulator(release[0], arguments, environment, output);
        }
        if (start.pid < 0)
                start = (KeeperMessage){ .status = errno };

        /* The keeper must hold nothing open that belongs to qemu, whatever number it has: keep two, close the
         * rest. */
        release[1] = fcntl(release[1], F_DUPFD, FIRST_FREE_FD);
        if (release[1] < 0 || dup2(link, 3) < 0 || dup2(release[1], 4) < 0)
                _exit(1);
        (void) close_range(5, ~0U, 0);

        if (send(3, &start, sizeof(start), MSG_NOSIGNAL) == sizeof(start) && start.pid > 0)
                keep(3, 4, start.pid);
        _exit(0);
}

static int read_start(int link, Emulator *ret) {
        KeeperMessage start;
        ProcessId id;
        int r;

        if (recv(link, &start, sizeof(start), 0) != sizeof(start))
                return -EIO;
        if (start.pid == 0)
                return -start.status;
        r = process_id_of(start.pid, &id);
        if (r < 0)
                return r;
        ret->id = id;
        return 0;
}

int emulator_start(char *const *arguments, char *const *environment, int output, Emulator *ret) {
        _cleanup_close_ int ours = -1, theirs = -1;
        Emulator e = EMULATOR_NONE;
        int link[2], r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0)
                return -errno;
        ours = link[0];
        theirs = fcntl(link[1], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        (void) close(link[1]);
        if (theirs < 0)
                return -errno;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void) close(ours);
                pid = fork();
                if (pid == 0)
                        run_keeper(theirs, arguments, environment, output);
                _exit(pid < 0);
        }
        theirs = safe_close(theirs);
        (void) waitpid(pid, NULL, 0);

        r = read_start(ours, &e);
        if (r < 0)
                return r;
        e.link = take_fd(ours);
        *ret = e;
        return 0;
}

int emulator_release(Emulator *e) {
        return send(e->link, "g", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int emulator_read_end(Emulator *e, int *ret_status) {
        KeeperMessage end;

        if (recv(e->link, &end, sizeof(end), MSG_DONTWAIT) != sizeof(end))
                return -ENODATA;
        *ret_status = end.status;
        return 0;
}

void emulator_stop(Emulator *e) {
        if (e->id.pid <= 0 || process_signal(&e->id, SIGTERM) < 0)
                return;
        for (int i = 0; i < STOP_TRIES && process_is_alive(&e->id); i++)
                (void) nanosleep(&(struct timespec){ .tv_nsec = STOP_PAUSE_NS }, NULL);
        (void) process_signal(&e->id, SIGKILL);
}

void emulator_done(Emulator *e) {
        e->link = safe_close(e->link);
}

char *emulator_end_to_text(int status) {
        if (WIFSIGNALED(status))
                return text_printf(
                        "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return text_printf("exited unexpectedly with status %d", WEXITSTATUS(status));
}
