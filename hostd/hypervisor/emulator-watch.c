/*
 * The state that the display emulator writes into xenstore
 */

#include <inttypes.h>
#include <sys/epoll.h>

#include "hostd/hypervisor/emulator-watch.h"
#include "hostd/run/xenstore.h"

typedef struct EmulatorWatch {
        XenStore *xs;
        uint32_t domid;
        sd_event_source *source;
        EmulatorChanged changed;
        void *userdata;
} EmulatorWatch;

void hypervisor_unwatch_emulator(Hypervisor *h) {
        EmulatorWatch *w = take_ptr(h->emulator);

        if (!w)
                return;
        sd_event_source_disable_unref(w->source);
        (void) xenstore_close(w->xs);
        free(w);
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

int hypervisor_watch_emulator(Hypervisor *h, EmulatorChanged changed, void *userdata) {
        EmulatorWatch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        *w = (EmulatorWatch){ .domid = h->ops->domid(h), .changed = changed, .userdata = userdata };
        hypervisor_unwatch_emulator(h);
        h->emulator = w;

        /* A watch fires immediately once, so a state that is there already is seen too. */
        r = xenstore_open(&w->xs);
        if (r >= 0)
                r = xenstore_watch(w->xs, "/local/domain/%" PRIu32 "/vgpu/state", w->domid);
        if (r >= 0)
                r = sd_event_add_io(h->event, &w->source, xenstore_fd(w->xs), EPOLLIN, on_changed, w);
        if (r < 0)
                hypervisor_unwatch_emulator(h);
        return r;
}
