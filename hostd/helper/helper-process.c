/*
 * A helper: this very program under another first argument
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/io/command.h"
#include "hostd/helper/helper-process.h"

#define WORDS_SIZE 512

struct HelperProcess {
        sd_event_source *child; /* its end, and a handle that no other process can take over */
        sd_event_source *timer;
        int words; /* read end of its stdout */
        const char *late;
        HelperDone done;
        void *userdata;
};

static void end_child(HelperProcess *h) {
        if (h->child)
                (void) sd_event_source_send_child_signal(h->child, SIGKILL, NULL, 0);
        h->child = sd_event_source_disable_unref(h->child);
}

HelperProcess *helper_process_free(HelperProcess *h) {
        if (!h)
                return NULL;
        end_child(h);
        sd_event_source_disable_unref(h->timer);
        safe_close(h->words);
        free(h);
        return NULL;
}

static int spawn(const StrList *arguments, int words, pid_t *ret) {
        _cleanup_strlist_ StrList argv = {};

        strlist_add(&argv, "xenvgpu-domain");
        for (size_t i = 0; i < arguments->n; i++)
                strlist_add(&argv, arguments->items[i]);
        if (arguments->error < 0 || argv.error < 0)
                return -ENOMEM;
        return command_start("/proc/self/exe", (const char *const *) argv.items, /* input= */ -1, words, /* error= */ -1, ret);
}

static void finish(HelperProcess *h, int result, const char *words) {
        h->child = sd_event_source_disable_unref(h->child);
        h->timer = sd_event_source_disable_unref(h->timer);
        h->done(result, words, h->userdata);
}

static int on_ended(sd_event_source *source, const siginfo_t *info, void *userdata) {
        HelperProcess *h = userdata;
        char words[WORDS_SIZE];
        ssize_t n;

        n = read(h->words, words, sizeof(words) - 1);
        words[MAX_OF(n, 0)] = '\0';
        words[strcspn(words, "\n")] = '\0';
        if (info->si_code == CLD_EXITED && info->si_status == 0)
                finish(h, 0, words);
        else
                finish(h, -EIO, *words ? words : "The helper process died: see the log.");
        return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        HelperProcess *h = userdata;

        end_child(h);
        finish(h, -ETIMEDOUT, h->late);
        return 0;
}

int helper_process_start(
        sd_event *event, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret) {
        _cleanup_(helper_process_freep) HelperProcess *h = calloc(1, sizeof(*h));
        _cleanup_close_ int theirs = -1;
        int pipe_fds[2], r;
        pid_t pid;

        if (!h)
                return -ENOMEM;
        h->words = -1;
        h->late = work->late;
        h->done = done;
        h->userdata = userdata;

        if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        h->words = pipe_fds[0];
        theirs = pipe_fds[1];
        r = spawn(&work->arguments, theirs, &pid);
        if (r < 0)
                return r;
        r = sd_event_add_child(event, &h->child, pid, WEXITED, on_ended, h);
        /* Without that source nothing would notice its end, or end it. */
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
        /* Called before the reaper of children that no watch knows. */
        if (r >= 0)
                r = sd_event_source_set_priority(h->child, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &h->timer, CLOCK_MONOTONIC, work->timeout, 0, on_late, h);
        if (r < 0)
                return r;
        *ret = take_ptr(h);
        return 0;
}
