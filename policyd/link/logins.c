/*
 * Logins take turns
 *
 * There are two lists, of logins that wait and of logins that run. A deferred call starts waiting logins.
 * While a login waits, a timer checks which running logins have used no processor time since its last check.
 */

#include <sched.h>
#include <time.h>

#include "policyd/link/logins.h"

#define PER_PROCESSOR 8
#define LOOK_USEC UINT64_C(1000000)
#define IDLE_NSEC UINT64_C(1000000) /* no more than that in the time between two looks */

typedef TAILQ_HEAD(LoginList, Login) LoginList;

struct Logins {
        size_t max, now; /* places at most; at present */
        LoginList waiting, running;
        size_t n_running;
        LoopTimer *places, *look;
};

/* Arming a timer that was armed before needs no memory, so it does not fail. */
static void wake(Logins *l) {
        (void) loop_timer_arm(l->places, LOOP_SOON);
}

static void look_later(Logins *l) {
        (void) loop_timer_arm_in(l->look, LOOK_USEC);
}

static void on_places(void *userdata) {
        Logins *l = userdata;

        while (!TAILQ_EMPTY(&l->waiting) && l->n_running < l->now) {
                Login *login = TAILQ_FIRST(&l->waiting);

                TAILQ_REMOVE(&l->waiting, login, others);
                TAILQ_INSERT_TAIL(&l->running, login, others);
                l->n_running++;
                login->runs = true;
                login->pid = 0;
                /* The login may end at once, and other logins may be added, during this call. */
                login->start(login->userdata);
        }
        if (!TAILQ_EMPTY(&l->waiting) && !loop_timer_is_armed(l->look))
                look_later(l);
}

/* -errno of a process that is gone. */
static int processor_time(pid_t pid, uint64_t *ret) {
        struct timespec t;
        clockid_t clock;
        int r;

        r = clock_getcpuclockid(pid, &clock);
        if (r != 0)
                return -r;
        if (clock_gettime(clock, &t) < 0)
                return -errno;
        *ret = (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
        return 0;
}

/* True when the login ran since the last check and used no processor time. */
static bool is_idle(Login *login, uint64_t now) {
        uint64_t used = 0, before = login->used;
        bool first = login->looked_at == 0;

        if (login->pid == 0)
                return false;
        if (!first && now - login->looked_at < LOOK_USEC)
                return false;
        if (processor_time(login->pid, &used) < 0)
                return true;
        login->looked_at = now;
        login->used = used;
        return !first && used - before <= IDLE_NSEC;
}

static void on_look(void *userdata) {
        Logins *l = userdata;
        Login *login, *next;
        uint64_t now = loop_now(l->look->loop, LOOP_MONOTONIC);

        for (login = TAILQ_FIRST(&l->running); login; login = next) {
                next = TAILQ_NEXT(login, others);
                if (is_idle(login, now))
                        login_leave(login);
        }
        if (!TAILQ_EMPTY(&l->waiting))
                look_later(l);
}

static size_t default_max(void) {
        cpu_set_t set;
        int n = 1;

        if (sched_getaffinity(0, sizeof(set), &set) == 0)
                n = CPU_COUNT(&set);
        return (size_t) MAX_OF(n, 1) * PER_PROCESSOR;
}

int logins_new(Loop *loop, size_t max, Logins **ret) {
        _cleanup_(logins_freep) Logins *l = NULL;
        int r;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        TAILQ_INIT(&l->waiting);
        TAILQ_INIT(&l->running);
        l->max = l->now = max > 0 ? max : default_max();
        /* Both are armed once now, for wake() and look_later(). */
        r = loop_call_soon(loop, &l->places, on_places, l);
        if (r >= 0)
                r = loop_call_in(loop, &l->look, LOOK_USEC, on_look, l);
        if (r < 0)
                return r;
        loop_timer_stop(l->look);
        *ret = take_ptr(l);
        return 0;
}

Logins *logins_free(Logins *l) {
        if (!l)
                return NULL;
        loop_timer_free(l->places);
        loop_timer_free(l->look);
        free(l);
        return NULL;
}

void login_wait(Login *login, Logins *logins, void (*start)(void *userdata), void *userdata) {
        *login = (Login){.logins = logins, .start = start, .userdata = userdata};
        TAILQ_INSERT_TAIL(&logins->waiting, login, others);
        wake(logins);
}

void login_started(Login *login, pid_t pid) {
        login->pid = pid;
}

void login_succeeded(Login *login) {
        if (login->logins && login->logins->now < login->logins->max)
                login->logins->now++;
        login_leave(login);
}

void login_starved(Login *login) {
        if (login->logins && login->runs)
                login->logins->now = MAX_OF(login->logins->now / 2, (size_t) 1);
        login_leave(login);
}

void login_leave(Login *login) {
        Logins *l = login->logins;

        if (!l)
                return;
        TAILQ_REMOVE(login->runs ? &l->running : &l->waiting, login, others);
        l->n_running -= login->runs;
        *login = (Login){};
        wake(l);
}
