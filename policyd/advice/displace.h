#pragma once

/*
 * VMs that could make room for other VMs that are moved
 *
 * Called while the moved VMs are taken and none has a new place: finds sets of other running VMs that would make room for one of
 * them by leaving. If not all moved VMs find a place, they may find one when such a set is moved too, or a set that is found after
 * that.
 */

#include "policyd/advice/relocation.h"

#define DISPLACED_MAX 8

typedef struct Displaced {
        Vm *vms[DISPLACED_MAX]; /* by key */
        size_t n;
} Displaced;

/* Whether a VM runs, and nothing about it is on its way. */
bool vm_is_settled(const Vm *vm);
/* Keeps the order of keys; false when there is no room for one more. A VM that is in the set is not added again. */
bool displaced_add(Displaced *d, Vm *vm);

/*
 * Passes the sets for one of the moved VMs to found() until it returns non-zero, which is returned; an empty set
 * stands for one that is too large. Held instances, and VMs that are not settled, are in no set.
 */
typedef int (*DisplacedFn)(const Displaced *d, void *userdata);
int displaced_for(const Relocation *c, const Vm *vm, DisplacedFn found, void *userdata);
