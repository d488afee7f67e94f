#pragma once

/*
 * The decider
 *
 * allocate() chooses a host for a VM and a PGPU for each of its VGPUs, or says why not. Pure: no I/O, no clock, no
 * randomness; the same pool gives the same answer (ties: host name, then PCI address). It changes nothing: allocation_apply() books.
 * 0 means decided; negative only -ENOMEM or -EINVAL. design: ALLOCATION.md, docs/allocation.md.
 */

#include "policyd/pool/pool.h"

/* Remaining capacity of a PGPU for a type; the first failed check and its numbers. capacity 0 always has a code. */
typedef struct PgpuVerdict {
        const Pgpu *pgpu;
        ErrorCode code;
        uint32_t capacity;
        uint32_t size, used, need;     /* units of PGPU_SIZE */
        const VgpuType *running;       /* the type in the way, or NULL */
        bool held;                     /* a reservation is in the way */
} PgpuVerdict;

/* reservation: its own holds count as free (a start that names it). NULL: none. */
void pgpu_verdict(const Pgpu *p, const VgpuType *t, const Reservation *reservation, PgpuVerdict *ret);
uint32_t pgpu_capacity(const Pgpu *p, const VgpuType *t);
/* What is in use: passthrough, which has no size of its own, uses a PGPU whole. */
uint32_t pgpu_units_used(const Pgpu *p);

/* Sum over the group's PGPUs on online, enabled hosts; where it is 0, *ret_nearest is the nearest miss (pgpu NULL: empty group). */
uint64_t group_capacity(const GpuGroup *g, const VgpuType *t, PgpuVerdict *ret_nearest);

typedef struct Demand Demand;
typedef struct Candidate Candidate;
typedef struct PgpuRemedy PgpuRemedy;
typedef struct HostRemedy HostRemedy;
typedef struct Denial Denial;

/* What the visitor gets for each host; every pointer is valid during the call only. */
typedef struct HostVerdict {
        const Host *host;
        ErrorCode code;       /* ERROR_NONE: could run here */
        uint64_t score;       /* of the group's algorithm */
        bool chosen;
        Pgpu *const *pgpus;   /* the assignment when code is none, parallel to vm->vgpus */
        const Demand *demand; /* data for policyd/words: the demand, what stops it, what would help */
        const Candidate *candidate;
        const HostRemedy *remedy;
} HostVerdict;

typedef struct AllocVisitor {
        void (*host)(const HostVerdict *v, void *userdata);
        /* Before host() of its host. */
        void (*pgpu)(const Host *h, const Vgpu *vgpu, const PgpuVerdict *v, const PgpuRemedy *remedy, void *userdata);
        void *userdata;
} AllocVisitor;

typedef struct AllocRequest {
        const Vm *vm;
        const Host *only;               /* StartOn: no other host; NULL: any */
        const Reservation *reservation; /* or NULL */
        const Host *const *avoid;       /* hosts that already refused this start */
        size_t n_avoid;
        bool without_reason;            /* of a refusal only the code and the nearest PGPU are wanted: no denial */
} AllocRequest;

#define ALLOC_RUNNERS_UP 5

typedef struct Allocation {
        Refusal refusal;                /* code ERROR_NONE: placed; policyd/words makes the sentence */
        Denial *denial;                 /* on refusal: why, and what would help (denial.h); owned */
        Host *host;
        Pgpu **pgpus;                   /* parallel to vm->vgpus; owned */
        size_t n_pgpus;
        uint64_t score;
        struct {
                Host *host;
                uint64_t score;
        } runners_up[ALLOC_RUNNERS_UP];
        size_t n_runners_up;
        size_t n_hosts;                 /* that were asked */
        size_t n_gone;                  /* counted as HOST_OFFLINE only because their GPUs are missing */
        size_t n_connecting;            /* hosts not heard from yet: in none of the counts */
        uint32_t counts[_ERROR_MAX];    /* hosts by verdict; ERROR_NONE: could have run it */
        PgpuVerdict nearest;            /* on refusal for GPUs */
} Allocation;

int allocate(const Pool *pool, const AllocRequest *request, const AllocVisitor *visitor_or_null, Allocation *ret);
void allocation_done(Allocation *a);
/*
 * After a refusal decides again where that may help: on another host than the named one, or with a reservation of an owner over
 * its quota. The result is in a->denial. 0 or -ENOMEM.
 */
int allocate_otherwise(const Pool *pool, const AllocRequest *request, Allocation *a);

/* Books the decision: vm and vgpus scheduled, holds of the reservation used up. */
int allocation_apply(Pool *pool, Vm *vm, Reservation *reservation_or_null, const Allocation *a);
/* Undoes what is scheduled (not what is resident); a used-up reservation gets its instances back when it still exists. */
int allocation_release(Pool *pool, Vm *vm);

/* One more request for each of the VM's types, granted or not; best-fit weighs by it. Older requests come to count half and less. */
void demand_note(Pool *pool, const Vm *vm);
