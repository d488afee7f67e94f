/*
 * A copy of this process at work
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/base/strbuf.h"
#include "policyd/bus/call/worker.h"

#define PIPE_BYTES (1 << 20)
#define OUTPUT_FD (STDERR_FILENO + 1)
#define KEPT_FD (STDERR_FILENO + 2)

struct Worker {
        WorkerTask task;
        pid_t pid; /* 0: it was reaped */
        int fd;
        sd_event_source *readable, *deadline;
        StrBuf said;
};

/* In the worker */

void worker_write(int output, const void *bytes, size_t n) {
        const char *rest = bytes;

        while (n > 0) {
                ssize_t k = write(output, rest, n);

                if (k < 0 && errno != EINTR)
                        _exit(EXIT_FAILURE);
                if (k > 0) {
                        rest += k;
                        n -= (size_t) k;
                }
        }
}

/* Both go out of the way of the numbers that they get. */
static void keep_descriptors(int output, int kept) {
        output = fcntl(output, F_DUPFD, KEPT_FD + 1);
        kept = kept < 0 ? -1 : fcntl(kept, F_DUPFD, KEPT_FD + 1);
        if (dup2(output, OUTPUT_FD) < 0 || (kept >= 0 && dup2(kept, KEPT_FD) < 0))
                _exit(EXIT_FAILURE);
        (void) close_range(kept >= 0 ? KEPT_FD + 1 : KEPT_FD, ~0U, 0);
}

static _Noreturn void work(const WorkerTask *task, int output, pid_t parent) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* It may have ended before that. */
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        keep_descriptors(output, task->keep_fd);
        task->work(OUTPUT_FD, KEPT_FD, task->userdata);
        _exit(EXIT_SUCCESS);
}

/* In the parent */

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->readable);
        sd_event_source_disable_unref(w->deadline);
        safe_close(w->fd);
        if (w->pid > 0) {
                (void) kill(w->pid, SIGKILL);
                (void) waitpid(w->pid, NULL, 0);
        }
        strbuf_done(&w->said);
        free(w);
        return NULL;
}

/* ended() may free the worker. */
static void end(Worker *w, const WorkerEnd *end) {
        w->readable = sd_event_source_disable_unref(w->readable);
        w->deadline = sd_event_source_disable_unref(w->deadline);
        w->task.ended(end, w->task.userdata);
}

/* Its end of the pipe is closed, so it ends now. */
static void reap(Worker *w) {
        size_t n = w->said.len;
        _cleanup_free_ char *said = strbuf_take(&w->said);
        WorkerEnd e = {.said = strempty(said), .n_said = said ? n : 0, .status = -1};

        (void) waitpid(w->pid, &e.status, 0);
        w->pid = 0;
        end(w, &e);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *w = userdata;
        char bytes[64 << 10];
        ssize_t n;

        n = read(fd, bytes, sizeof(bytes));
        if (n > 0)
                strbuf_add_n(&w->said, bytes, (size_t) n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                reap(w);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        end(userdata, &(WorkerEnd){.said = "", .late = true});
        return 0;
}

static int watch(Worker *w, sd_event *event) {
        int r;

        r = sd_event_add_io(event, &w->readable, w->fd, EPOLLIN, on_readable, w);
        if (r >= 0 && w->task.usec_max > 0)
                r = sd_event_add_time_relative(
                        event, &w->deadline, CLOCK_MONOTONIC, w->task.usec_max, 0, on_deadline, w);
        return r;
}

int worker_start(sd_event *event, const WorkerTask *task, Worker **ret) {
        _cleanup_(worker_freep) Worker *w = NULL;
        _cleanup_close_ int writing = -1;
        pid_t parent = getpid();
        int fds[2], r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (Worker){.task = *task, .fd = -1};
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        w->fd = fds[0];
        writing = fds[1];
        (void) fcntl(w->fd, F_SETFL, O_NONBLOCK);
        (void) fcntl(w->fd, F_SETPIPE_SZ, PIPE_BYTES);
        r = watch(w, event);
        if (r < 0)
                return r;
        w->pid = fork();
        if (w->pid < 0)
                return -errno;
        if (w->pid == 0)
                work(task, writing, parent);
        *ret = take_ptr(w);
        return 0;
}
