#pragma once

/*
 * Private to the decider: the hosts as they are evaluated for one start
 *
 * rank.c evaluates and orders, allocate.c chooses, denial.c finds what is in the way and remedy.c what would help.
 */

#include "policyd/decide/assign.h"
#include "policyd/decide/verdict.h"

/* A remedy is looked for on at most so many of the hosts whose GPUs are in the way. */
#define HOSTS_TRIED_MAX 8

struct Candidate {
        const Host *host;
        ErrorCode usable; /* NONE; HOST_OFFLINE; HOST_DISABLED; NO_HOSTS_AVAILABLE: refused this start already */
        ErrorCode gpu;    /* NONE: takes all VGPUs */
        ErrorCode other;  /* NONE: memory, networks, storage, IOMMU and HVM are fine too */
        /* Why gpu is not NONE. together: each VGPU would fit alone. */
        const DemandKind *kind;
        PgpuVerdict nearest; /* pgpu NULL: the host has none of the group */
        bool together;
        const char *missing; /* network or storage */
        uint64_t memory_available;
        uint32_t n_own;   /* of the VM's VGPUs, how many the reservation holds room for here */
        bool last;        /* it would have to use a place where starts failed */
        size_t n_members; /* of the VM's anti-affine group, how many are here */
        uint64_t *scores; /* one for each VGPU */
        uint32_t spread;  /* of the PGPUs that several VGPUs would get (nearness.h); with best-fit 0, since they follow demand */
        size_t tier;
};

typedef struct Ranking {
        const Pool *pool;
        const AllocRequest *request;
        Assigner *assigner;
        Candidate *candidates;
        uint64_t *scores;
        size_t n, n_fit; /* those whose GPUs fit come first, best first */
        /* All hosts that the request admits, by what stops them. */
        uint32_t counts[_ERROR_MAX];
        size_t n_hosts, n_connecting; /* of them, not heard from yet: in none of the counts */
        size_t n_gone;                /* counted as HOST_OFFLINE because their GPUs are missing */
        Demand demand;
} Ranking;

/* Called before anything else, also before ranking_done(). */
static inline void ranking_init(Ranking *r) {
        memset(r, 0, offsetof(Ranking, demand));
}

/* Evaluates the hosts that the request admits, one by one, and sorts. */
int ranking_scan(Ranking *r, const Pool *pool, const AllocRequest *request);
/*
 * 1: made the same ranking from the kept scores, with only the candidates that matter (search.c). 0: the scores cannot tell (a named
 * host, different or pinned VGPUs with best-fit); the caller scans, as it does after -ENOMEM.
 */
int ranking_from_scores(Ranking *r, const Pool *pool, const AllocRequest *request);
int ranking_prepare(Ranking *r, const Pool *pool, const AllocRequest *request, size_t n_max);
int ranking_add(Ranking *r, const Host *h); /* evaluated, and not counted */
/* Sorts by tiers; called after all hosts were added. */
void ranking_sort(Ranking *r);
Assigner *ranking_assigner(Ranking *r); /* made when it is first needed; NULL: no memory */
/* All checks of c->host, with room for d->n_vgpus scores at c->scores; an assigner where there are several.
 */
int candidate_evaluate(Candidate *c, const Demand *d, Assigner *assigner, const AllocRequest *request);
/* The first text of the list that the host lacks; NULL: none. A host has a disk that is one of its storages
 * or lies below one. */
const char *first_missing(char *const *wanted, char *const *there);
const char *first_disk_without_storage(char *const *disks, char *const *storage);
void ranking_done(Ranking *r);
/* A host's score for one kind, 0 when no PGPU takes it; the nearest miss; for how many VGPUs the reservation
 * holds room there. */
uint64_t host_score(const Host *h, const DemandKind *k, const Reservation *reservation,
        PgpuVerdict *ret_nearest, uint32_t *ret_own);
#define _cleanup_ranking_ _cleanup_(ranking_done)

/* The GPUs of one host. */
int candidate_check_gpus(Candidate *c, const Demand *d, Assigner *a);
/* Checks what the host has beside GPUs and memory, then everything; sets other and missing. */
void candidate_check_facts(Candidate *c, const Demand *d);
bool vm_prefers(const Vm *vm, const Host *h); /* its affinity */

/* The code of a host's verdict: GPU refusals of passthrough VGPUs are VM_REQUIRES_GPU. */
ErrorCode candidate_code(const Candidate *c);
ErrorCode candidate_reason(const Candidate *c);
bool type_needs_iommu(const VgpuType *t);
bool vm_passes_functions(const Vm *vm); /* its config has pcidevs */
bool vm_passes_others(const Vm *vm);    /* and not only those that are booked as its VGPUs */
/* The first entry of its config that the host does not allow; NULL: none, or the host does not report what it allows. */
const char *first_objection(const Vm *vm, const Host *h);
bool demand_needs_iommu(const Demand *d);
/* A PCI function that the VM's config passes through and the host has not, or has given to another VM; NULL:
 * none. */
const char *first_function_not_free(const Vm *vm, const Host *h);

/* Calls the visitor for each PGPU, then for the host; visit.c. */
int visit_candidate(Ranking *r, const Candidate *c, const AllocVisitor *visitor, bool chosen);
