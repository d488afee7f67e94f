#pragma once

/*
 * Relocations: running VMs are taken from where they run, and placed anew
 *
 * What plans and failure checks are made of. They are tried on the pool itself, in a child that ends with its answer: the pool is changed and
 * put back, and notes nothing meanwhile. A relocation is empty at first, and again after relocation_undo(), for the next attempt.
 */

#include "policyd/advice/simulation.h"
#include "policyd/decide/assign.h"

/* Starts that are tried beyond the orders that promise most, over all that a relocation places. */
#define RELOCATION_STARTS_MAX 16384

/* A VM that was taken, and what it had. */
typedef struct MovedVm {
        Vm *vm;
        Host *resident_on, *scheduled_on;
        Pgpu *pgpus[DEMAND_VGPUS_MAX], *scheduled_pgpus[DEMAND_VGPUS_MAX];
        PowerState power_state;
        bool counted;
        bool promoted; /* found nowhere behind others, and was put before them */
} MovedVm;

typedef struct Relocation {
        Pool *pool;
        MovedVm *items;
        size_t n, size;
        size_t starts_left;
} Relocation;

void relocation_init(Relocation *r, Pool *pool);
void relocation_done(Relocation *r); /* undone first */
#define _cleanup_relocation_ _cleanup_(relocation_done)

/* A running VM; one that is taken already is nothing new. 0 or -ENOMEM. */
int relocation_take(Relocation *r, Vm *vm);
/*
 * Everyone goes where allocate() puts them, on hosts and in an order of which the fewest find nowhere, as far as that could be found. 1 when
 * everyone has a place, 0 when not, -ENOMEM. ret_moves: in the order of their starts. ret_proven: nobody could do better. Either may be NULL.
 */
int relocation_place(Relocation *r, Moves *ret_moves, bool *ret_proven);
/* Whoever has a new place leaves it; all of them, or one. */
void relocation_unplace(Relocation *r);
void relocation_unplace_vm(Relocation *r, Vm *vm);
/* Everyone is where they were, and nobody is taken. 0 or -ENOMEM. */
int relocation_undo(Relocation *r);
