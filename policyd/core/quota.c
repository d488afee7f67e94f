/*
 * Quotas: what an owner may use
 *
 * Asking costs the quotas of one owner and the defaults, whatever the pool is big; only a refusal looks at
 * the owner's VMs, to name those that use most.
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/core/assign.h"
#include "policyd/core/pool-internal.h"
#include "policyd/core/quota.h"
#include "policyd/core/sentence.h"
#include "policyd/core/verdict.h"

#define USERS_SHOWN 3
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

/* Of an owner's VMs or reservations, those that use most; for one of the two limits. */
typedef struct Users {
        const QuotaVerdict *verdict;
        bool by_size;
        uint64_t missing;
        struct {
                const char *name;
                uint64_t amount;
        } most[USERS_SHOWN];
        size_t n, n_enough; /* how many there are; how many of them would make room alone */
} Users;

static void users_add(Users *u, const char *name, uint64_t amount) {
        size_t at = MIN_OF(u->n, (size_t) USERS_SHOWN);

        if (amount == 0)
                return;

        u->n++;
        u->n_enough += amount >= u->missing;
        while (at > 0 && u->most[at - 1].amount < amount) {
                if (at < USERS_SHOWN)
                        u->most[at] = u->most[at - 1];
                at--;
        }
        if (at < USERS_SHOWN) {
                u->most[at].name = name;
                u->most[at].amount = amount;
        }
}

static uint64_t amount_of(const Users *u, const GpuGroup *g, uint64_t n, const VgpuType *t) {
        if (u->verdict->quota->group && u->verdict->quota->group != g)
                return 0;
        return u->by_size ? n * type_units(t) : n;
}

static void users_add_vms(Users *u, const Owner *o) {
        for (size_t i = 0; i < o->vms.n && u->n < USERS_COUNTED; i++) {
                const Vm *vm = o->vms.items[i];
                uint64_t amount = 0;

                if (!vm->scheduled_on && !vm->resident_on)
                        continue;

                for (size_t j = 0; j < vm->vgpus.n; j++) {
                        const Vgpu *v = vm->vgpus.items[j];

                        if (v->scheduled_on || v->resident_on)
                                amount += amount_of(u, v->group, 1, v->type);
                }
                users_add(u, vm->name_label, amount);
        }
}

static void users_add_reservations(Users *u, const Owner *o) {
        for (size_t i = 0; i < o->reservations.n && u->n < USERS_COUNTED; i++) {
                const Reservation *r = o->reservations.items[i];

                users_add(u, r->name_label, amount_of(u, r->group, r->holds.n, r->type));
        }
}

