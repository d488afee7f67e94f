/*
 * Backups
 *
 * A worker makes the copy and writes it to the descriptor of the caller. If the caller reads slowly, only the
 * worker waits. There is one worker at a time; it ends with this process, or when the caller reads nothing
 * for a minute. At its end it replies itself; if it was killed before that, this process replies with the
 * reason.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "policyd/bus/bus-private.h"

#define PATIENCE_SECONDS 60
#define NOT_WHOLE "The backup was not made whole: %s."

/* In the worker */

static void wait_on(void) {
        (void) alarm(PATIENCE_SECONDS);
}

static void write_copy(sd_bus_message *m, sd_bus *replies, int target, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *bus = userdata;
        uint64_t bytes = 0;
        sigset_t none;
        int r;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGALRM, SIG_DFL);
        r = policy_write_backup(bus->policy, bus->backup_began, target, wait_on, &bytes);
        if (r < 0)
                r = sd_bus_message_new_method_errorf(
                        m, &reply, error_code_name(ERROR_STORAGE_FAILED), NOT_WHOLE, strerror(-r));
        else {
                r = sd_bus_message_new_method_return(m, &reply);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "t", bytes);
        }
        if (r >= 0)
                (void) sd_bus_send(replies, reply, NULL);
}

/* In the parent */

void backup_stop(Bus *bus) {
        bool was_made = bus->backup;

        bus->backup = worker_free(bus->backup);
        if (was_made && bus->policy)
                policy_backup_ended(bus->policy);
}

static void refuse(sd_bus_message *m, ErrorCode code, const char *why) {
        (void) sd_bus_reply_method_errorf(m, error_code_name(code), NOT_WHOLE, why);
}

static bool was_killed_by(const WorkerEnd *end, int signo) {
        return WIFSIGNALED(end->status) && WTERMSIG(end->status) == signo;
}

static void on_ended(sd_bus_message *m, const WorkerEnd *end, void *userdata) {
        if (end->answered)
                ;
        else if (was_killed_by(end, SIGALRM))
                refuse(m, ERROR_LIMIT_REACHED, "nothing of it was taken for a minute");
        else if (was_killed_by(end, SIGPIPE))
                refuse(m, ERROR_STORAGE_FAILED, "its reader went away");
        else
                refuse(m, ERROR_INTERNAL_ERROR, "its process ended without a word");
        backup_stop(userdata);
}

static int start(Bus *bus, sd_bus_message *m, int target) {
        const WorkerTask task = {.bus = bus->bus,
                .message = m,
                .keep_fd = target,
                .work = write_copy,
                .ended = on_ended,
                .userdata = bus};
        int r;

        r = sd_event_now(bus->event, CLOCK_REALTIME, &bus->backup_began);
        if (r >= 0)
                r = worker_start(bus->event, &task, &bus->backup);
        return r < 0 ? r : 1;
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
