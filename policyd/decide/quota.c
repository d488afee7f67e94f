/*
 * Quotas: what an owner may use
 *
 * Asking costs the quotas of one owner and the defaults, whatever the pool is big; only a refusal looks at
 * the owner's VMs, to name those that use most.
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/decide/assign.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/quota.h"
#include "policyd/words/sentence.h"
#include "policyd/decide/verdict.h"

#define USERS_SHOWN 3
#define LIMITS_MAX (2 * (DEMAND_VGPUS_MAX + 1)) /* one for each group and one for all, of both kinds */
#define USERS_COUNTED 1024 /* a sentence is not worth the time of a decision */

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

/* The sentence */

/* A limit that would be exceeded. */
typedef struct Limit {
        const Quota *quota;
        bool by_size;
        uint64_t used, need, max;
} Limit;

typedef struct Limits {
        Limit items[LIMITS_MAX];
        size_t n;
} Limits;

static void limits_add(Limits *l, const Quota *q, bool by_size, uint64_t used, uint64_t need, uint64_t max) {
        if (is_over(used, need, max) && l->n < LIMITS_MAX)
                l->items[l->n++] =
                        (Limit){.quota = q, .by_size = by_size, .used = used, .need = need, .max = max};
}

static void limits_find(
        Limits *l, const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n_needs) {
        QuotaVerdict v;

        l->n = 0;
        for (size_t at = 0; quota_next(pool, owner, needs, n_needs, &at, &v);) {
                limits_add(l, v.quota, false, v.used.vgpus, v.vgpus_need, v.quota->vgpus_max);
                limits_add(l, v.quota, true, v.used.size, v.size_need, v.quota->size_max);
        }
}

/*
 * Of an owner's VMs or reservations, those that use most of the first limit. With several limits others use
 * none of the first; what counts is whether one alone, or all together, make room under each.
 */
typedef struct Users {
        const Limits *limits;
        uint64_t freed[LIMITS_MAX]; /* by all of them */
        struct {
                const char *name;
                uint64_t amount;
                bool enough;
        } most[USERS_SHOWN];
        size_t n, n_enough; /* how many there are; how many of them would make room alone */
} Users;

static uint64_t limit_missing(const Limit *l) {
        return l->used + l->need - l->max;
}

static uint64_t amount_of(const Limit *l, const GpuGroup *g, uint64_t n, const VgpuType *t) {
        if (l->quota->group && l->quota->group != g)
                return 0;
        return l->by_size ? n * type_units(t) : n;
}

static void users_add(Users *u, const char *name, const uint64_t amounts[]) {
        size_t at = MIN_OF(u->n, (size_t) USERS_SHOWN);
        bool enough = true, any = false;

        for (size_t i = 0; i < u->limits->n; i++) {
                any |= amounts[i] > 0;
                enough &= amounts[i] >= limit_missing(&u->limits->items[i]);
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
                if (at < USERS_SHOWN)
                        u->most[at] = u->most[at - 1];
        }
        if (at < USERS_SHOWN) {
                u->most[at].name = name;
                u->most[at].amount = amounts[0];
                u->most[at].enough = enough;
        }
}

static bool users_suffice(const Users *u) {
        for (size_t i = 0; i < u->limits->n; i++)
                if (u->freed[i] < limit_missing(&u->limits->items[i]))
                        return u->n >= USERS_COUNTED; /* the others are many */

        return true;
}

static void users_add_vms(Users *u, const Owner *o) {
        for (size_t i = 0; i < o->vms.n && u->n < USERS_COUNTED; i++) {
                const Vm *vm = o->vms.items[i];
                uint64_t amounts[LIMITS_MAX] = {};

                if (!vm->scheduled_on && !vm->resident_on)
                        continue;

                for (size_t j = 0; j < vm->vgpus.n; j++) {
                        const Vgpu *v = vm->vgpus.items[j];

                        for (size_t k = 0; k < u->limits->n && (v->scheduled_on || v->resident_on); k++)
                                amounts[k] += amount_of(&u->limits->items[k], v->group, 1, v->type);
                }
                users_add(u, vm->name_label, amounts);
        }
}

static void users_add_reservations(Users *u, const Owner *o) {
        for (size_t i = 0; i < o->reservations.n && u->n < USERS_COUNTED; i++) {
                const Reservation *r = o->reservations.items[i];
                uint64_t amounts[LIMITS_MAX] = {};

                for (size_t k = 0; k < u->limits->n; k++)
                        amounts[k] = amount_of(&u->limits->items[k], r->group, r->holds.n, r->type);
                users_add(u, r->name_label, amounts);
        }
}

/* "2", "0.25": PGPUs to three digits; what has to suffice is rounded up. */
static void sentence_rounded(StrBuf *b, uint64_t amount, bool by_size, uint64_t round) {
        uint64_t thousandths = (amount % PGPU_SIZE * 1000 + round) / PGPU_SIZE;
        uint64_t whole = amount / PGPU_SIZE + thousandths / 1000;
        int digits = 3;

        if (!by_size) {
                strbuf_addf(b, "%" PRIu64, amount);
                return;
        }

        strbuf_addf(b, "%" PRIu64, whole);
        thousandths %= 1000;
        if (thousandths == 0)
                return;
        for (; thousandths % 10 == 0; digits--)
                thousandths /= 10;
        strbuf_addf(b, ".%0*" PRIu64, digits, thousandths);
}

