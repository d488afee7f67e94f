#pragma once

/*
 * Crews: running VMs that are lifted from where they stand on a copy of the pool, and land elsewhere
 *
 * What rehearsals are made of. A crew is empty at first and owns its copy; crew_put_back() makes the copy what it was, for the
 * next attempt.
 */

#include "policyd/core/assign.h"
#include "policyd/core/rehearsal.h"

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
} Crew;

void crew_done(Crew *c);
#define _cleanup_crew_ _cleanup_(crew_done)

/* A running VM of the copy; one that is lifted already is nothing new. 0 or -ENOMEM. */
int crew_lift(Crew *c, Vm *vm);
/*
 * 1 when everyone landed, 0 when not, -ENOMEM. ret, NULL where it is not wanted, is the attempt in which the fewest found
 * nowhere; its pointers are to objects of pool, which is not needed without it.
 */
int crew_land_all(Crew *c, const Pool *pool, Moves *ret);
/* Everyone stands where they were, and nobody is lifted. 0 or -ENOMEM. */
int crew_put_back(Crew *c);