/* "2", "0.25": PGPUs to three digits. */
static void sentence_amount(StrBuf *b, uint64_t amount, bool by_size) {
        uint64_t thousandths = (amount % PGPU_SIZE * 1000 + PGPU_SIZE / 2) / PGPU_SIZE;
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

static const char *noun_of(uint64_t amount, bool by_size) {
        if (by_size)
                return amount == PGPU_SIZE ? "PGPU" : "PGPUs";
        return amount == 1 ? "VGPU" : "VGPUs";
}

/* "Shut down one of its VMs 'a' (2) and 'b' (1)". */
static void sentence_users(StrBuf *b, const Users *u, const char *act, const char *kind) {
        size_t n = u->n_enough > 0 ? u->n_enough : u->n, shown = MIN_OF(n, (size_t) USERS_SHOWN);
        const char *which = u->n_enough > 0 ? "one of its" : "some of its";

        strbuf_addf(b, "%s %s %s%s ", act, n == 1 ? "its" : which, kind, PLURAL(n));
        for (size_t i = 0; i < shown; i++) {
                strbuf_addf(b, "%s'%s' (", list_separator(i, n), u->most[i].name);
                sentence_amount(b, u->most[i].amount, u->by_size);
                strbuf_add(b, ")");
        }
        if (u->n >= USERS_COUNTED)
                strbuf_add(b, " and many more");
        else if (shown < n)
                strbuf_addf(b, " and %zu more", n - shown);
}

static void sentence_remedies(StrBuf *b, const QuotaVerdict *v, const Owner *o, bool by_size) {
        uint64_t need = by_size ? v->size_need : v->vgpus_need, used = by_size ? v->used.size : v->used.vgpus;
        uint64_t max = by_size ? v->quota->size_max : v->quota->vgpus_max;
        Users vms = {.verdict = v, .by_size = by_size, .missing = used + need - max}, reservations = vms;

        if (need <= max && o) {
                users_add_vms(&vms, o);
                users_add_reservations(&reservations, o);
        }
        if (vms.n > 0) {
                sentence_users(b, &vms, "Shut down", "VM");
                strbuf_add(b, ", or ");
        }
        if (reservations.n > 0) {
                sentence_users(b, &reservations, vms.n > 0 ? "destroy" : "Destroy", "reservation");
                strbuf_add(b, ", or ");
        }
        strbuf_addf(b, "%s quota %s to ", vms.n + reservations.n > 0 ? "raise" : "Raise",
                UUID_TEXT(&v->quota->object.id));
        sentence_amount(b, used + need, by_size);
        strbuf_addf(b, " %s.", noun_of(used + need, by_size));
}

static int refuse_quota(
        const char *what, const char *owner, const Owner *o, const QuotaVerdict *v, Refusal *ret) {
        const Quota *q = v->quota;
        bool by_size = !is_over(v->used.vgpus, v->vgpus_need, q->vgpus_max);
        uint64_t max = by_size ? q->size_max : q->vgpus_max;
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%s: owner '%s'%s may use ", what, owner,
                streq(q->owner, OWNER_ANY) ? ", like every owner without a quota of its own," : "");
        sentence_amount(&b, max, by_size);
        strbuf_addf(&b, " %s", noun_of(max, by_size));
        if (q->group)
                strbuf_addf(&b, " in GPU group '%s'", q->group->name_label);
        else
                strbuf_add(&b, " in all GPU groups together");
        strbuf_add(&b, " and uses ");
        sentence_amount(&b, by_size ? v->used.size : v->used.vgpus, by_size);
        strbuf_add(&b, "; this needs ");
        sentence_amount(&b, by_size ? v->size_need : v->vgpus_need, by_size);
        strbuf_add(&b, ". ");
        sentence_remedies(&b, v, o, by_size);
        return refusal_take(ret, ERROR_QUOTA_EXCEEDED, &b);
}

static bool first_exceeded(
        const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n, QuotaVerdict *ret) {
        for (size_t at = 0; quota_next(pool, owner, needs, n, &at, ret);)
                if (ret->exceeded)
                        return true;

        return false;
}

int quota_check(const Pool *pool, const char *what, const char *owner, const QuotaNeed *needs, size_t n,
        Refusal *ret) {
        QuotaVerdict v;

        if (!first_exceeded(pool, owner, needs, n, &v))
                return 0;
        return refuse_quota(what, owner, pool_find_owner(pool, owner), &v, ret);
}

int quota_check_start(const Pool *pool, const AllocRequest *request, Pgpu *const *pgpus, Refusal *ret) {
        QuotaNeed needs[DEMAND_VGPUS_MAX];
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *what = NULL;
        const Vm *vm = request->vm;
        QuotaVerdict v;

        size_t n;

        if (!vm->owned_by || pool->objects[CLASS_QUOTA].n == 0)
                return 0;
        n = quota_vm_needs(vm, request->reservation, pgpus, needs);
        if (!first_exceeded(pool, vm->owner, needs, n, &v))
                return 0;

        strbuf_addf(&b, "VM '%s' cannot start", vm->name_label);
        what = strbuf_take(&b);
        return what ? refuse_quota(what, vm->owner, vm->owned_by, &v, ret) : -ENOMEM;
}
