#pragma once

/*
 * Simulations: what would happen, and what a person could do
 *
 * They decide with the same allocate() as a start, so that what they find is what a start would find. They move VMs in the pool that they
 * are given and put them back, so they run where no client sees it: in a child process that ends with its answer.
 */

#include "policyd/decide/allocate.h"

typedef struct Move {
        const Vm *vm;
        const Host *from, *to; /* to NULL: nowhere */
        const Pgpu *pgpu;      /* of the first VGPU, on to */
        bool makes_room;       /* it is not on the PGPU that is freed, but in the way of a VM that is */
        char *reason;          /* why it has no place */
} Move;

typedef struct Moves {
        Move *items;
        size_t n, n_failed;
        bool estimate; /* n_failed is the fewest that were found; fewer may be possible */
} Moves;

void moves_done(Moves *m);
#define _cleanup_moves_ _cleanup_(moves_done)

/*
 * The running VMs of the host, and where each could start if the host failed, all together; in the order of their starts, which leaves
 * as few as possible without a place (placing.c).
 */
int simulate_host_failure(Pool *pool, Host *h, Moves *ret);

/*
 * How many hosts may fail, whichever they are, so that every running VM with a VGPU of the group can start elsewhere. Every set of
 * hosts is tried as long as there are at most 256 of one size; beyond that only the hosts with the most of the group in use are
 * tried, as the worst set. If the search cannot settle whether a set is survived, it counts as not survived.
 */
int find_failures_to_tolerate(Pool *pool, const GpuGroup *g, size_t *ret);

/*
 * The PGPU that can be freed for VGPUs of type t by restarting the fewest VMs elsewhere: those on it and, if these find no room
 * otherwise, VMs that are in their way. pgpu NULL: there is none, and reason says why, in sentences: what the nearest PGPU lacks, or what
 * prevents every one from being tried. The search looks at the 128 PGPUs with the fewest VMs, and at most 1024 ways to move up to eight
 * other VMs too, those with fewer restarts first (attempts.h). Held instances, and VMs that are starting, stay.
 */
typedef struct PgpuPlan {
        const Pgpu *pgpu;
        bool enable;     /* t is not enabled there yet */
        bool incomplete; /* the search ended at one of its bounds: a plan, or one with fewer restarts, may have been missed */
        Moves moves;
        char *reason;
} PgpuPlan;

void pgpu_plan_done(PgpuPlan *p);
int plan_free_pgpu(Pool *pool, const GpuGroup *g, const VgpuType *t, PgpuPlan *ret);
