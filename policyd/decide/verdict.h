#pragma once

/*
 * Parts of a verdict, for the files of the decider
 */

#include "policyd/decide/allocate.h"

/* Whether a PGPU that runs one type takes another: the list of the one that runs decides. */
bool type_may_join(const VgpuType *running, const VgpuType *joining);
/* Whether the type is enabled there, and stays so. */
bool pgpu_offers(const Pgpu *p, const VgpuType *t);
bool pgpus_share_lists(const Pgpu *a, const Pgpu *b);
/* Of two PGPUs of a host: nothing stands on either, and what may be placed there is the same, also after a VGPU was placed on one. */
bool pgpus_are_empty_alike(const Pgpu *a, const Pgpu *b);
/* pgpu_verdict() of one type for one PGPU after the other: whether they offer it is looked up again only where the next has other
 * lists. */
typedef struct Offer {
        const Pgpu *like; /* NULL at first */
        ErrorCode code;
} Offer;
void pgpu_verdict_next(Offer *o, const Pgpu *p, const VgpuType *t, const Reservation *reservation, PgpuVerdict *ret);
/* The first PGPU of the group on the host; NULL: it has none. */
const Pgpu *host_group_pgpu(const Host *h, const GpuGroup *g);
/* NONE when it is; else HOST_OFFLINE, or HOST_DISABLED for one that is online. */
ErrorCode host_usable_code(const Host *h);
/* Whether the reservation's holds on p count as free for a VGPU of type t. */
bool reservation_serves(const Reservation *r, const Pgpu *p, const VgpuType *t);
/* The capacity that pgpu_verdict() finds, where the PGPU can be used and offers the type; if it is not 0, what is taken there. */
uint32_t pgpu_room_of_enabled(const Pgpu *p, const VgpuType *t, const Reservation *reservation, uint32_t *ret_used);
uint32_t pgpu_own_holds(const Pgpu *p, const Reservation *reservation);
/* Of two misses; b without a PGPU is farther than anything. */
bool verdict_is_nearer(const PgpuVerdict *a, const PgpuVerdict *b);

/* What one instance of t on p takes from another type that is enabled there. ret has room for p->enabled.n;
 * returns how many. */
typedef struct PgpuLoss {
        const VgpuType *type;
        uint32_t instances;
} PgpuLoss;
size_t pgpu_losses(const Pgpu *p, const VgpuType *t, const Reservation *reservation, PgpuLoss *ret);
/* What losses weigh by the demand for each of these types, in millionths. */
uint64_t losses_stranding(const PgpuLoss *losses, size_t n, const PtrArray *types);

/* What placing one VGPU of type t on p takes from the other types enabled there, weighted by their demand;
 * best-fit.c. */
uint64_t pgpu_stranding(const Pgpu *p, const VgpuType *t, const Reservation *reservation);
/* best-fit's order of PGPUs, least first: what is stranded, then the room that p has for t. */
static inline uint64_t fit_score(uint64_t stranding, uint32_t capacity) {
        return stranding * (PGPU_SIZE + 1) + capacity;
}
uint64_t pgpu_fit_score(const Pgpu *p, const VgpuType *t, const Reservation *reservation, uint32_t capacity);
