#pragma once

/*
 * What a reservation would hold
 */

#include "policyd/decide/remedy.h"

/* Why a reservation cannot be held. */
typedef struct HoldsDenial {
        ErrorCode code;       /* ERROR_NONE: it can */
        uint64_t possible;    /* instances */
        PgpuVerdict nearest;  /* where none is; pgpu NULL: the group has no PGPUs */
        PgpuRemedy remedy;    /* of nearest.pgpu */
} HoldsDenial;

/* PGPUs that a reservation of count instances would hold: chosen like placements, spread as the group's algorithm says. */
int allocate_holds(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus, HoldsDenial *ret_denial);
