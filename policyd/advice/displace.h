#pragma once

/*
 * Who could make room for a crew
 *
 * While a crew is lifted, and none of it has landed: sets of running VMs outside it whose leaving opens something that one of the crew
 * could have then. A crew that does not land may land with one of these sets lifted too, or with sets that are found when it was.
 */

#include "policyd/advice/crew.h"

#define DISPLACED_MAX 8

typedef struct Displaced {
        Vm *vms[DISPLACED_MAX]; /* of the copy, by key */
        size_t n;
} Displaced;

/* Whether a VM runs, and nothing about it is on its way. */
bool vm_is_settled(const Vm *vm);
/* In order of keys; false when there is no room for one more. One that is in it is nothing new. */
bool displaced_add(Displaced *d, Vm *vm);

/*
 * The sets for one VM of the crew, told one after another until told() returns non-zero, which is returned; an empty set
 * stands for one that is too large. What reservations hold, and VMs that are not settled, make no room.
 */
typedef int (*DisplacedFn)(const Displaced *d, void *userdata);
int displaced_for(const Crew *c, const Vm *vm, DisplacedFn told, void *userdata);
