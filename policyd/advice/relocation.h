#pragma once

/*
 * Relocations: running VMs are taken from where they run, and placed anew
 *
 * Plans and failure checks are made of relocations. They are tried on the pool itself, in a child process that ends with its answer: the
 * pool is changed and put back, and records no changes meanwhile. A relocation is empty at first, and again after relocation_undo(), for
 * the next attempt.
 */

#include "policyd/advice/simulation.h"
#include "policyd/decide/assign.h"

/* How many starts one relocation tries in all, after the most promising orders. */
#define RELOCATION_STARTS_MAX 16384

/* A VM that was taken, and what it had. */
typedef struct MovedVm {
        Vm *vm;
        Host *resident_on, *scheduled_on;
        Pgpu *pgpus[DEMAND_VGPUS_MAX], *scheduled_pgpus[DEMAND_VGPUS_MAX];
        char *functions[DEMAND_VGPUS_MAX];
        bool used_hold[DEMAND_VGPUS_MAX];
        PowerState power_state;
        bool counted;
        bool promoted; /* it found no place after others, so it was put before them */
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

/* Takes a running VM, unless it is taken already. 0 or -ENOMEM. */
int relocation_take(Relocation *r, Vm *vm);
/*
 * Places every VM where allocate() puts it, on the hosts and in the order that leave the fewest VMs without a place, as far as the search
 * finds them. 1: every VM has a place; 0: not every one; -ENOMEM. ret_moves: in the order of their starts. ret_proven: fewer are
 * impossible. Either may be NULL.
 */
int relocation_place(Relocation *r, Moves *ret_moves, bool *ret_proven);
/* Takes VMs from their new places: all of them, or one. */
void relocation_unplace(Relocation *r);
void relocation_unplace_vm(Relocation *r, Vm *vm);
/* Puts every VM back where it was; none is taken then. 0 or -ENOMEM. */
int relocation_undo(Relocation *r);
