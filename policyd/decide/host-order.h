#pragma once

/*
 * Hosts in the order in which a start would try them
 *
 * One for each thing that VMs ask for (the types, groups and pinned addresses of their VGPUs), made when it
 * is first asked for. Hosts stand in tiers: those that fit by their scores, then the misses from the nearest
 * on. A tier is a set; who of it comes first, by free memory and name, is looked up when it is asked. With
 * best-fit, scores change with every request; there all that fit are one tier, and the kinds of PGPUs give
 * the order.
 *
 * Types that no PGPU of the group supports are all alike, and share one order.
 */

#include "policyd/decide/assign.h"
#include "policyd/pool/host-index.h"

#define TIER_NONE UINT32_MAX
#define RANK_MISS (UINT64_C(1) << 63)

/* What one instance on a PGPU of a kind takes from another type that is enabled there. */
typedef struct Loss {
        const TypeCount *count;
        uint32_t instances;
} Loss;

/* What the type that is asked for can have of one kind of PGPU. */
typedef struct Cell {
        Loss *losses;   /* with best-fit */
        uint64_t score; /* with best-fit, as last weighed; 0: takes none */
        uint32_t n_losses;
        uint32_t capacity;
        bool known, other_group, held;
        uint8_t nearness; /* where capacity is 0 */
} Cell;

typedef struct Tier {
        uint64_t rank; /* lower is better */
        HostSet hosts;
} Tier;

typedef struct TierPlace {
        uint64_t rank;
        uint32_t tier;
} TierPlace;

struct HostOrder {
        Demand demand; /* pointers to VMs and reservations are NULL; type NULL: not supported in the group */
        bool plain;    /* all VGPUs are alike and not pinned: the kinds of a host's PGPUs tell all */
        bool best_fit;
        bool inexact;  /* scores were too large to be told apart: of no use */
        uint64_t used; /* when, in decisions */
        uint64_t seen; /* of the index's log */
        bool built;
        Cell *cells; /* of each kind of PGPU, if plain */
        size_t n_cells;
        uint32_t *tier_of; /* by place; TIER_NONE: cannot be used */
        Tier *tiers;       /* in the order of their making; empty ones stay */
        TierPlace *sorted; /* all of them, by rank */
        size_t n_tiers, tiers_size;
        uint32_t counts[_ERROR_MAX]; /* hosts by what stops them; usable ones only */
};

/*
 * The order for a demand without a reservation, caught up with the pool. The index is fresh. a may be NULL
 * for plain demands. 0 and NULL: none can be had. -ENOMEM.
 */
int host_order_get(const Pool *pool, const Demand *d, Assigner *a, HostOrder **ret);
HostOrder *host_order_free(HostOrder *o);

/* Plain and of one VGPU: the PGPU of the host at this place that it would take. The host fits. */
Pgpu *host_order_choose(const HostOrder *o, const struct PoolIndex *index, uint32_t at);
/* The scores by which a tier of hosts that fit stands, for each VGPU; not with best-fit. */
void host_order_scores(const HostOrder *o, uint64_t rank, uint64_t *ret);
/* What counts the hosts of a tier. */
ErrorCode host_order_reason(const HostOrder *o, uint32_t tier);
static inline bool rank_has_no_pgpu(uint64_t rank) {
        return rank >> 40 & 1;
}

/* With best-fit: scores each kind of PGPU by the types' shares of demand as they are now. */
void host_order_weigh(HostOrder *o);
