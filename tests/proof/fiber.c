/*
 * A process that may block, in virtual time
 */

#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

#include "tests/proof/fiber.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#define STACK_SIZE (1024 * 1024)
#else
#define STACK_SIZE (112 * 1024)
#define __sanitizer_start_switch_fiber(fake, bottom, size) ((void) 0)
#define __sanitizer_finish_switch_fiber(fake, bottom, size) ((void) 0)
#endif

struct Fiber {
        Loop *loop;
        int (*run)(void *userdata);
        FiberEnded ended;
        void *userdata;
        ucontext_t own, callers;
        char *stack;
        void *fake_stack;
        const void *callers_stack;
        size_t callers_size;
        FILE *out, *callers_out;
        char *words;
        size_t n_words;
        LoopTimer *wake;
        uint64_t steps_left; /* 0: nothing kills it */
        bool in_kernel, is_killed, is_over, is_destroyed;
        int status;
};

static Fiber *now;

Fiber *fiber_now(void) {
        return now;
}

bool fiber_is_dead(void) {
        return now && now->is_killed && !now->in_kernel;
}

static void leave(Fiber *f) {
        stdout = f->callers_out;
        now = NULL;
        __sanitizer_start_switch_fiber(f->is_over ? NULL : &f->fake_stack, f->callers_stack, f->callers_size);
        (void) swapcontext(&f->own, &f->callers);
        __sanitizer_finish_switch_fiber(f->fake_stack, &f->callers_stack, &f->callers_size);
}

static void begin(void) {
        Fiber *f = now;

        __sanitizer_finish_switch_fiber(NULL, &f->callers_stack, &f->callers_size);
        f->status = f->run(f->userdata);
        f->is_over = true;
        leave(f);
        abort();
}

static Fiber *fiber_free(Fiber *f) {
        fclose(f->out);
        free(f->words);
        free(f->stack);
        loop_timer_free(f->wake);
        free(f);
        return NULL;
}

static void enter(Fiber *f) {
        _unused_ void *fake = NULL;

        if (now)
                abort();
        now = f;
        f->callers_out = stdout;
        stdout = f->out;
        __sanitizer_start_switch_fiber(&fake, f->stack, STACK_SIZE);
        (void) swapcontext(&f->callers, &f->own);
        __sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

static void end(Fiber *f) {
        int status = f->is_killed ? -SIGKILL : f->status;

        (void) fflush(f->out);
        if (!f->is_destroyed)
                f->ended(status, f->words, f->userdata);
        (void) fiber_free(f);
}

static void go_on(void *userdata) {
        Fiber *f = userdata;

        enter(f);
        if (f->is_over)
                end(f);
}

Fiber *fiber_new(Loop *loop, uint64_t usec, int (*run)(void *userdata), FiberEnded ended, void *userdata) {
        Fiber *f = calloc(1, sizeof(*f));

        if (!f || !(f->stack = malloc(STACK_SIZE)) || getcontext(&f->own) < 0)
                abort();
        f->loop = loop;
        f->run = run;
        f->ended = ended;
        f->userdata = userdata;
        f->own.uc_stack.ss_sp = f->stack;
        f->own.uc_stack.ss_size = STACK_SIZE;
        makecontext(&f->own, begin, 0);
        f->out = open_memstream(&f->words, &f->n_words);
        if (!f->out || loop_call_in(loop, &f->wake, usec, go_on, f) < 0)
                abort();
        return f;
}

void fiber_live(Fiber *f, uint64_t steps) {
        f->steps_left = steps;
}

void fiber_kill(Fiber *f) {
        f->is_killed = true;
        if (!f->in_kernel && loop_call_soon(f->loop, &f->wake, go_on, f) < 0)
                abort();
}

Fiber *fiber_destroy(Fiber *f) {
        if (!f)
                return NULL;
        f->is_killed = f->is_destroyed = true;
        f->in_kernel = false;
        loop_timer_stop(f->wake);
        go_on(f);
        return NULL;
}

bool fiber_step(void) {
        if (now->steps_left > 0 && --now->steps_left == 0)
                now->is_killed = true;
        return !fiber_is_dead();
}

static void pause_for(uint64_t usec) {
        if (loop_call_in(now->loop, &now->wake, usec, go_on, now) < 0)
                abort();
        leave(now);
}

void fiber_pause(uint64_t usec) {
        if (!fiber_is_dead())
                pause_for(usec);
}

bool fiber_pause_in_kernel(uint64_t usec) {
        if (fiber_is_dead())
                return false;
        now->in_kernel = true;
        pause_for(usec);
        now->in_kernel = false;
        return !now->is_destroyed;
}
