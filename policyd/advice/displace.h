#pragma once

/*
 * Who could make room for VMs that are moved
 *
 * While they are taken, and none has a new place: sets of other running VMs whose leaving opens something that one of them
 * could have then. Where not all find a place, they may with one of these sets moved too, or with sets that are found when it was.
 */

#include "policyd/advice/relocation.h"

#define DISPLACED_MAX 8

typedef struct Displaced {
        Vm *vms[DISPLACED_MAX]; /* by key */
        size_t n;
} Displaced;

/* Whether a VM runs, and nothing about it is on its way. */
bool vm_is_settled(const Vm *vm);
/* In order of keys; false when there is no room for one more. One that is in it is nothing new. */
bool displaced_add(Displaced *d, Vm *vm);

/*
 * The sets for one of the moved VMs, one after another until found() returns non-zero, which is returned; an empty set
 * stands for one that is too large. What reservations hold, and VMs that are not settled, make no room.
 */
typedef int (*DisplacedFn)(const Displaced *d, void *userdata);
int displaced_for(const Relocation *c, const Vm *vm, DisplacedFn found, void *userdata);
