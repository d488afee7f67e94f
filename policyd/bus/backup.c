/*
 * Backups
 *
 * A child makes the copy and writes it to the caller's descriptor, who may be slow to read: only that child
 * waits for him. There is one at a time; it ends with this process, and when nothing is taken for a minute.
 * What it has to say, a number of bytes or what went wrong, comes through a pipe, at its end.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policyd/bus/bus-private.h"

#define PATIENCE_SECONDS 60

typedef struct Outcome {
        int error; /* a negative errno, or 0 */
        uint64_t bytes;
} Outcome;

struct Backup {
        Bus *bus;
        sd_bus_message *message;
        pid_t pid;
        int fd;
        sd_event_source *readable;
};

/* In the child */

static void wait_on(void) {
        (void) alarm(PATIENCE_SECONDS);
}

static _Noreturn void work(Bus *bus, uint64_t now, int target, int output) {
        Outcome outcome = {};
        sigset_t none;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGALRM, SIG_DFL);
        /* The connection, the database's lock and the hosts are the parent's. Both go out of the way first. */
        target = fcntl(target, F_DUPFD, STDERR_FILENO + 3);
        output = fcntl(output, F_DUPFD, STDERR_FILENO + 3);
        if (dup2(target, STDERR_FILENO + 1) < 0 || dup2(output, STDERR_FILENO + 2) < 0)
                _exit(EXIT_FAILURE);
        (void) close_range(STDERR_FILENO + 3, ~0U, 0);

        outcome.error = policy_write_backup(bus->policy, now, STDERR_FILENO + 1, wait_on, &outcome.bytes);
        (void) !write(STDERR_FILENO + 2, &outcome, sizeof(outcome));
        _exit(EXIT_SUCCESS);
}

/* In the parent */

static Backup *backup_free(Backup *b) {
        if (!b)
                return NULL;
        sd_event_source_disable_unref(b->readable);
        safe_close(b->fd);
        if (b->pid > 0) {
                (void) kill(b->pid, SIGKILL);
                (void) waitpid(b->pid, NULL, 0);
                policy_backup_ended(b->bus->policy);
        }
        sd_bus_message_unref(b->message);
        free(b);
        return NULL;
}
DEFINE_CLEANUP(Backup *, backup_free)

void backup_stop(Bus *bus) {
        bus->backup = backup_free(bus->backup);
}

static void refuse(Backup *b, ErrorCode code, const char *why) {
        (void) sd_bus_reply_method_errorf(
                b->message, error_code_name(code), "The backup was not made whole: %s.", why);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Backup *b = userdata;
        Bus *bus = b->bus;
        Outcome outcome;
        int status = 0;
        ssize_t n;

        n = read(fd, &outcome, sizeof(outcome));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        (void) waitpid(b->pid, &status, 0);
        b->pid = 0;
        policy_backup_ended(bus->policy);
        if (n == sizeof(outcome) && outcome.error == 0)
                (void) sd_bus_reply_method_return(b->message, "t", outcome.bytes);
        else if (n == sizeof(outcome))
                refuse(b, ERROR_STORAGE_FAILED, strerror(-outcome.error));
        else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                refuse(b, ERROR_LIMIT_REACHED, "nothing of it was taken for a minute");
        else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
                refuse(b, ERROR_STORAGE_FAILED, "its reader went away");
        else
                refuse(b, ERROR_INTERNAL_ERROR, "its process ended without a word");
        backup_stop(bus);
        return 0;
}

static int start(Bus *bus, sd_bus_message *m, int target) {
        _cleanup_(backup_freep) Backup *b = NULL;
        _cleanup_close_ int writing = -1;
        uint64_t now = 0;
        int fds[2], r;

        r = sd_event_now(bus->event, CLOCK_REALTIME, &now);
        if (r < 0)
                return r;
        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        *b = (Backup){.bus = bus, .message = sd_bus_message_ref(m), .fd = -1};
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        b->fd = fds[0];
        writing = fds[1];
        (void) fcntl(b->fd, F_SETFL, O_NONBLOCK);
        r = sd_event_add_io(bus->event, &b->readable, b->fd, EPOLLIN, on_readable, b);
        if (r < 0)
                return r;
        b->pid = fork();
        if (b->pid < 0)
                return -errno;
        if (b->pid == 0)
                work(bus, now, target, writing);
        bus->backup = take_ptr(b);
        return 1;
}

static int check_target(int fd, sd_bus_error *error) {
        int flags = fcntl(fd, F_GETFL);
        struct stat st;

        if (flags < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "A backup is written to a file or into a pipe; this descriptor is neither.");
        if (flags & O_PATH || (flags & O_ACCMODE) == O_RDONLY)
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "The descriptor is not open for writing, so the backup cannot be written to it.");
        return 0;
}

int method_backup(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        Options options;
        int fd, r;

        r = sd_bus_message_read(m, "h", &fd);
        if (r >= 0)
                r = options_read(m, 0, &options, error);
        if (r >= 0)
                r = check_target(fd, error);
        if (r < 0)
                return r;
        if (bus->backup)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "A backup is being made already, and one at a time is; wait until it is done.");
        (void) policy_flush(bus->policy);
        r = start(bus, m, fd);
        return r < 0 ? bus_error_set(error, ERROR_INTERNAL_ERROR, "The backup could not be begun: %s.", strerror(-r))
                     : r;
}
