/*
 * Waiting for the emulator to say "running"
 */

#include <inttypes.h>
#include <sys/epoll.h>

#include "hostd/domain/emulator-state.h"
#include "hostd/run/xenstore.h"

struct EmulatorState {
        XenStore *xs;
        uint32_t domid;
        sd_event_source *source, *timer;
        EmulatorRunning running;
        void *userdata;
};

EmulatorState *emulator_state_free(EmulatorState *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->source);
        sd_event_source_disable_unref(s->timer);
        (void) xenstore_close(s->xs);
        free(s);
        return NULL;
}

static void finish(EmulatorState *s, int result) {
        s->source = sd_event_source_disable_unref(s->source);
        s->timer = sd_event_source_disable_unref(s->timer);
        s->running(result, s->userdata);
}

static int on_changed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        _cleanup_free_ char *state = NULL;
        EmulatorState *s = userdata;
        int r;

        r = xenstore_drain(s->xs);
        if (r < 0) {
                finish(s, -EIO);
                return 0;
        }
        if (xenstore_read(s->xs, &state, "/local/domain/%" PRIu32 "/vgpu/state", s->domid) < 0)
                return 0;
        if (streq(state, "running"))
                finish(s, 0);
        else if (streq(state, "error"))
                finish(s, -EIO);
        return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        finish(userdata, -ETIMEDOUT);
        return 0;
}

int emulator_state_await(sd_event *event, uint32_t domid, uint64_t timeout_us, EmulatorRunning running,
        void *userdata, EmulatorState **ret) {

        _cleanup_(emulator_state_freep) EmulatorState *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->domid = domid;
        s->running = running;
        s->userdata = userdata;

        /* A watch fires once at once: a state that is there already is seen too. */
        r = xenstore_open(&s->xs);
        if (r >= 0)
                r = xenstore_watch(s->xs, "/local/domain/%" PRIu32 "/vgpu/state", domid);
        if (r >= 0)
                r = sd_event_add_io(event, &s->source, xenstore_fd(s->xs), EPOLLIN, on_changed, s);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &s->timer, CLOCK_MONOTONIC, timeout_us, 0, on_late, s);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}
