/*
 * Remaining capacity
 *
 * XenServer's five steps for one PGPU and one type, first failure wins; before them, that the host can be
 * used at all. What a start's own reservation holds there counts as free, but only for VGPUs of the
 * reservation's type.
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"

bool type_may_join(const VgpuType *running, const VgpuType *joining) {
        return joining->identifier[0] && strv_contains(running->compatible_on_pgpu, joining->identifier);
}

ErrorCode host_usable_code(const Host *h) {
        if (h->state != HOST_ONLINE)
                return ERROR_HOST_OFFLINE;
        return h->enabled ? ERROR_NONE : ERROR_HOST_DISABLED;
}

bool pgpu_offers(const Pgpu *p, const VgpuType *t) {
        return ptr_array_contains(&p->enabled, t) && !ptr_array_contains(&p->disabling, t);
}

static bool list_is(const PtrArray *a, const PtrArray *b) {
        return a->items == b->items && a->n == b->n;
}

bool pgpus_share_lists(const Pgpu *a, const Pgpu *b) {
        return list_is(&a->supported, &b->supported) && list_is(&a->enabled, &b->enabled) && list_is(&a->disabling, &b->disabling);
}

bool pgpus_are_empty_alike(const Pgpu *a, const Pgpu *b) {
        return a->n_uses == 0 && b->n_uses == 0 && a->group == b->group && a->present == b->present && a->suspect == b->suspect &&
               a->standing == b->standing && pgpus_share_lists(a, b);
}

/* What the lists of types say. */
static ErrorCode offer_code(Offer *o, const Pgpu *p, const VgpuType *t) {
        bool known = o->like && pgpus_share_lists(o->like, p);

        o->like = p;
        if (known)
                return o->code;
        o->code = !ptr_array_contains(&p->supported, t) ? ERROR_VGPU_TYPE_NOT_SUPPORTED
                  : !pgpu_offers(p, t)                  ? ERROR_VGPU_TYPE_NOT_ENABLED
                                                        : ERROR_NONE;
        return o->code;
}

const Pgpu *host_group_pgpu(const Host *h, const GpuGroup *g) {
        for_each(const Pgpu, p, &h->pgpus)
                if (p->group == g)
                        return p;

        return NULL;
}

bool reservation_serves(const Reservation *r, const Pgpu *p, const VgpuType *t) {
        return r && r->type == t && r->group == p->group;
}

uint32_t pgpu_own_holds(const Pgpu *p, const Reservation *reservation) {
        uint32_t n = 0;

        for (size_t i = 0; reservation && i < p->holds.n; i++)
                n += p->holds.items[i] == reservation;

        return n;
}

/* A type there that does not admit the one that is to join: VMs' before reservations', the oldest type first.
 */
static bool pgpu_find_obstacle(
        const Pgpu *p, const VgpuType *t, const Reservation *own, uint32_t n_own, PgpuVerdict *v) {
        for (size_t i = 0; i < p->n_uses; i++) {
                const struct PgpuUse *u = &p->uses[i];
                bool held = u->n_vgpus + u->n_outsiders == 0;

                if (held && own && u->type == own->type && u->n_holds == n_own)
                        continue;
                if (type_may_join(u->type, t))
                        continue;
                if (v->running && (held != v->held ? held : u->type->object.key > v->running->object.key))
                        continue;
                v->running = u->type;
                v->held = held;
        }

        return v->running;
}

uint32_t pgpu_units_used(const Pgpu *p) {
        for (size_t i = 0; i < p->n_uses; i++)
                if (p->uses[i].type->implementation == TYPE_PASSTHROUGH)
                        return PGPU_SIZE;

        return p->used;
}

/* Beside `used`, of whose VGPUs n_own are held for the start. */
static uint32_t room_beside(const Pgpu *p, const VgpuType *t, uint32_t n_own, uint32_t used) {
        uint32_t size = pgpu_type_size(p, t);

        if (t->implementation == TYPE_PASSTHROUGH)
                return pgpu_load(p) == n_own && !pgpu_is_all_suspect(p);
        return size > 0 && used <= PGPU_SIZE ? (PGPU_SIZE - used) / size : 0;
}

