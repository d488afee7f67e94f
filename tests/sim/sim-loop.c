/*
 * A loop whose time the test makes
 *
 * Timers that are armed stand in one list in no order; the next one is searched. Of those due at one time the
 * lowest number of priority goes first, then what was armed first.
 */

#include "tests/sim/dice.h"
#include "tests/sim/sim-loop.h"

#define BOOTED UINT64_C(1767225600000000) /* 2026-01-01 */
#define UPTIME UINT64_C(3600000000)

typedef struct SimTimer SimTimer;

struct SimTimer {
        LoopTimer timer;
        SimTimer *previous, *next; /* while it is armed */
        uint64_t turn;             /* grows with each arming */
};

struct SimLoop {
        Loop loop;
        Dice dice;
        uint64_t now;    /* since boot */
        uint64_t booted; /* what LOOP_REALTIME says of the time of boot */
        bool no_date;
        uint64_t turns;
        SimTimer *armed;
        bool exited;
        int status;
};

static SimLoop *sim_of(Loop *loop) {
        return CONTAINER_OF(loop, SimLoop, loop);
}

static uint64_t sim_now(Loop *loop, LoopClock clock) {
        SimLoop *s = sim_of(loop);

        return clock != LOOP_REALTIME ? s->now : s->no_date ? 0 : s->booted + s->now;
}

static int sim_random(Loop *loop, void *buf, size_t n) {
        SimLoop *s = sim_of(loop);
        char *bytes = buf;

        while (n > 0) {
                uint64_t word = dice_next(&s->dice);
                size_t part = MIN_OF(n, sizeof(word));

                memcpy(bytes, &word, part);
                bytes += part;
                n -= part;
        }
        return 0;
}

static LoopTimer *sim_timer_new(Loop *loop) {
        SimTimer *t = calloc(1, sizeof(*t));

        return t ? &t->timer : NULL;
}

static void disarm(SimTimer *t) {
        SimLoop *s = sim_of(t->timer.loop);

        if (t->previous)
                t->previous->next = t->next;
        else if (s->armed == t)
                s->armed = t->next;
        if (t->next)
                t->next->previous = t->previous;
        t->previous = t->next = NULL;
        t->timer.at = LOOP_NEVER;
}

static int sim_timer_arm(LoopTimer *timer, uint64_t at) {
        SimTimer *t = CONTAINER_OF(timer, SimTimer, timer);
        SimLoop *s = sim_of(timer->loop);

        disarm(t);
        if (at == LOOP_NEVER)
                return 0;
        t->turn = s->turns++;
        t->next = s->armed;
        if (t->next)
                t->next->previous = t;
        s->armed = t;
        return 0;
}

static void sim_timer_free(LoopTimer *timer) {
        SimTimer *t = CONTAINER_OF(timer, SimTimer, timer);

        disarm(t);
        free(t);
}

static void sim_exit(Loop *loop, int status) {
        SimLoop *s = sim_of(loop);

        s->exited = true;
        s->status = status;
}

static const LoopOps ops = {
        .now = sim_now,
        .random = sim_random,
        .timer_new = sim_timer_new,
        .timer_arm = sim_timer_arm,
        .timer_free = sim_timer_free,
        .exit = sim_exit,
};

int sim_loop_new(uint64_t seed, SimLoop **ret) {
        SimLoop *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        *s = (SimLoop){.loop.ops = &ops, .dice.state = seed, .now = UPTIME, .booted = BOOTED};
        *ret = s;
        return 0;
}

SimLoop *sim_loop_free(SimLoop *s) {
        free(s);
        return NULL;
}

Loop *sim_loop_of(SimLoop *s) {
        return &s->loop;
}

void sim_loop_set_realtime(SimLoop *s, uint64_t usec) {
        s->no_date = usec == 0;
        s->booted = usec - s->now; /* wraps around where it is set to less than the machine's uptime */
}

/* In µs since boot; what should have been called before is due now. */
static uint64_t due(const SimLoop *s, const SimTimer *t) {
        uint64_t now = sim_now(t->timer.loop, t->timer.clock);

        return t->timer.at <= now ? s->now : s->now + (t->timer.at - now);
}

static bool goes_before(const SimLoop *s, const SimTimer *a, const SimTimer *b) {
        uint64_t x = due(s, a), y = due(s, b);

        if (x != y)
                return x < y;
        return a->timer.priority != b->timer.priority ? a->timer.priority < b->timer.priority :
                                                        a->turn < b->turn;
}

static SimTimer *find_next(const SimLoop *s) {
        SimTimer *next = s->armed;

        for (SimTimer *t = next; t; t = t->next)
                if (goes_before(s, t, next))
                        next = t;
        return s->exited ? NULL : next;
}

bool sim_loop_is_due(const SimLoop *s) {
        const SimTimer *next = find_next(s);

        return next && due(s, next) <= s->now;
}

bool sim_loop_turn(SimLoop *s) {
        SimTimer *next = find_next(s);

        if (!next || due(s, next) > s->now)
                return false;
        disarm(next);
        next->timer.call(next->timer.userdata);
        return true;
}

bool sim_loop_pass(SimLoop *s, uint64_t until) {
        const SimTimer *next = find_next(s);

        if (s->exited || s->now >= until)
                return false;
        s->now = next ? MIN_OF(due(s, next), until) : until;
        return true;
}

void sim_loop_settle(SimLoop *s) {
        while (sim_loop_turn(s))
                ;
}

void sim_loop_run(SimLoop *s, uint64_t usec) {
        uint64_t until = s->now + usec;

        do
                sim_loop_settle(s);
        while (sim_loop_pass(s, until));
}

bool sim_loop_step(SimLoop *s) {
        const SimTimer *next = find_next(s);

        if (!next)
                return false;
        s->now = due(s, next);
        return sim_loop_turn(s);
}

void sim_loop_work(SimLoop *s, uint64_t usec) {
        s->now += usec;
}

bool sim_loop_has_exited(const SimLoop *s, int *ret_status) {
        if (s->exited && ret_status)
                *ret_status = s->status;
        return s->exited;
}
