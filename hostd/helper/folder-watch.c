/*
 * Watching a folder
 *
 * One event source: inotify's, or a timer that is set again after each look.
 */

#include <sys/inotify.h>

#include "hostd/helper/folder-watch.h"

#define LOOK_USEC 200000

struct FolderWatch {
        sd_event_source *source;
        FolderChanged changed;
        void *userdata;
};

static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        FolderWatch *w = userdata;

        w->changed(event->len > 0 ? event->name : NULL, w->userdata);
        return 0;
}

/* The source is set again first: the callback may free the watch. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        FolderWatch *w = userdata;
        int r;

        r = sd_event_source_set_time_relative(source, LOOK_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (r >= 0)
                w->changed(NULL, w->userdata);
        return r;
}

int folder_watch_new(sd_event *event, const char *folder, uint32_t mask, FolderChanged changed,
        void *userdata, FolderWatch **ret) {
        FolderWatch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->changed = changed;
        w->userdata = userdata;

        r = sd_event_add_inotify(event, &w->source, folder, mask, on_inotify, w);
        if (r == -EMFILE || r == -ENOSPC)
                r = sd_event_add_time_relative(
                        event, &w->source, CLOCK_MONOTONIC, LOOK_USEC, LOOK_USEC / 4, on_look, w);
        if (r < 0) {
                (void) folder_watch_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

FolderWatch *folder_watch_free(FolderWatch *w) {
        if (!w)
                return NULL;
        w->source = sd_event_source_disable_unref(w->source);
        free(w);
        return NULL;
}
