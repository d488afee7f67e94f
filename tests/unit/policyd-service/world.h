#pragma once

/*
 * A world for tests: policyd's service on a database in a temporary folder, simulated hosts, no real time
 *
 * world_run() lets everything happen until nothing is left to do. The short functions ask for something as a
 * client would and return the outcome; world_restart() ends policyd and starts it again on the same disk,
 * world_crash() on the disk as it is now.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policyd/service/policy.h"
#include "tests/sim/sim-db.h"
#include "tests/sim/sim-loop.h"
#include "tests/unit/policyd-service/fake-link.h"

typedef struct World {
        SimLoop *sim;
        char state_dir[96];
        DbSource database;
        SimDb *memory; /* of the test, in the place of the folder; or NULL */
        Policy *policy;
        PolicyOptions options;
        char dir[64];
        unsigned n_dirs;
        size_t n_changed, n_job_new, n_job_removed, n_rebuilt, n_stale, n_status;
        char last_result[32];
        Refusal refusal;     /* of the last request */
        ErrorCode committed; /* what the last waiter was told; _ERROR_MAX before */
        char committed_message[256];
} World;

World *world_new(void); /* nothing started yet */
World *world_free(World *w);
DEFINE_CLEANUP(World *, world_free)
#define _cleanup_world_ _cleanup_(world_freep)

/* Started: "alpha", or "alpha" and "beta", each with a K1, in the pool and online. */
World *world_of_one_k1(FakeHost **ret);
World *world_of_two_k1(FakeHost **ret_a, FakeHost **ret_b);

void world_start(World *w);
void world_run(World *w);
bool world_step(World *w); /* one thing that is due now; false: nothing is */
void world_run_for(World *w, uint64_t usec); /* while that time passes */
void world_restart(World *w);
void world_crash(World *w);
void world_copy(World *w);    /* of the database, as policyd goes on */
void world_backup(World *w);  /* the same copy as a backup */
void world_restore(World *w); /* policyd begins with that copy */
int world_open(World *w); /* policy_new() alone: its result */

Host *world_host(World *w, const char *name);
VgpuType *world_type(World *w, const char *model);
GpuGroup *world_group(World *w, const char *name);
Vm *world_vm(World *w, const Uuid *id);
Job *world_job(World *w, const Uuid *id);
Vgpu *world_vgpu(World *w, const Uuid *vm, size_t index);

/* What every VM record must have: enough to run. */
#define VM_CONFIG                                                                                            \
        "\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576,\"target_memkb\":"      \
        "1048576,\"max_vcpus\":1}}"

/* Requests. Those that may be refused return the code and run the world. */
ErrorCode world_add_host(World *w, FakeHost *h);
Uuid world_create_vm(World *w, const char *name);
Uuid world_create_vm_with(World *w, const char *name, const char *model, unsigned n_vgpus);
ErrorCode world_create_vgpu(World *w, const Uuid *vm, const char *model, const char *device);
ErrorCode world_start_vm(
        World *w, const Uuid *vm, Uuid *ret_job); /* decided and committed; the order is on its way */
ErrorCode world_start_vm_on(World *w, const Uuid *vm, const char *host, Uuid *ret_job);
ErrorCode world_shutdown(World *w, const Uuid *vm, bool force, Uuid *ret_job);
ErrorCode world_cancel(World *w, const Uuid *job);
Refusal *fresh(World *w);                 /* &w->refusal, empty, for the next call */
ErrorCode world_request(World *w, int r); /* the outcome of a call that was given &w->refusal */
void world_fail_next_commit(World *w);    /* the open batch is committed now, and fails: the map is full */

/* The outcome in one word: "halted", "reserved", "sent", "running"; and it is checked that VM, VGPUs and
 * PGPUs agree. */
const char *world_vm_state(World *w, const Uuid *vm);
const char *world_job_state(World *w, const Uuid *job); /* "done", "failed InvalidRecord" … */
