#pragma once

/*
 * Attempts to free a PGPU, the one with the fewest restarts first
 *
 * A growing list: one that fails adds those that move somebody more. What is left out for one of its bounds is remembered.
 */

#include "policyd/advice/displace.h"

/* Attempts with others: no more than this, and fewer in a group with more than 512 PGPUs, each of which is looked at. */
#define CHAINS_TRIED_MAX 1024
#define CHAIN_PGPUS_MAX (512 * CHAINS_TRIED_MAX)
#define FOLLOWERS_SEEN_MAX 16384 /* sets that could be moved too, over all attempts */
#define FOLLOWERS_ADDED_MAX 64   /* of one attempt: with room for everybody in the set, and as many without */

/* Moved are all VMs of the PGPU and the others. */
typedef struct Attempt {
        Pgpu *pgpu;
        const VgpuType *type; /* that it is freed for */
        bool enable;          /* the type is not enabled there yet */
        size_t n_restarts;
        size_t at_least;      /* restarts of whatever comes of it */
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
        size_t n_tried, n_seen; /* of those with others */
        size_t n_tried_max;
        uint64_t free;          /* units, of the group's PGPUs that can be used */
        size_t fewest_cut;      /* restarts that one that was left out might have had; SIZE_MAX: none was */
        Room rooms[16];
        size_t n_rooms;
} Attempts;

void attempts_init(Attempts *a, const GpuGroup *g);
void attempts_done(Attempts *a);
#define _cleanup_attempts_ _cleanup_(attempts_done)

/* An attempt that might have had so many restarts is left out. */
void attempts_cut(Attempts *a, size_t n_restarts);
/* A copy of the attempt; nothing when it is there already. 0 or -ENOMEM. */
int attempts_add(Attempts *a, const Attempt *attempt);
/* The next that was not tried; NULL behind the last. It stays where it is. */
const Attempt *attempts_next(Attempts *a);
/*
 * 1 when everybody has a place, with the moves; 0 when not, with the best that was found, and those attempts are added that could
 * do better; -ENOMEM. All is put back.
 */
int attempts_try(Attempts *a, Relocation *l, const Attempt *attempt, Moves *ret);
