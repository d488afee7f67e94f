/*
 * The loop of a daemon's parts, on sd-event
 *
 * A timer has up to two sources: one for times, and one for LOOP_SOON, since sd-event runs a deferred call
 * without a timer of the kernel. Each is made when it is first needed, and at most one of them is on.
 */

#include <sys/random.h>

#include "common/daemon/event-loop.h"

#define LATE_USEC_MAX UINT64_C(250000)

typedef struct EventLoop {
        Loop loop;
        sd_event *event;
} EventLoop;

typedef struct EventTimer {
        LoopTimer timer;
        sd_event_source *time, *soon;
} EventTimer;

static const clockid_t clocks[_LOOP_CLOCK_MAX] = {
        [LOOP_MONOTONIC] = CLOCK_MONOTONIC,
        [LOOP_BOOTTIME] = CLOCK_BOOTTIME,
        [LOOP_REALTIME] = CLOCK_REALTIME,
};

static sd_event *event_of(Loop *loop) {
        return CONTAINER_OF(loop, EventLoop, loop)->event;
}

static uint64_t event_now(Loop *loop, LoopClock clock) {
        uint64_t now = 0;

        (void) sd_event_now(event_of(loop), clocks[clock], &now);
        /* For a clock before 1970 sd-event returns the largest time, at which every timer would be due. */
        return now == UINT64_MAX ? 0 : now;
}

static uint64_t event_stopwatch(Loop *loop) {
        struct timespec now = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * UINT64_C(1000000000) + (uint64_t) now.tv_nsec;
}

static int event_random(Loop *loop, void *buf, size_t n) {
        ssize_t got;

        /* Once the kernel's random source is ready, reads of up to 256 bytes are complete; before that, a
         * signal may interrupt them. */
        do
                got = getrandom(buf, n, 0);
        while (got < 0 && errno == EINTR);
        return got < 0 ? -errno : (size_t) got == n ? 0 : -EIO;
}

static int on_ring(LoopTimer *t) {
        t->at = LOOP_NEVER;
        t->call(t->userdata); /* which may have freed it */
        return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        return on_ring(userdata);
}

static int on_soon(sd_event_source *source, void *userdata) {
        return on_ring(userdata);
}

static LoopTimer *event_timer_new(Loop *loop) {
        EventTimer *e = calloc(1, sizeof(*e));

        return e ? &e->timer : NULL;
}

static int switch_off(sd_event_source *source) {
        return source ? sd_event_source_set_enabled(source, SD_EVENT_OFF) : 0;
}

static int arm_soon(EventTimer *e) {
        int r;

        if (e->soon)
                return sd_event_source_set_enabled(e->soon, SD_EVENT_ONESHOT);
        r = sd_event_add_defer(event_of(e->timer.loop), &e->soon, on_soon, e);
        return r < 0 ? r : sd_event_source_set_priority(e->soon, e->timer.priority);
}

static uint64_t accuracy_for(const EventTimer *e, uint64_t at) {
        uint64_t now = event_now(e->timer.loop, e->timer.clock);

        return at <= now + 64 ? 1 : MIN_OF((at - now) / 64, LATE_USEC_MAX);
}

static int arm_time(EventTimer *e, uint64_t at) {
        uint64_t accuracy = accuracy_for(e, at);
        int r;

        if (!e->time) {
                r = sd_event_add_time(event_of(e->timer.loop), &e->time, clocks[e->timer.clock], at, accuracy,
                        on_time, e);
                return r < 0 ? r : sd_event_source_set_priority(e->time, e->timer.priority);
        }
        r = sd_event_source_set_time_accuracy(e->time, accuracy);
        if (r >= 0)
                r = sd_event_source_set_time(e->time, at);
        return r < 0 ? r : sd_event_source_set_enabled(e->time, SD_EVENT_ONESHOT);
}

static int event_timer_arm(LoopTimer *t, uint64_t at) {
        EventTimer *e = CONTAINER_OF(t, EventTimer, timer);
        int r = 0;

        if (at == LOOP_SOON || at == LOOP_NEVER)
                r = switch_off(e->time);
        if (at != LOOP_SOON && r >= 0)
                r = switch_off(e->soon);
        if (r < 0 || at == LOOP_NEVER)
                return r;
        return at == LOOP_SOON ? arm_soon(e) : arm_time(e, at);
}

static void event_timer_free(LoopTimer *t) {
        EventTimer *e = CONTAINER_OF(t, EventTimer, timer);

        sd_event_source_disable_unref(e->time);
        sd_event_source_disable_unref(e->soon);
        free(e);
}

static void event_exit(Loop *loop, int status) {
        (void) sd_event_exit(event_of(loop), status);
}

static const LoopOps ops = {
        .now = event_now,
        .stopwatch = event_stopwatch,
        .random = event_random,
        .timer_new = event_timer_new,
        .timer_arm = event_timer_arm,
        .timer_free = event_timer_free,
        .exit = event_exit,
};

int event_loop_new(sd_event *event, Loop **ret) {
        EventLoop *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->loop.ops = &ops;
        l->event = sd_event_ref(event);
        *ret = &l->loop;
        return 0;
}

Loop *event_loop_free(Loop *loop) {
        EventLoop *l;

        if (!loop)
                return NULL;
        l = CONTAINER_OF(loop, EventLoop, loop);
        sd_event_unref(l->event);
        free(l);
        return NULL;
}
