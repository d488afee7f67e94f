/*
 * Quotas: what an owner may use
 *
 * A check looks at the quotas of one owner and the defaults only, however large the pool is; only a refusal
 * looks at the owner's VMs, to name those that use most.
 */

#include "policyd/decide/quota.h"
#include "policyd/decide/verdict.h"
#include "policyd/pool/pool-internal.h"

static const Quota *quota_for(const Owner *o, const GpuGroup *g) {
        for (size_t i = 0; o && i < o->quotas.n; i++) {
                const Quota *q = o->quotas.items[i];

                if (q->group == g)
                        return q;
        }

        return NULL;
}

static bool is_over(uint64_t used, uint64_t need, uint64_t max) {
        return need > 0 && (used > max || need > max - used);
}

static void quota_judge(const Quota *q, const Owner *o, const QuotaNeed *needs, size_t n, QuotaVerdict *ret) {
        *ret = (QuotaVerdict){.quota = q, .used = owner_use(o, q->group)};

        for (size_t i = 0; i < n; i++)
                if (!q->group || q->group == needs[i].group) {
                        ret->vgpus_need += needs[i].vgpus;
                        ret->size_need += needs[i].size;
                }

        ret->exceeded = is_over(ret->used.vgpus, ret->vgpus_need, q->vgpus_max) ||
                        is_over(ret->used.size, ret->size_need, q->size_max);
}

bool quota_next(const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n, size_t *at,
        QuotaVerdict *ret) {
        const Owner *o, *any;
        size_t n_own;

        if (isempty(owner) || pool->objects[CLASS_QUOTA].n == 0)
                return false;

        o = pool_find_owner(pool, owner);
        any = streq(owner, OWNER_ANY) ? NULL : pool_find_owner(pool, OWNER_ANY);
        n_own = o ? o->quotas.n : 0;

        for (; *at < n_own + (any ? any->quotas.n : 0); ++*at) {
                const Quota *q = *at < n_own ? o->quotas.items[*at] : any->quotas.items[*at - n_own];

                if (*at >= n_own && quota_for(o, q->group))
                        continue;
                quota_judge(q, o, needs, n, ret);
                ++*at;
                return true;
        }

        return false;
}

/* Whether the i-th VGPU would take what the reservation holds; n_taken: how many before it do. */
static bool takes_hold(const Vm *vm, size_t i, const Reservation *r, Pgpu *const *pgpus, size_t n_taken) {
        const Vgpu *v = vm->vgpus.items[i];
        size_t n_before = 0;

        if (!pgpus)
                return v->type == r->type && v->group == r->group && n_taken < r->holds.n;
        if (!reservation_serves(r, pgpus[i], v->type))
                return false;

        for (size_t j = 0; j < i; j++)
                n_before += pgpus[j] == pgpus[i] && ((Vgpu *) vm->vgpus.items[j])->type == v->type;
        return n_before < pgpu_own_holds(pgpus[i], r);
}

size_t quota_vm_needs(const Vm *vm, const Reservation *reservation, Pgpu *const *pgpus, QuotaNeed *ret) {
        const Reservation *own = reservation && reservation->owned_by == vm->owned_by ? reservation : NULL;
        size_t n_taken = 0;

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                ret[i] = (QuotaNeed){.group = v->group, .vgpus = 1, .size = type_units(v->type)};
                if (own && takes_hold(vm, i, own, pgpus, n_taken)) {
                        ret[i].vgpus = ret[i].size = 0;
                        n_taken++;
                }
        }

        return vm->vgpus.n;
}

/* What is exceeded, and who could make room */

static void excess_add(
        QuotaExcess *e, const Quota *q, bool by_size, uint64_t used, uint64_t need, uint64_t max) {
        if (is_over(used, need, max) && e->n_limits < QUOTA_LIMITS_MAX)
                e->limits[e->n_limits++] =
                        (QuotaLimit){.quota = q, .by_size = by_size, .used = used, .need = need, .max = max};
}

