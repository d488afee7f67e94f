/*
 * What the display emulator says of itself in xenstore
 */

#include <inttypes.h>
#include <sys/epoll.h>

#include "hostd/hypervisor/emulator-watch.h"
#include "hostd/run/xenstore.h"

struct EmulatorWatch {
        XenStore *xs;
        uint32_t domid;
        sd_event_source *source;
        EmulatorChanged changed;
        void *userdata;
};

EmulatorWatch *emulator_watch_free(EmulatorWatch *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->source);
        (void) xenstore_close(w->xs);
        free(w);
        return NULL;
}

static int on_changed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        _cleanup_free_ char *state = NULL;
        EmulatorWatch *w = userdata;
        int r;

        r = xenstore_drain(w->xs);
        if (r < 0)
                w->changed("error", w->userdata);
        else if (xenstore_read(w->xs, &state, "/local/domain/%" PRIu32 "/vgpu/state", w->domid) >= 0)
                w->changed(state, w->userdata);
        return 0;
}

int emulator_watch_new(
        sd_event *event, uint32_t domid, EmulatorChanged changed, void *userdata, EmulatorWatch **ret) {
        _cleanup_(emulator_watch_freep) EmulatorWatch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->domid = domid;
        w->changed = changed;
        w->userdata = userdata;

        /* A watch fires once at once: a state that is there already is seen too. */
        r = xenstore_open(&w->xs);
        if (r >= 0)
                r = xenstore_watch(w->xs, "/local/domain/%" PRIu32 "/vgpu/state", domid);
        if (r >= 0)
                r = sd_event_add_io(event, &w->source, xenstore_fd(w->xs), EPOLLIN, on_changed, w);
        if (r < 0)
                return r;
        *ret = take_ptr(w);
        return 0;
}
