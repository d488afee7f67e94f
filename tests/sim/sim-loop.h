#pragma once

/*
 * A loop whose time the test makes (common/base/loop.h)
 *
 * Time stands still while functions run, and goes on only by the calls below, straight to the next timer. The
 * same seed gives the same random bytes and uuids, so what runs on such a loop can be run again exactly.
 */

#include "common/base/loop.h"

typedef struct SimLoop SimLoop;

int sim_loop_new(uint64_t seed, SimLoop **ret); /* one hour after boot, in 2026 */
SimLoop *sim_loop_free(SimLoop *s);             /* after all of its timers */
DEFINE_CLEANUP(SimLoop *, sim_loop_free)
Loop *sim_loop_of(SimLoop *s);

/* Somebody sets the machine's clock; it goes on from there. */
void sim_loop_set_realtime(SimLoop *s, uint64_t usec);
/* Calls what is due now, and what that makes due, until nothing is. Not after loop_exit(). */
void sim_loop_settle(SimLoop *s);
/* The same, while the given time passes. */
void sim_loop_run(SimLoop *s, uint64_t usec);
/* Time passes until the next timer, which is called; false where none is armed, or after loop_exit(). */
bool sim_loop_step(SimLoop *s);
bool sim_loop_has_exited(const SimLoop *s, int *ret_status);
