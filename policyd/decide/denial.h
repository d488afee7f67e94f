#pragma once

/*
 * Why a start is refused, as data
 *
 * Which of the pool's facts decides (the nearest miss), and what would help. policyd/words makes the sentence of it. Pointers are
 * good for as long as the pool does not change.
 */

#include "policyd/decide/quota.h"
#include "policyd/decide/remedy.h"

typedef enum DenialKind {
        DENIAL_NEEDS_HVM,       /* it has VGPUs and is no HVM guest */
        DENIAL_FUNCTION_MEMORY, /* it gets a PCI device and not all its memory from the start */
        DENIAL_TYPE_MEMORY,     /* the same, for a VGPU of `type` */
        DENIAL_QUOTA,
        DENIAL_NO_HOSTS,      /* the pool has none */
        DENIAL_NONE_USABLE,   /* `remedy` is for the host that is nearest to usable; its host NULL: all refused this start */
        DENIAL_EMPTY_GROUP,   /* of `asked`; remedy.pgpu says where else its type is */
        DENIAL_UNUSABLE_GROUP, /* all PGPUs of asked->group are on hosts that cannot be used; `remedy` is of one */
        DENIAL_HOST,           /* `candidate` comes nearest, or is the only one asked for */
} DenialKind;

struct Denial {
        DenialKind kind;
        Demand demand;
        const VgpuType *type;
        const DemandKind *asked; /* in demand, as candidate.kind is */
        Candidate candidate;
        HostRemedy remedy;
        QuotaExcess quota;
        bool hosts_could;        /* it is only for the quota that it cannot start */
        /* What another decision would say (allocate_otherwise()). */
        const Host *other_host;               /* the start named one, and this one could run it now */
        const Reservation *other_reservation; /* with this one of its owner it could start now */
};

Denial *denial_free(Denial *d);

/* Refuses a VM that no host could start: sets ret->refusal.code, and ret->denial unless the request asks for no reason.
 * Leaves ret as it is for any other VM. Returns 0 or -ENOMEM, as the next two. */
int deny_vm(const Ranking *r, Allocation *ret);
/* pgpus: the assignment, or NULL. */
int deny_over_quota(const Ranking *r, Pgpu *const *pgpus, Allocation *ret);
/* No host can take it. */
int deny_start(const Ranking *r, Allocation *ret);

/* Why a reservation cannot be held. */
typedef struct HoldsDenial {
        ErrorCode code;       /* ERROR_NONE: it can */
        uint64_t possible;    /* instances */
        PgpuVerdict nearest;  /* where none is; pgpu NULL: the group has no PGPUs */
        PgpuRemedy remedy;    /* of nearest.pgpu */
} HoldsDenial;

/* PGPUs that a reservation of count instances would hold: chosen like placements, spread as the group's algorithm says. */
int allocate_holds(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus, HoldsDenial *ret_denial);
