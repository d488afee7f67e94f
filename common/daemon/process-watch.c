/*
 * Processes: hearing of their end, and ending them
 */

#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "common/base/text.h"
#include "common/daemon/process-watch.h"

struct ProcessWatch {
        ProcessId id;
        int fd;
        sd_event_source *source, *timer;
        ProcessEnded ended;
        void *userdata;
};

ProcessWatch *process_watch_free(ProcessWatch *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->source);
        sd_event_source_disable_unref(w->timer);
        safe_close(w->fd);
        free(w);
        return NULL;
}

static int on_kill_time(sd_event_source *source, uint64_t usec, void *userdata) {
        ProcessWatch *w = userdata;

        (void) process_signal(&w->id, SIGKILL);
        return 0;
}

static int on_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ProcessWatch *w = userdata;
        int status = -1, child_status;

        (void) sd_event_source_set_enabled(w->source, SD_EVENT_OFF);
        w->timer = sd_event_source_disable_unref(w->timer);
        if (waitpid(w->id.pid, &child_status, WNOHANG) == w->id.pid)
                status = child_status;
        w->ended(status, w->userdata);
        return 0;
}

int process_watch_new(
        sd_event *event, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        _cleanup_(process_watch_freep) ProcessWatch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->id = *id;
        w->ended = ended;
        w->userdata = userdata;
        w->fd = process_open(id);
        if (w->fd < 0)
                return w->fd;

        r = sd_event_add_io(event, &w->source, w->fd, EPOLLIN, on_ended, w);
        if (r < 0)
                return r;
        /* Before the reaper, so that the status is still there. */
        r = sd_event_source_set_priority(w->source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;

        *ret = take_ptr(w);
        return 0;
}

int process_end_new(sd_event *event, const ProcessId *id, uint64_t grace_us, ProcessEnded ended,
        void *userdata, ProcessWatch **ret) {
        _cleanup_(process_watch_freep) ProcessWatch *w = NULL;
        int r;

        r = process_watch_new(event, id, ended, userdata, &w);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &w->timer, CLOCK_MONOTONIC, grace_us, 0, on_kill_time, w);
        if (r < 0)
                return r;
        (void) process_signal(id, SIGTERM);

        *ret = take_ptr(w);
        return 0;
}

/*
 * The reaper does not reap a child at once. A watch of that child may not have been called yet, and would then not get its status;
 * sd-event even ends the loop when a child of its own is gone. So a child that is found is left for one turn of the loop: if it is
 * still there after every watch was called, no watch knows it.
 */
typedef struct Reaper {
        sd_event_source *again; /* the next look; the loop's */
        pid_t seen;             /* in the look before */
        ChildReaped reaped;
        void *userdata;
} Reaper;

static void reap(Reaper *reaper) {
        pid_t pid = reaper->seen;
        int status;

        reaper->seen = 0;
        if (waitpid(pid, &status, WNOHANG) == pid && reaper->reaped)
                reaper->reaped(pid, status, reaper->userdata);
}

static int look(Reaper *reaper) {
        for (;;) {
                siginfo_t info = {};

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) {
                        reaper->seen = 0;
                        return 0;
                }
                if (info.si_pid != reaper->seen) {
                        reaper->seen = info.si_pid;
                        return sd_event_source_set_enabled(reaper->again, SD_EVENT_ONESHOT);
                }
                reap(reaper);
        }
}

static int on_again(sd_event_source *source, void *userdata) {
        return look(userdata);
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        return look(userdata);
}

int reaper_attach(sd_event *event, ChildReaped reaped, void *userdata) {
        _cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL, *again = NULL;
        _cleanup_free_ Reaper *reaper = NULL;
        int r;

        reaper = calloc(1, sizeof(*reaper));
        if (!reaper)
                return -ENOMEM;
        *reaper = (Reaper){ .reaped = reaped, .userdata = userdata };
        r = sd_event_add_defer(event, &again, on_again, reaper);
        if (r >= 0)
                r = sd_event_source_set_enabled(again, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(again, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_add_signal(event, &source, SIGCHLD, on_child, reaper);
        if (r < 0)
                return r;
        /* Both belong to the loop and go with it. */
        r = sd_event_source_set_floating(again, true);
        if (r >= 0)
                r = sd_event_source_set_destroy_callback(source, free);
        if (r < 0)
                return r;
        reaper->again = again;
        take_ptr(reaper);
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        return sd_event_source_set_floating(source, true);
}

const char *process_status_to_text(int status, char buf[static 80]) {
        if (status < 0)
                return "ended";
        if (WIFSIGNALED(status))
                text_format(buf, 80, "was killed by signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
        else
                (void) snprintf(buf, 80, "exited with status %d", WEXITSTATUS(status));
        return buf;
}
