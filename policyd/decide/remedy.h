#pragma once

/*
 * Remedies: what would let the pool take what it refuses
 *
 * A remedy is data, of which policyd/words makes sentences: steps that suffice together, or steps and what they leave undone. For
 * one PGPU they follow from what is on it; for several VGPUs on a host, and for a host that cannot be used, they are tried on a
 * shadow of the host. Pointers are good for as long as the pool does not change.
 */

#include "policyd/decide/decider.h"
#include "policyd/decide/shadow.h"

/* A set of a PGPU's VGPUs or holds, one bit for each index. If there are too many for the bits, all of them must leave. */
typedef uint64_t Picks;
#define PICKS_MAX 64
#define PICK_ALL UINT64_MAX
#define ELSEWHERE_MAX 16 /* PGPUs looked at for room */

static inline bool is_picked(Picks picks, size_t i) {
        return picks == PICK_ALL || (i < PICKS_MAX && (picks >> i & 1));
}

/* The steps that let one PGPU take one more VGPU of a type, other checks of its host aside. All zero: none is known. */
struct PgpuRemedy {
        const Pgpu *pgpu;
        const VgpuType *type;
        bool supported;         /* else nothing helps there */
        bool enable;
        Picks stop;             /* VGPUs whose VMs must go, all of them */
        Picks one_of;           /* besides: VGPUs of which any VM must go */
        Picks release;          /* holds whose reservations must go, all of them */
        bool end_outsiders;     /* what runs there and is not of the pool must go */
        const Reservation *use; /* a start that names this one needs no step but enable */
        const Pgpu *elsewhere;  /* where the type is supported, if not here; NULL: nowhere */
        uint32_t room;          /* that elsewhere has for it */
        /* Of a type that is supported nowhere: the one that took its place, as after a driver update; else a PGPU that
         * is its hardware. */
        const VgpuType *successor;
        const Pgpu *hardware;
};

/* own: the reservation that the start names. d: the PGPU elsewhere must be on a host that lacks nothing for this
 * demand. Either may be NULL. */
void pgpu_remedy(
        const Pgpu *p, const VgpuType *t, const Reservation *own, const Demand *d, PgpuRemedy *ret);
/* Where the type is supported at all: one with room for it before others. */
void pgpu_remedy_elsewhere(const VgpuType *t, const Demand *d_or_null, PgpuRemedy *ret);

typedef enum StepKind {
        STEP_STOP,
        STEP_RELEASE,
        STEP_ENABLE,
} StepKind;

typedef struct Step {
        StepKind kind;
        const Object *what; /* the VM, reservation or type */
        size_t pgpu;        /* of the host's, where a type is enabled */
        bool made;          /* only in the search */
} Step;

typedef enum RemedyKind {
        REMEDY_NONE,      /* the host refused this very start */
        REMEDY_USABLE,    /* the host must become usable; `then` is its verdict after that */
        REMEDY_FACTS,     /* only what the host lacks beside GPUs */
        REMEDY_GROUP,     /* the group's PGPUs are on other hosts, or it has none */
        REMEDY_PGPU,      /* one PGPU */
        REMEDY_STEPS,     /* several VGPUs: steps on `host`, which may be another than the one that refuses */
        REMEDY_OUTSIDERS, /* what is not of the pool must leave `pgpu.pgpu` */
        REMEDY_FEWER,     /* several VGPUs, which no PGPUs of the host could take */
} RemedyKind;

/* What would let one host take the VM. What it lacks beside GPUs is not part of the steps. */
struct HostRemedy {
        RemedyKind kind;
        const Host *host;
        PgpuRemedy pgpu;
        Step *steps; /* owned */
        size_t n_steps;
        uint64_t memory; /* that the steps free for certain, in bytes */
        Shadow *shadow;  /* owned; the host of `then` */
        Candidate then;
};

/* d is r's demand, or a copy of it that lives as long as ret. 0 or -ENOMEM. */
int host_remedy(const Ranking *r, const Demand *d, const Candidate *c, HostRemedy *ret);
/*
 * Of the hosts that cannot be used, those of a group or all, the first that would take the VM if it could be; disabled ones
 * before others. Where none would: the first of them. ret->host NULL: every host can be used.
 */
int unusable_host_remedy(const Ranking *r, const Demand *d, const GpuGroup *group_or_null, HostRemedy *ret);
void host_remedy_done(HostRemedy *r);
#define _cleanup_host_remedy_ _cleanup_(host_remedy_done)

/*
 * For a host that admits each VGPU alone or none, the fewest steps found on its PGPUs with which it takes all of them, and the
 * memory that they free: 1; 0: not even if nothing else ran there; -ENOMEM. host-plan.c.
 */
int host_plan(const Demand *d, Assigner *assigner, const Host *h, HostRemedy *ret);

/* How many bytes the VM misses on the host, when so many more were free there. */
uint64_t memory_short(const Demand *d, const Host *h, uint64_t freed);
/* Bytes that VMs there have to give up. */
uint64_t memory_to_free(const Demand *d, const Host *h);
