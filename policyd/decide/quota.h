#pragma once

/*
 * Quotas: what an owner may use
 *
 * A quota limits VGPUs, and size (units of PGPU_SIZE), of one owner in one GPU group or in all together.
 * VGPUs on PGPUs, scheduled or resident, count as used, and so do instances that the owner's reservations
 * hold. A quota of OWNER_ANY applies to each owner by itself that has no quota of its own for the same group.
 * VMs without an owner have no quota. A start is checked in the same step in which it is decided and booked;
 * VMs that run are never stopped.
 */

#include "policyd/decide/assign.h"

/* What one VGPU of a VM, or a reservation, would add. */
typedef struct QuotaNeed {
        const GpuGroup *group;
        uint64_t vgpus, size;
} QuotaNeed;

/* What one quota says of it. */
typedef struct QuotaVerdict {
        const Quota *quota;
        OwnerUse used;
        uint64_t vgpus_need, size_need; /* of this quota's group */
        bool exceeded;                  /* there is a need, and it does not fit */
} QuotaVerdict;

/* The quotas that apply to an owner, one after another: *at is 0 at first; false after the last. */
bool quota_next(
        const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n, size_t *at, QuotaVerdict *ret);

/*
 * What a start adds: one need for each VGPU, at most DEMAND_VGPUS_MAX. Instances that the reservation of the
 * same owner holds count as used already and add nothing: with pgpus (the assignment, parallel to vm->vgpus)
 * exactly those that the VGPUs take, without pgpus as many as they could take.
 */
size_t quota_vm_needs(
        const Vm *vm, const Reservation *reservation_or_null, Pgpu *const *pgpus_or_null, QuotaNeed *ret);

#define QUOTA_USERS_NAMED 3
#define QUOTA_USERS_COUNTED 1024 /* a sentence is not worth the time of a decision */
#define QUOTA_LIMITS_MAX (2 * (DEMAND_VGPUS_MAX + 1)) /* one for each group and one for all, of both kinds */

/* A limit that would be exceeded. */
typedef struct QuotaLimit {
        const Quota *quota;
        bool by_size;
        uint64_t used, need, max;
} QuotaLimit;

/*
 * Of an owner's VMs or reservations, those that use most of the first limit. With several limits others use
 * none of the first; what counts is whether one alone, or all together, make room under each.
 */
typedef struct QuotaUsers {
        uint64_t freed[QUOTA_LIMITS_MAX]; /* by all of them */
        struct {
                const char *name;
                uint64_t amount;
                bool enough;
        } most[QUOTA_USERS_NAMED];
        size_t n, n_enough; /* how many there are; how many of them would make room alone */
        bool suffice;       /* all of them together do */
} QuotaUsers;

typedef struct QuotaExcess {
        const char *owner;
        QuotaLimit limits[QUOTA_LIMITS_MAX];
        size_t n_limits;
        bool has_room; /* if what the owner uses went; else no VM or reservation is looked at */
        QuotaUsers vms, reservations;
} QuotaExcess;

/* False: it fits, and ret holds nothing. */
bool quota_exceeded(const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n, QuotaExcess *ret);
