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

/* Somebody sets the machine's clock; it goes on from there. 0: it stands before 1970. */
void sim_loop_set_realtime(SimLoop *s, uint64_t usec);
/* Calls what is due now and goes first; false where nothing is due, as after loop_exit(). */
bool sim_loop_turn(SimLoop *s);
bool sim_loop_is_due(const SimLoop *s); /* whether there is such a one */
/* Time passes until the next timer, or until then (LOOP_MONOTONIC) where that comes first; false where it has come. */
bool sim_loop_pass(SimLoop *s, uint64_t until);
/* Turns until nothing is due; the same while the given time passes; or until one more timer was called. */
void sim_loop_settle(SimLoop *s);
void sim_loop_run(SimLoop *s, uint64_t usec);
bool sim_loop_step(SimLoop *s);
/* For a function that takes time: what is due meanwhile is called late. */
void sim_loop_work(SimLoop *s, uint64_t usec);
bool sim_loop_has_exited(const SimLoop *s, int *ret_status);