uint32_t pgpu_room_of_enabled(const Pgpu *p, const VgpuType *t, const Reservation *reservation, uint32_t *ret_used) {
        const Reservation *own = reservation_serves(reservation, p, t) ? reservation : NULL;
        uint32_t n_own = pgpu_own_holds(p, own);
        PgpuVerdict v = {};

        if (pgpu_find_obstacle(p, t, own, n_own, &v))
                return 0;
        *ret_used = pgpu_load(p) > n_own ? pgpu_units_used(p) - n_own * pgpu_type_size(p, t) : p->suspect;
        return room_beside(p, t, n_own, *ret_used);
}

void pgpu_verdict_next(Offer *o, const Pgpu *p, const VgpuType *t, const Reservation *reservation, PgpuVerdict *ret) {
        const Reservation *own = reservation_serves(reservation, p, t) ? reservation : NULL;
        uint32_t n_own = pgpu_own_holds(p, own), size = pgpu_type_size(p, t);

        /* In place: a copy of what was just written piece by piece costs more than all else. */
        *ret = (PgpuVerdict){
                .pgpu = p,
                .size = PGPU_SIZE,
                .used = pgpu_load(p) > n_own ? pgpu_units_used(p) - n_own * size : p->suspect,
                .need = t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : size,
        };

        if (!host_is_usable(p->host))
                ret->code = host_usable_code(p->host);
        else if (!p->present)
                ret->code = ERROR_HOST_OFFLINE;
        else if ((ret->code = offer_code(o, p, t)) != ERROR_NONE)
                ;
        else if (pgpu_find_obstacle(p, t, own, n_own, ret))
                ret->code = ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE;
        else
                ret->capacity = room_beside(p, t, n_own, ret->used);

        if (ret->code == ERROR_NONE && ret->capacity == 0) {
                ret->code = ERROR_PGPU_INSUFFICIENT_CAPACITY;
                ret->held = p->holds.n > n_own;
        }
        if ((ret->capacity > 0 && pgpu_is_left_out(p)) ||
                (ret->code == ERROR_PGPU_INSUFFICIENT_CAPACITY && pgpu_is_all_suspect(p))) {
                ret->code = ERROR_PGPU_UNHEALTHY;
                ret->capacity = 0;
        }
}

void pgpu_verdict(const Pgpu *p, const VgpuType *t, const Reservation *reservation, PgpuVerdict *ret) {
        pgpu_verdict_next(&(Offer){}, p, t, reservation, ret);
}

uint32_t pgpu_capacity(const Pgpu *p, const VgpuType *t) {
        PgpuVerdict v;

        pgpu_verdict(p, t, NULL, &v);
        return v.capacity;
}

bool verdict_is_nearer(const PgpuVerdict *a, const PgpuVerdict *b) {
        if (!b->pgpu)
                return true;
        if (error_code_nearness(a->code) != error_code_nearness(b->code))
                return error_code_nearness(a->code) > error_code_nearness(b->code);

        /* Of two equal misses, the one without a reservation is nearer: it is easier to make room there. */
        return b->held && !a->held;
}

uint64_t group_capacity(const GpuGroup *g, const VgpuType *t, PgpuVerdict *ret_nearest) {
        PgpuVerdict nearest = {.code = ERROR_GPU_GROUP_CONTAINS_NO_PGPUS};
        uint64_t sum = 0;

        for (size_t i = 0; i < g->pgpus.n; i++) {
                PgpuVerdict v;

                pgpu_verdict(g->pgpus.items[i], t, NULL, &v);
                sum += v.capacity;
                if (v.code != ERROR_NONE && verdict_is_nearer(&v, &nearest))
                        nearest = v;
        }

        if (ret_nearest)
                *ret_nearest = sum > 0 ? (PgpuVerdict){} : nearest;
        return sum;
}
