#pragma once

/*
 * The loop as the parts of a daemon see it: time, timers, deferred calls and chance
 *
 * A part that needs the time, a timer, random bytes or a new uuid is given a Loop and asks nobody else. In a
 * daemon it stands on sd-event (common/daemon/event-loop.h); a test or a simulator gives one with a clock and
 * a seed of its own (tests/sim/sim-loop.h), and many daemons then run in one process, without real time.
 *
 * A timer is one function that the loop calls once each time that the timer was armed. It is armed
 *
 *   with a time of its clock, in µs     called then, or at once where that has passed
 *   with LOOP_SOON                      called once everything that is ready and has a lower number of
 *                                       priority was done; nothing is waited for
 *   with LOOP_NEVER                     not called: what was armed before is taken back
 *
 * To arm it again moves it. The function may arm, stop or free its own timer. Of what is ready together the
 * lowest number of priority goes first; 0 is that of the buses.
 *
 * Timers may be late by a 64th of their delay and 250 ms at most, so that a machine wakes up less often.
 */

#include "common/base/uuid.h"

typedef enum LoopClock {
        LOOP_MONOTONIC, /* stands still while the machine sleeps */
        LOOP_BOOTTIME,  /* counts its sleep too */
        LOOP_REALTIME,  /* since 1970, 0 before it, as the machine believes; people set it forth and back */
        _LOOP_CLOCK_MAX,
} LoopClock;

#define LOOP_SOON UINT64_C(0)
#define LOOP_NEVER UINT64_MAX

typedef struct Loop Loop;
typedef struct LoopTimer LoopTimer;
typedef void (*LoopFunction)(void *userdata);

/* What an implementation does. Its loop and its timers begin with the structs below. */
typedef struct LoopOps {
        uint64_t (*now)(Loop *loop, LoopClock clock);
        int (*random)(Loop *loop, void *buf, size_t n); /* n: 256 at most */
        LoopTimer *(*timer_new)(Loop *loop);            /* zeroed; NULL without memory */
        int (*timer_arm)(LoopTimer *t, uint64_t at);
        void (*timer_free)(LoopTimer *t);
        void (*exit)(Loop *loop, int status);
        uint64_t (*stopwatch)(Loop *loop); /* NULL: time stands while a function runs */
} LoopOps;

struct Loop {
        const LoopOps *ops;
};

struct LoopTimer {
        Loop *loop;
        LoopClock clock;
        int priority;
        uint64_t at; /* when it is called; LOOP_NEVER: it is not armed */
        LoopFunction call;
        void *userdata;
};

static inline uint64_t loop_now(Loop *loop, LoopClock clock) {
        return loop->ops->now(loop, clock);
}

/* ns, to measure how long a piece of work takes; loop_now() is the time at which this turn of the loop began. */
static inline uint64_t loop_stopwatch(Loop *loop) {
        return loop->ops->stopwatch ? loop->ops->stopwatch(loop) : 1000 * loop->ops->now(loop, LOOP_MONOTONIC);
}

static inline int loop_random(Loop *loop, void *buf, size_t n) {
        return loop->ops->random(loop, buf, n);
}

static inline int loop_new_uuid(Loop *loop, Uuid *ret) {
        Uuid id;
        int r = loop_random(loop, id.bytes, sizeof(id.bytes));

        if (r < 0)
                return r;
        *ret = uuid_from_random(id.bytes);
        return 0;
}

/* The daemon ends with this status once the functions that run now have returned. */
static inline void loop_exit(Loop *loop, int status) {
        loop->ops->exit(loop, status);
}

/* It is not armed yet. -ENOMEM. */
static inline int loop_timer_new(
        Loop *loop, LoopClock clock, int priority, LoopFunction call, void *userdata, LoopTimer **ret) {
        LoopTimer *t = loop->ops->timer_new(loop);

        if (!t)
                return -ENOMEM;
        *t = (LoopTimer){.loop = loop,
                .clock = clock,
                .priority = priority,
                .at = LOOP_NEVER,
                .call = call,
                .userdata = userdata};
        *ret = t;
        return 0;
}

static inline int loop_timer_arm(LoopTimer *t, uint64_t at) {
        int r = t->loop->ops->timer_arm(t, at);

        t->at = r < 0 ? LOOP_NEVER : at;
        return r < 0 ? r : 0;
}

static inline int loop_timer_arm_in(LoopTimer *t, uint64_t usec) {
        return loop_timer_arm(t, loop_now(t->loop, t->clock) + usec);
}

static inline bool loop_timer_is_armed(const LoopTimer *t) {
        return t && t->at != LOOP_NEVER;
}

/* t may be NULL, here and in loop_timer_free(). */
static inline void loop_timer_stop(LoopTimer *t) {
        if (loop_timer_is_armed(t))
                (void) loop_timer_arm(t, LOOP_NEVER);
}

static inline LoopTimer *loop_timer_free(LoopTimer *t) {
        if (t)
                t->loop->ops->timer_free(t);
        return NULL;
}
DEFINE_CLEANUP(LoopTimer *, loop_timer_free)

/*
 * Arm a timer that its first use makes: *t is NULL, or what an earlier such call with the same clock and
 * function made. To free it is the caller's.
 */
static inline int loop_call_at(
        Loop *loop, LoopTimer **t, LoopClock clock, uint64_t at, LoopFunction call, void *userdata) {
        int r = *t || at == LOOP_NEVER ? 0 : loop_timer_new(loop, clock, /* priority= */ 0, call, userdata, t);

        return r < 0 || !*t ? r : loop_timer_arm(*t, at);
}

static inline int loop_call_in(
        Loop *loop, LoopTimer **t, uint64_t usec, LoopFunction call, void *userdata) {
        return loop_call_at(loop, t, LOOP_MONOTONIC, loop_now(loop, LOOP_MONOTONIC) + usec, call, userdata);
}

static inline int loop_call_soon(Loop *loop, LoopTimer **t, LoopFunction call, void *userdata) {
        return loop_call_at(loop, t, LOOP_MONOTONIC, LOOP_SOON, call, userdata);
}
