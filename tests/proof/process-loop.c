/*
 * The loop of one process, on the loop of all
 */

#include "tests/proof/history.h"
#include "tests/proof/process-loop.h"

struct ProcessTimer {
        LoopTimer timer;
        LoopTimer *real; /* of the loop of all */
        ProcessTimer *previous, *next; /* of those that rang while the process was frozen */
        bool rang;
};

static ProcessLoop *of(Loop *loop) {
        return CONTAINER_OF(loop, ProcessLoop, loop);
}

static uint64_t now(Loop *loop, LoopClock clock) {
        return loop_now(of(loop)->all, clock) + (clock == LOOP_REALTIME ? of(loop)->ahead : 0);
}

static int fill_random(Loop *loop, void *buf, size_t n) {
        return loop_random(of(loop)->all, buf, n);
}

static LoopTimer *timer_new(Loop *loop) {
        ProcessTimer *t = calloc(1, sizeof(*t));

        return t ? &t->timer : NULL;
}

static void on_ending(void *userdata) {
        ProcessLoop *p = userdata;

        p->ended(p->status, p->userdata);
}

static void end(ProcessLoop *p, int status) {
        if (p->is_over)
                return;
        p->is_over = true;
        p->status = status;
        if (loop_call_soon(p->all, &p->ending, on_ending, p) < 0)
                abort();
}

static void keep(ProcessLoop *p, ProcessTimer *t) {
        t->rang = true;
        t->previous = p->last;
        *(p->last ? &p->last->next : &p->first) = t;
        p->last = t;
}

static void forget(ProcessTimer *t) {
        ProcessLoop *p = of(t->timer.loop);

        if (!t->rang)
                return;
        *(t->previous ? &t->previous->next : &p->first) = t->next;
        *(t->next ? &t->next->previous : &p->last) = t->previous;
        t->previous = t->next = NULL;
        t->rang = false;
}

static bool is_within(const ProcessLoop *p) {
        return p->called > 0 && p->called == loop_now(p->all, LOOP_MONOTONIC);
}

static void ring(void *userdata) {
        ProcessTimer *t = userdata;
        ProcessLoop *p = of(t->timer.loop);

        if (p->is_frozen) {
                keep(p, t);
                return;
        }
        t->timer.at = LOOP_NEVER;
        if (!p->is_over && p->calls_left > 0 && --p->calls_left == 0)
                end(p, PROCESS_KILLED);
        if (!p->is_over && p->within_left > 0 && is_within(p) && --p->within_left == 0) {
                history_strike(&p->count);
                end(p, PROCESS_KILLED);
        }
        p->called = loop_now(p->all, LOOP_MONOTONIC);
        if (!p->is_over)
                t->timer.call(t->timer.userdata);
}

static int timer_arm(LoopTimer *timer, uint64_t at) {
        ProcessTimer *t = CONTAINER_OF(timer, ProcessTimer, timer);
        int r = 0;

        forget(t);
        if (timer->clock == LOOP_REALTIME && at != LOOP_SOON && at != LOOP_NEVER)
                at -= of(timer->loop)->ahead;
        if (!t->real)
                r = loop_timer_new(of(timer->loop)->all, timer->clock, timer->priority, ring, t, &t->real);
        return r < 0 ? r : loop_timer_arm(t->real, at);
}

static void timer_free(LoopTimer *timer) {
        ProcessTimer *t = CONTAINER_OF(timer, ProcessTimer, timer);

        forget(t);
        (void) loop_timer_free(t->real);
        free(t);
}

static void exit_loop(Loop *loop, int status) {
        end(of(loop), status);
}

static const LoopOps ops = {
        .now = now,
        .random = fill_random,
        .timer_new = timer_new,
        .timer_arm = timer_arm,
        .timer_free = timer_free,
        .exit = exit_loop,
};

void process_loop_init(ProcessLoop *p, Loop *all, void (*ended)(int status, void *userdata), void *userdata) {
        *p = (ProcessLoop){.loop.ops = &ops, .all = all, .ended = ended, .userdata = userdata};
}

void process_loop_kill(ProcessLoop *p) {
        end(p, PROCESS_KILLED);
}

void process_loop_freeze(ProcessLoop *p) {
        p->is_frozen = true;
}

void process_loop_thaw(ProcessLoop *p) {
        ProcessTimer *t;

        p->is_frozen = false;
        while ((t = p->first)) {
                forget(t);
                if (loop_timer_arm(t->real, LOOP_SOON) < 0)
                        abort();
        }
}

void process_loop_done(ProcessLoop *p) {
        p->ending = loop_timer_free(p->ending);
}

static void make_step(void *userdata) {
        Step *s = userdata;

        s->then(s->userdata);
}

void step_in(Loop *loop, Step *s, uint64_t usec, LoopFunction then, void *userdata) {
        s->then = then;
        s->userdata = userdata;
        if (loop_call_in(loop, &s->timer, usec, make_step, s) < 0)
                abort();
}

void step_stop(Step *s) {
        loop_timer_stop(s->timer);
}

void step_done(Step *s) {
        s->timer = loop_timer_free(s->timer);
}
