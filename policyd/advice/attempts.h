#pragma once

/*
 * Attempts to free a PGPU, the one with the fewest restarts first
 *
 * The list grows: an attempt that fails adds attempts that move more VMs. If a bound leaves attempts out, the list
 * remembers that.
 */

#include "policyd/advice/displace.h"

/* At most so many attempts move VMs of other PGPUs too; fewer in a group with more than 512 PGPUs, because each attempt
 * looks at every PGPU. */
#define CHAINS_TRIED_MAX 1024
#define CHAIN_PGPUS_MAX (512 * CHAINS_TRIED_MAX)
#define FOLLOWERS_SEEN_MAX 16384 /* sets that could be moved too, over all attempts */
#define FOLLOWERS_ADDED_MAX 64   /* of one attempt: with room for all VMs of the set, and as many without */

/* It moves all VMs of the PGPU, and the others. */
typedef struct Attempt {
        Pgpu *pgpu;
        const VgpuType *type; /* the type for which it is freed */
        bool enable;          /* the type is not enabled there yet */
        size_t n_restarts;
        size_t at_least;      /* lower bound of its restarts */
        Displaced others;
        bool begun;
} Attempt;

/* Whether any PGPU of a group had room for a type, when it was asked first. */
typedef struct Room {
        const GpuGroup *group;
        const VgpuType *type;
        bool any;
} Room;

typedef struct Attempts {
        PtrArray all;
        size_t n_tried, n_seen; /* attempts with others */
        size_t n_tried_max;
        uint64_t free;          /* units, of the group's PGPUs that can be used */
        size_t fewest_cut;      /* fewest restarts that an attempt left out might have had; SIZE_MAX: none was left out */
        Room rooms[16];
        size_t n_rooms;
} Attempts;

void attempts_init(Attempts *a, const GpuGroup *g);
void attempts_done(Attempts *a);
#define _cleanup_attempts_ _cleanup_(attempts_done)

/* Notes that an attempt which might have had so many restarts was left out. */
void attempts_cut(Attempts *a, size_t n_restarts);
/* Adds a copy of the attempt, unless it is in the list already. 0 or -ENOMEM. */
int attempts_add(Attempts *a, const Attempt *attempt);
/* The next attempt that was not tried; NULL after the last. It stays in the list. */
const Attempt *attempts_next(Attempts *a);
/*
 * 1: every VM has a place, and ret holds the moves. 0: not every VM has one; ret holds the best moves found, and attempts that
 * could do better are added. -ENOMEM. In each case all VMs are put back.
 */
int attempts_try(Attempts *a, Relocation *l, const Attempt *attempt, Moves *ret);
