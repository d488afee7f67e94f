/*
 * A copy of this process that answers a call
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "policyd/bus/call/worker.h"

#define REPLIES_FD (STDERR_FILENO + 1)
#define KEPT_FD (STDERR_FILENO + 2)
#define ON_THE_WAY_MAX (256 << 10) /* bytes of a reply; the rest stays with the worker, which waits */

struct Worker {
        WorkerTask task;
        pid_t pid; /* 0: it was reaped */
        sd_bus *replies;
        sd_event_source *deadline;
        bool answered;
};

/* One end of the connection between both. */
static int connect_end(int fd, bool server, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_close_ int owned = fd;
        sd_id128_t id;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, owned, owned);
        if (r < 0)
                return r;
        take_fd(owned);
        if (server) {
                r = sd_id128_randomize(&id);
                if (r >= 0)
                        r = sd_bus_set_server(bus, true, id);
        }
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *ret = take_ptr(bus);
        return r;
}

/* In the worker */

/* Both are moved to higher numbers first, so that dup2() does not overwrite one of them. */
static void keep_descriptors(int replies, int kept) {
        replies = fcntl(replies, F_DUPFD, KEPT_FD + 1);
        kept = kept < 0 ? -1 : fcntl(kept, F_DUPFD, KEPT_FD + 1);
        if (dup2(replies, REPLIES_FD) < 0 || (kept >= 0 && dup2(kept, KEPT_FD) < 0))
                _exit(EXIT_FAILURE);
        (void) close_range(kept >= 0 ? KEPT_FD + 1 : KEPT_FD, ~0U, 0);
}

static _Noreturn void work(const WorkerTask *task, int fd, pid_t parent) {
        int on_the_way = ON_THE_WAY_MAX;
        sd_bus *replies = NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The parent may have ended before prctl(). */
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        keep_descriptors(fd, task->keep_fd);
        if (connect_end(REPLIES_FD, /* server= */ false, &replies) < 0)
                _exit(EXIT_FAILURE);
        (void) setsockopt(REPLIES_FD, SOL_SOCKET, SO_SNDBUF, &on_the_way, sizeof(on_the_way));
        task->work(task->message, replies, KEPT_FD, task->userdata);
        _exit(sd_bus_flush(replies) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* In the parent */

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        sd_bus_close_unref(w->replies);
        sd_event_source_disable_unref(w->deadline);
        sd_bus_message_unref(w->task.message);
        if (w->pid > 0) {
                (void) kill(w->pid, SIGKILL);
                (void) waitpid(w->pid, NULL, 0);
        }
        free(w);
        return NULL;
}

static void end(Worker *w, WorkerEnd end) {
        end.answered = w->answered;
        w->deadline = sd_event_source_disable_unref(w->deadline);
        w->task.ended(w->task.message, &end, w->task.userdata);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        end(userdata, (WorkerEnd){.late = true, .status = -1});
        return 0;
}

/* A worker that is killed may have sent a part of a message; sd-bus returns only complete ones. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Worker *w = userdata;
        int status = -1;

        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Local", "Disconnected") > 0) {
                (void) waitpid(w->pid, &status, 0);
                w->pid = 0;
                end(w, (WorkerEnd){.status = status});
        } else if (sd_bus_send(w->task.bus, m, NULL) >= 0)
                w->answered = true;
        return 1;
}

static int watch(Worker *w, sd_event *event) {
        int r;

        r = sd_bus_add_filter(w->replies, NULL, on_message, w);
        if (r >= 0)
                r = sd_bus_attach_event(w->replies, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0 && w->task.usec_max > 0)
                r = sd_event_add_time_relative(
                        event, &w->deadline, CLOCK_MONOTONIC, w->task.usec_max, 0, on_deadline, w);
        return r;
}

int worker_start(sd_event *event, const WorkerTask *task, Worker **ret) {
        _cleanup_(worker_freep) Worker *w = NULL;
        _cleanup_close_ int theirs = -1;
        pid_t parent = getpid();
        int fds[2], r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->task = *task;
        sd_bus_message_ref(w->task.message);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        theirs = fds[1];
        r = connect_end(fds[0], /* server= */ true, &w->replies);
        if (r >= 0)
                r = watch(w, event);
        if (r < 0)
                return r;
        w->pid = fork();
        if (w->pid < 0)
                return -errno;
        if (w->pid == 0)
                work(task, theirs, parent);
        *ret = take_ptr(w);
        return 0;
}
