#pragma once

/*
 * Crews: running VMs that are lifted from where they stand on a copy of the pool, and land elsewhere
 *
 * What rehearsals are made of. A crew is empty at first and owns its copy; crew_put_back() makes the copy what it was, for the
 * next attempt.
 */

#include "policyd/decide/assign.h"
#include "policyd/advice/rehearsal.h"

/* Starts that are tried on the copy beyond the orders that promise most, over all landings of a crew. */
#define CREW_LANDINGS_MAX 16384

/* A VM of the copy that was lifted, and what it had. */
typedef struct Lifted {
        Vm *vm;
        Host *host;
        Pgpu *pgpus[DEMAND_VGPUS_MAX];
        bool counted;
        bool promoted; /* found nowhere behind others, and was put before them */
} Lifted;

typedef struct Crew {
        Pool *copy;
        Lifted *items;
        size_t n, size;
        size_t landings_left;
} Crew;

int crew_init(Crew *c, const Pool *pool); /* 0 or -ENOMEM */
void crew_done(Crew *c);
#define _cleanup_crew_ _cleanup_(crew_done)

/* A running VM of the copy; one that is lifted already is nothing new. 0 or -ENOMEM. */
int crew_lift(Crew *c, Vm *vm);
/*
 * Everyone lands where allocate() puts them, on hosts and in an order of which the fewest find nowhere, as far as that could be found. 1 when
 * everyone landed, 0 when not, -ENOMEM. ret_moves: in the order of their starts; its pointers are to objects of pool, which is not needed without it.
 * ret_proven: nobody could do better. Either may be NULL.
 */
int crew_land_all(Crew *c, const Pool *pool, Moves *ret_moves, bool *ret_proven);
/* Whoever landed is up again; all of them, or one. */
void crew_take_off(Crew *c);
void crew_take_off_vm(Crew *c, Vm *vm);
/* Everyone stands where they were, and nobody is lifted. 0 or -ENOMEM. */
int crew_put_back(Crew *c);
