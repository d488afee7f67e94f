/*
 * Reservations: capacity held for a time, without a VM
 */

#include "policyd/service/objects/policy-private.h"

#include <inttypes.h>

#include "policyd/service/base/object-log.h"
#include "policyd/words/decision-words.h"

#define SECONDS_MAX UINT64_C(315360000) /* ten years */
#define COUNT_MAX 10000                 /* its record, which names each, is written again with every use */

static int check(const char *name, uint32_t count, uint64_t seconds, Refusal *refusal) {
        int r;

        r = check_label("A reservation", name, refusal);
        if (r != 0)
                return r;
        if (count == 0)
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "A reservation of 0 VGPUs holds nothing; give a count of at least 1.");
        if (seconds == 0 || seconds > SECONDS_MAX)
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "A reservation lasts 1 to %" PRIu64 " seconds, not %" PRIu64 ".", SECONDS_MAX,
                        seconds);
        return 0;
}

/* Asked once there is room for so many. */
static int check_count(const GpuGroup *group, const VgpuType *type, uint32_t count, Refusal *refusal) {
        if (count <= COUNT_MAX || group_capacity(group, type, NULL) < count)
                return 0;
        return refuse(refusal, ERROR_LIMIT_REACHED,
                "A reservation holds at most %d VGPUs, not %" PRIu32 ". Make several.", COUNT_MAX, count);
}

/* Held instances count as used, so a reservation cannot get around a quota. */
static int check_quota(Policy *p, const char *name, const GpuGroup *group, const VgpuType *type,
        uint32_t count, const char *owner, Refusal *refusal) {
        QuotaNeed need = {.group = group, .vgpus = count, .size = (uint64_t) count * type_units(type)};
        QuotaExcess excess;

        if (!quota_exceeded(p->batch.pool, owner, &need, 1, &excess))
                return 0;
        return refuse_quota("Reservation", name, "cannot be made", &excess, refusal);
}

static int find_holds(Policy *p, const GpuGroup *group, const VgpuType *type, uint32_t count, Pgpu ***ret,
        Refusal *refusal) {
        HoldsDenial denial;
        int r;

        r = allocate_holds(p->batch.pool, group, type, count, ret, &denial);
        return r < 0 || denial.code == ERROR_NONE ? r : refuse_holds(group, type, count, &denial, refusal);
}

int reservations_create(Policy *p, const char *name, GpuGroup *group, VgpuType *type, uint32_t count,
        uint64_t seconds, const char *owner, Reservation **ret, Refusal *refusal) {
        _cleanup_free_ Pgpu **pgpus = NULL;
        Reservation *v;
        Uuid id;
        int r;

        r = check(name, count, seconds, refusal);
        r = r ?: check_owner(owner, refusal);
        r = r ?: refused(check_quota(p, name, group, type, count, owner, refusal), refusal);
        r = r ?: check_limit(&p->batch, CLASS_RESERVATION, 1, refusal);
        r = r ?: check_count(group, type, count, refusal);
        r = r ?: refused(find_holds(p, group, type, count, &pgpus, refusal), refusal);
        r = r ?: batch_new_uuid(&p->batch, &id);
        r = r ?: pool_add_reservation(p->batch.pool, &id, 0, name, group, type, count, &v);
        if (r != 0)
                return decided(r);
        batch_open(&p->batch);
        v->lasts = seconds * UINT64_C(1000000);
        v->expires = batch_date(&p->batch) + v->lasts;
        r = pool_set_reservation_owner(p->batch.pool, v, owner);
        for (uint32_t i = 0; i < count && r == 0; i++)
                r = pool_hold(p->batch.pool, v, pgpus[i]);
        if (r < 0)
                return decided(batch_poison(&p->batch, r));
        *ret = v;
        return 0;
}

static void collect_absent(Policy *p) {
        const PtrArray *hosts = &p->batch.pool->objects[CLASS_HOST];

        for_each(Host, h, hosts)
                takeover_collect_absent(&p->hosts, h);
        types_collect(&p->hosts);
}

int reservations_destroy(Policy *p, Reservation *v, Refusal *refusal) {
        object_remove(&p->batch, &v->object);
        collect_absent(p);
        return 0;
}

uint64_t reservations_next_expiry(const Policy *p) {
        const PtrArray *all = &p->batch.pool->objects[CLASS_RESERVATION];
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < all->n; i++)
                next = MIN_OF(next, ((Reservation *) all->items[i])->expires);
        return next;
}

/* A reservation that would last longer from now than its duration was made while the clock was ahead; the clock was set back
 * since. */
static void bound_by_duration(Policy *p, uint64_t now) {
        for_each_while(now > 0, Reservation, v, &p->batch.pool->objects[CLASS_RESERVATION]) {
                if (v->lasts == 0 || v->expires == UINT64_MAX || v->expires <= now || v->expires - now <= v->lasts)
                        continue;
                log_notice("The clock was set back: reservation %s, made for %" PRIu64 " s, expires in as many from now.",
                        v->name_label, v->lasts / UINT64_C(1000000));
                v->expires = now + v->lasts;
                batch_open(&p->batch);
                pool_touch(p->batch.pool, &v->object, RESERVATION_EXPIRES, /* store= */ true);
        }
}

void reservations_expire(Policy *p) {
        const PtrArray *all = &p->batch.pool->objects[CLASS_RESERVATION];
        uint64_t now = batch_date(&p->batch);
        bool any = false;

        bound_by_duration(p, now);
        for (size_t i = all->n; i > 0; i--) {
                Reservation *v = all->items[i - 1];

                if (v->expires > now)
                        continue;
                log_own_change(v, "Reservation %s expired with %zu of %u instance%s unused.", v->name_label,
                        v->holds.n, v->count, PLURAL(v->count));
                object_remove(&p->batch, &v->object);
                any = true;
        }
        if (any)
                collect_absent(p);
}