static uint64_t limit_missing(const QuotaLimit *l) {
        return l->used + l->need - l->max;
}

static uint64_t amount_of(const QuotaLimit *l, const GpuGroup *g, uint64_t n, const VgpuType *t) {
        if (l->quota->group && l->quota->group != g)
                return 0;
        return l->by_size ? n * type_units(t) : n;
}

static void users_add(const QuotaExcess *e, QuotaUsers *u, const char *name, const uint64_t amounts[]) {
        size_t at = MIN_OF(u->n, (size_t) QUOTA_USERS_NAMED);
        bool enough = true, any = false;

        for (size_t i = 0; i < e->n_limits; i++) {
                any |= amounts[i] > 0;
                enough &= amounts[i] >= limit_missing(&e->limits[i]);
                u->freed[i] += amounts[i];
        }
        if (!any)
                return;

        u->n++;
        u->n_enough += enough;
        for (; at > 0; at--) {
                if (u->most[at - 1].enough > enough ||
                        (u->most[at - 1].enough == enough && u->most[at - 1].amount >= amounts[0]))
                        break;
                if (at < QUOTA_USERS_NAMED)
                        u->most[at] = u->most[at - 1];
        }
        if (at < QUOTA_USERS_NAMED) {
                u->most[at].name = name;
                u->most[at].amount = amounts[0];
                u->most[at].enough = enough;
        }
}

static void users_judge(const QuotaExcess *e, QuotaUsers *u) {
        u->suffice = true;
        for (size_t i = 0; i < e->n_limits; i++)
                if (u->freed[i] < limit_missing(&e->limits[i]))
                        u->suffice = u->n >= QUOTA_USERS_COUNTED; /* the others are many */
}

static void find_vms(QuotaExcess *e, const Owner *o) {
        for_each_while(e->vms.n < QUOTA_USERS_COUNTED, const Vm, vm, &o->vms) {
                uint64_t amounts[QUOTA_LIMITS_MAX] = {};

                if (!vm->scheduled_on && !vm->resident_on)
                        continue;

                for_each(const Vgpu, v, &vm->vgpus)
                        for (size_t k = 0; k < e->n_limits && (v->scheduled_on || v->resident_on); k++)
                                amounts[k] += amount_of(&e->limits[k], v->group, 1, v->type);
                users_add(e, &e->vms, vm->name_label, amounts);
        }
        users_judge(e, &e->vms);
}

static void find_reservations(QuotaExcess *e, const Owner *o) {
        for_each_while(e->reservations.n < QUOTA_USERS_COUNTED, const Reservation, r, &o->reservations) {
                uint64_t amounts[QUOTA_LIMITS_MAX] = {};

                for (size_t k = 0; k < e->n_limits; k++)
                        amounts[k] = amount_of(&e->limits[k], r->group, r->holds.n, r->type);
                users_add(e, &e->reservations, r->name_label, amounts);
        }
        users_judge(e, &e->reservations);
}

bool quota_exceeded(const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n, QuotaExcess *ret) {
        const Owner *o;
        QuotaVerdict v;

        ret->n_limits = 0;
        for (size_t at = 0; quota_next(pool, owner, needs, n, &at, &v);) {
                excess_add(ret, v.quota, false, v.used.vgpus, v.vgpus_need, v.quota->vgpus_max);
                excess_add(ret, v.quota, true, v.used.size, v.size_need, v.quota->size_max);
        }
        if (ret->n_limits == 0)
                return false;

        o = pool_find_owner(pool, owner);
        ret->owner = owner;
        ret->has_room = o;
        ret->vms = ret->reservations = (QuotaUsers){};
        for (size_t i = 0; i < ret->n_limits; i++)
                ret->has_room &= ret->limits[i].need <= ret->limits[i].max;
        if (ret->has_room) {
                find_vms(ret, o);
                find_reservations(ret, o);
        }
        return true;
}
