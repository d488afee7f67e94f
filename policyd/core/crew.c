/*
 * Crews
 *
 * The largest VGPUs land first: they find room least easily. Who found none all the same goes first in the
 * next attempt.
 */

#include "policyd/core/crew.h"
#include "policyd/core/pool-internal.h"

#define ATTEMPTS_MAX 32

void crew_done(Crew *c) {
        pool_free(c->copy);
        free(c->items);
}

void moves_done(Moves *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->items[i].reason);
        free(m->items);
        *m = (Moves){};
}

static void forget_changes(Pool *pool) {
        for (Object *o = pool_take_changes(pool), *next; o; o = next) {
                next = o->next_changed;
                pool_forget(pool, o);
        }
}

static void lift_off(Pool *copy, Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++)
                vgpu_unplace(copy, vm->vgpus.items[i]);
        vm_unplace(copy, vm);
}

int crew_lift(Crew *c, Vm *vm) {
        Lifted *l;

        for (size_t i = 0; i < c->n; i++)
                if (c->items[i].vm == vm)
                        return 0;
        if (c->n == c->size) {
                size_t size = MAX_OF(2 * c->size, (size_t) 16);
                Lifted *items = realloc(c->items, size * sizeof(Lifted));

                if (!items)
                        return -ENOMEM;
                c->items = items;
                c->size = size;
        }

        l = &c->items[c->n++];
        *l = (Lifted){.vm = vm, .host = vm->resident_on, .counted = vm->memory_counted};
        for (size_t i = 0; i < vm->vgpus.n; i++)
                l->pgpus[i] = ((Vgpu *) vm->vgpus.items[i])->resident_on;
        if (l->counted)
                pool_set_host_memory(
                        c->copy, l->host, l->host->memory_total, l->host->memory_free + vm->memory);
        lift_off(c->copy, vm);
        pool_set_vm_power_state(c->copy, vm, POWER_HALTED);
        return 0;
}

int crew_put_back(Crew *c) {
        int r = 0;

        for (size_t i = 0; i < c->n; i++)
                lift_off(c->copy, c->items[i].vm);
        for (size_t i = 0; i < c->n && r >= 0; i++) {
                Lifted *l = &c->items[i];

                r = pool_set_vm_resident(c->copy, l->vm, l->host);
                for (size_t j = 0; j < l->vm->vgpus.n && r >= 0; j++)
                        r = pool_set_vgpu_resident(c->copy, l->vm->vgpus.items[j], l->pgpus[j]);
                pool_set_vm_power_state(c->copy, l->vm, POWER_RUNNING);
                l->vm->memory_counted = l->counted;
                if (l->counted)
                        pool_set_host_memory(c->copy, l->host, l->host->memory_total,
                                l->host->memory_free - l->vm->memory);
        }

        c->n = 0;
        forget_changes(c->copy);
        return r;
}

static uint64_t vm_largest(const Vm *vm) {
        uint64_t most = 0;

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const VgpuType *t = ((const Vgpu *) vm->vgpus.items[i])->type;

                most = MAX_OF(most, t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : (uint64_t) t->size);
        }
        return most * (DEMAND_VGPUS_MAX + 1) + vm->vgpus.n;
}

static int compare_lifted(const void *a, const void *b) {
        const Lifted *x = a, *y = b;
        uint64_t p = vm_largest(x->vm), q = vm_largest(y->vm);

        if (p != q)
                return p > q ? -1 : 1;
        return x->vm->object.key < y->vm->object.key ? -1 : x->vm != y->vm;
}

/* 1: it landed; 0: nowhere, and the reason. */
static int crew_land(Crew *c, Vm *vm, char **ret_reason) {
        const AllocRequest request = {.vm = vm, .rehearsal = true};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = allocate(c->copy, &request, NULL, &a);
        if (r < 0)
                return r;
        if (a.refusal.code != ERROR_NONE) {
                if (ret_reason)
                        *ret_reason = take_ptr(a.refusal.message);
                return 0;
        }
        r = allocation_apply(c->copy, vm, NULL, &a);
        return r < 0 ? r : 1;
}

/* One after another, until one finds nowhere when ret is NULL. Returns how many found nowhere, and the first
 * of them. */
static int crew_land_in_order(Crew *c, const Pool *pool, Moves *ret, size_t *ret_first_failed) {
        int n_failed = 0;

        if (ret) {
                *ret = (Moves){.items = calloc(c->n + 1, sizeof(Move))};
                if (!ret->items)
                        return -ENOMEM;
        }

        for (size_t i = 0; i < c->n; i++) {
                Vm *vm = c->items[i].vm;
                Move *m = ret ? &ret->items[ret->n++] : NULL;
                int r;

                if (m)
                        *m = (Move){.vm = pool_get(pool, CLASS_VM, &vm->object.id),
                                .from = pool_get(pool, CLASS_HOST, &c->items[i].host->object.id)};
                r = crew_land(c, vm, m ? &m->reason : NULL);
                if (r < 0)
                        return r;
                if (r == 0) {
                        if (n_failed++ == 0)
                                *ret_first_failed = i;
                        if (!ret)
                                break;
                        ret->n_failed++;
                        continue;
                }
                if (!m)
                        continue;
                m->to = pool_get(pool, CLASS_HOST, &vm->scheduled_on->object.id);
                if (vm->vgpus.n > 0)
                        m->pgpu = pool_get(
                                pool, CLASS_PGPU, &((Vgpu *) vm->vgpus.items[0])->scheduled_on->object.id);
        }

        return n_failed;
}

/* Who found nowhere goes first, once; false when it was first already. */
static bool crew_promote(Crew *c, size_t i) {
        Lifted l = c->items[i];

        if (l.promoted)
                return false;

        for (size_t j = 0; j < c->n; j++)
                lift_off(c->copy, c->items[j].vm);
        l.promoted = true;
        memmove(&c->items[1], &c->items[0], i * sizeof(Lifted));
        c->items[0] = l;
        return true;
}

/*
 * The largest first; and where one finds nowhere, again with that one before all others, since what the first
 * ones take may be all that it could have. ret, where it is wanted, is the attempt in which the fewest found
 * nowhere. Returns 1 when everyone landed.
 */
int crew_land_all(Crew *c, const Pool *pool, Moves *ret) {
        _cleanup_moves_ Moves best = {}, moves = {};
        size_t first_failed = 0;
        int n_failed;

        if (c->n > 1)
                qsort(c->items, c->n, sizeof(Lifted), compare_lifted);

        for (size_t attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
                n_failed = crew_land_in_order(c, pool, ret ? &moves : NULL, &first_failed);
                if (n_failed < 0)
                        return n_failed;
                if (attempt == 0 || moves.n_failed < best.n_failed) {
                        moves_done(&best);
                        best = moves;
                        moves = (Moves){};
                }
                moves_done(&moves);
                if (n_failed == 0 || !crew_promote(c, first_failed))
                        break;
        }

        if (ret) {
                *ret = best;
                best = (Moves){};
        }
        return n_failed == 0;
}