static void sentence_amount(StrBuf *b, uint64_t amount, bool by_size) {
        sentence_rounded(b, amount, by_size, PGPU_SIZE / 2);
}

static const char *noun_of(uint64_t amount, bool by_size) {
        if (by_size)
                return amount == PGPU_SIZE ? "PGPU" : "PGPUs";
        return amount == 1 ? "VGPU" : "VGPUs";
}

/* "Shut down one of its VMs 'a' (2) and 'b' (1)". With several limits one number would not tell. */
static void sentence_users(StrBuf *b, const Users *u, const char *act, const char *kind) {
        size_t n = u->n_enough > 0 ? u->n_enough : u->n, shown = MIN_OF(n, (size_t) USERS_SHOWN);
        const char *which = u->n_enough > 0 ? "one of its" : "some of its";

        strbuf_addf(b, "%s%s %s%s ", act, n == 1 ? "its" : which, kind, PLURAL(n));
        for (size_t i = 0; i < shown; i++) {
                strbuf_addf(b, "%s'%s'", list_separator(i, n), u->most[i].name);
                if (u->limits->n > 1)
                        continue;
                strbuf_add(b, " (");
                sentence_amount(b, u->most[i].amount, u->limits->items[0].by_size);
                strbuf_add(b, ")");
        }
        if (u->n >= USERS_COUNTED)
                strbuf_add(b, " and many more");
        else if (shown < n)
                strbuf_addf(b, " and %zu more", n - shown);
}

/* Who could make room: VMs or reservations, whichever suffice, or both where neither does alone. */
static bool sentence_room(StrBuf *b, const Limits *l, const Owner *o) {
        Users vms = {.limits = l}, reservations = {.limits = l};
        bool by_vms, by_reservations;

        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].need > l->items[i].max)
                        return false;
        if (!o)
                return false;

        users_add_vms(&vms, o);
        users_add_reservations(&reservations, o);
        by_vms = users_suffice(&vms);
        by_reservations = users_suffice(&reservations);
        if (by_vms || !by_reservations)
                sentence_users(b, &vms, "Shut down ", "VM");
        if (by_vms == by_reservations)
                strbuf_add(b, by_vms ? ", or destroy " : " and destroy ");
        if (by_reservations || !by_vms)
                sentence_users(b, &reservations, by_vms == by_reservations ? "" : "Destroy ", "reservation");
        return true;
}

static void sentence_remedies(StrBuf *b, const Limits *limits, const Owner *o) {
        bool room = sentence_room(b, limits, o);

        strbuf_add(b, room ? ", or raise " : "Raise ");
        for (size_t i = 0; i < limits->n; i++) {
                const Limit *l = &limits->items[i];
                uint64_t max = l->used + l->need;

                strbuf_addf(b, "%squota %s to ", list_separator(i, limits->n), UUID_TEXT(&l->quota->object.id));
                sentence_rounded(b, max, l->by_size, PGPU_SIZE - 1);
                strbuf_addf(b, " %s", noun_of(max, l->by_size));
        }
        strbuf_add(b, ".");
}

/* "may use 2 VGPUs in GPU group 'K1' and uses 2; this needs 1. " */
static void sentence_limit(StrBuf *b, const Limit *l) {
        const Quota *q = l->quota;

        strbuf_add(b, "may use ");
        sentence_amount(b, l->max, l->by_size);
        strbuf_addf(b, " %s", noun_of(l->max, l->by_size));
        if (q->group)
                strbuf_addf(b, " in GPU group '%s'", q->group->name_label);
        else
                strbuf_add(b, " in all GPU groups together");
        strbuf_add(b, " and uses ");
        sentence_amount(b, l->used, l->by_size);
        strbuf_add(b, "; this needs ");
        sentence_amount(b, l->need, l->by_size);
        strbuf_add(b, ". ");
}

static int refuse_quota(
        const char *what, const char *owner, const Owner *o, const Limits *limits, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%s: owner '%s'%s ", what, owner,
                streq(limits->items[0].quota->owner, OWNER_ANY)
                        ? ", like every owner without a quota of its own,"
                        : "");
        for (size_t i = 0; i < limits->n; i++) {
                strbuf_add(&b, i > 0 ? "It " : "");
                sentence_limit(&b, &limits->items[i]);
        }
        sentence_remedies(&b, limits, o);
        return refusal_take(ret, ERROR_QUOTA_EXCEEDED, &b);
}

int quota_check(const Pool *pool, const char *what, const char *owner, const QuotaNeed *needs, size_t n,
        Refusal *ret) {
        Limits limits;

        limits_find(&limits, pool, owner, needs, n);
        return limits.n > 0 ? refuse_quota(what, owner, pool_find_owner(pool, owner), &limits, ret) : 0;
}

int quota_check_start(const Pool *pool, const AllocRequest *request, Pgpu *const *pgpus, Refusal *ret) {
        QuotaNeed needs[DEMAND_VGPUS_MAX];
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *what = NULL;
        const Vm *vm = request->vm;
        Limits limits;
        size_t n;

        if (!vm->owned_by || pool->objects[CLASS_QUOTA].n == 0)
                return 0;
        n = quota_vm_needs(vm, request->reservation, pgpus, needs);
        limits_find(&limits, pool, vm->owner, needs, n);
        if (limits.n == 0)
                return 0;

        strbuf_addf(&b, "VM '%s' cannot start", vm->name_label);
        what = strbuf_take(&b);
        return what ? refuse_quota(what, vm->owner, vm->owned_by, &limits, ret) : -ENOMEM;
}
