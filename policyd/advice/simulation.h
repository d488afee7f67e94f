#pragma once

/*
 * Simulations: what would happen, and what a person could do
 *
 * They decide with the same allocate() as a start, so that what they find is what a start would find. They move VMs in the pool that they are
 * given and put them back, so they are made where nobody sees it: in a child that ends with its answer.
 */

#include "policyd/decide/allocate.h"

typedef struct Move {
        const Vm *vm;
        const Host *from, *to; /* to NULL: nowhere */
        const Pgpu *pgpu;      /* of the first VGPU, on to */
        bool makes_room;       /* it does not stand on the PGPU that is freed, but in the way of those that do */
        char *reason;          /* why nowhere */
} Move;

typedef struct Moves {
        Move *items;
        size_t n, n_failed;
        bool estimate; /* n_failed: as few as were found; that fewer are possible is not ruled out */
} Moves;

void moves_done(Moves *m);
#define _cleanup_moves_ _cleanup_(moves_done)

/*
 * The running VMs of the host, and where each could start once the host is gone, all together; in the order of their starts, in which as
 * few as possible find nowhere (placing.c).
 */
int simulate_host_failure(Pool *pool, Host *h, Moves *ret);

/*
 * How many hosts may fail, whichever they are, so that every running VM with a VGPU of the group can start elsewhere. Every set of
 * hosts is tried as long as there are at most 256 of one size; beyond that the hosts with the most of the group in use stand for the
 * worst set. Where it cannot be settled whether a set is survived, it is taken for one that is not.
 */
int find_failures_to_tolerate(Pool *pool, const GpuGroup *g, size_t *ret);

/*
 * The PGPU that is had for a whole, for VGPUs of type t, by restarting the fewest VMs elsewhere: those that stand on it, and, where these
 * find no room otherwise, VMs that stand in their way. pgpu NULL: there is none; reason says why, in sentences: what the one that comes
 * nearest lacks, or what keeps every one from being tried.
 * Looked at are the 128 PGPUs with the fewest VMs, and at most 1024 ways to move up to eight others too, those with fewer restarts first
 * (attempts.h). What reservations hold, and VMs that are just starting, stay.
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
