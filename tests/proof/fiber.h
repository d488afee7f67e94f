#pragma once

/*
 * A process that may block, in virtual time
 *
 * It runs production code that waits as code of a process does: in the kernel, for a lock, in its sleep. Each such wait is a pause
 * here, in which the others go on. It may be killed before any step that others see: it goes on then without effect, as if it
 * were no more, so that what it holds is freed. In the kernel nothing kills it; it dies on its way out.
 */

#include "common/base/loop.h"

typedef struct Fiber Fiber;

/* status: as of exit(), or a negative signal. words: what it wrote to stdout. The fiber is freed after that. */
typedef void (*FiberEnded)(int status, const char *words, void *userdata);

/* It begins after so many µs; run() returns its exit status. */
Fiber *fiber_new(Loop *loop, uint64_t usec, int (*run)(void *userdata), FiberEnded ended, void *userdata);
void fiber_kill(Fiber *f);      /* by SIGKILL */
Fiber *fiber_destroy(Fiber *f); /* at once, wherever it is; ended() is not called */
void fiber_live(Fiber *f, uint64_t steps); /* it is killed before the n-th step from now */

/* Of the code that runs now. */
Fiber *fiber_now(void); /* NULL: it is no fiber's */
bool fiber_is_dead(void);
bool fiber_step(void); /* before what others see; false: it has been killed, and that does not happen */
void fiber_pause(uint64_t usec);
bool fiber_pause_in_kernel(uint64_t usec); /* false: the kernel is no more */
