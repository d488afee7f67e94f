#pragma once

/*
 * Quotas: what an owner may use
 *
 * A quota limits VGPUs, and size (units of PGPU_SIZE), of one owner in one GPU group or in all together. What
 * is used is what stands on PGPUs, scheduled or resident, and what the owner's reservations hold. A quota of
 * OWNER_ANY holds for every owner, each for itself, that has no quota of its own for the same group. VMs of
 * nobody have no quota. A start is checked in the same step in which it is decided and booked; what stands
 * already is never stopped.
 */

#include "policyd/decide/allocate.h"

/* What would come on top: by one VGPU of a VM, or by a reservation. */
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

/* The quotas that hold for an owner, one after another: *at is 0 at first; false after the last. */
bool quota_next(
        const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n, size_t *at, QuotaVerdict *ret);

/*
 * What a start adds: one need for each VGPU, at most DEMAND_VGPUS_MAX. What the reservation of the same owner
 * holds is in use already: with pgpus (the assignment, parallel to vm->vgpus) exactly what they take from it,
 * without as much as they could.
 */
size_t quota_vm_needs(
        const Vm *vm, const Reservation *reservation_or_null, Pgpu *const *pgpus_or_null, QuotaNeed *ret);

/* what: "VM 'cad' cannot start". Refuses with QUOTA_EXCEEDED, or leaves ret as it is; -ENOMEM. */
int quota_check(const Pool *pool, const char *what, const char *owner, const QuotaNeed *needs, size_t n,
        Refusal *ret);
int quota_check_start(
        const Pool *pool, const AllocRequest *request, Pgpu *const *pgpus_or_null, Refusal *ret);
