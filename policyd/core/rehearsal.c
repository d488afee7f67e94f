/*
 * Rehearsing
 *
 * On the copy VMs are lifted from where they run and land where allocate() puts them; afterwards, for the
 * next attempt, they are put back. The largest VGPUs land first: they find room least easily. Who found none
 * all the same goes first in the next attempt.
 */

#include "policyd/core/assign.h"
#include "policyd/core/pool-internal.h"
#include "policyd/core/rehearsal.h"

#define SETS_MAX 256
#define PGPUS_TRIED_MAX 128
#define TOLERATED_MAX 16
#define ATTEMPTS_MAX 32

/* A VM of the copy that was lifted, and what it had. */
typedef struct Lifted {
        Vm *vm;
        Host *host;
        Pgpu *pgpus[DEMAND_VGPUS_MAX];
        bool counted;
        bool promoted; /* found nowhere behind others, and was put before them */
} Lifted;

typedef struct Crew {
        Pool *copy;
        Lifted *items;
        size_t n, size;
} Crew;

static void crew_done(Crew *c) {
        pool_free(c->copy);
        free(c->items);
}

void moves_done(Moves *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->items[i].reason);
        free(m->items);
        *m = (Moves){};
}

void pgpu_plan_done(PgpuPlan *p) {
        moves_done(&p->moves);
        free(p->reason);
        *p = (PgpuPlan){};
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

static int crew_lift(Crew *c, Vm *vm) {
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

static int crew_put_back(Crew *c) {
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

/* One after another, until one finds nowhere when ret is NULL. Returns how many found nowhere, and the first of them. */
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
 * The largest first; and where one finds nowhere, again with that one before all others, since what the first ones take may be all
 * that it could have. ret, where it is wanted, is the attempt in which the fewest found nowhere. Returns 1 when everyone landed.
 */
static int crew_land_all(Crew *c, const Pool *pool, Moves *ret) {
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

/* Host failures */

static bool vm_has_group(const Vm *vm, const GpuGroup *g) {
        for (size_t i = 0; i < vm->vgpus.n; i++)
                if (((const Vgpu *) vm->vgpus.items[i])->group == g)
                        return true;

        return false;
}

/* The host goes: its running VMs (of the group, when one is given) are lifted. */
static int crew_fail_host(Crew *c, Host *h, const GpuGroup *group_or_null) {
        Vm *vms[h->vms.n + 1];
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < h->vms.n; i++) {
                Vm *vm = h->vms.items[i];

                if (vm->resident_on == h && (!group_or_null || vm_has_group(vm, group_or_null)))
                        vms[n++] = vm;
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                r = crew_lift(c, vms[i]);
        pool_set_host_state(c->copy, h, HOST_OFFLINE, "It failed in this rehearsal.");
        return r;
}

int rehearse_host_failure(const Pool *pool, const Host *h, Moves *ret) {
        _cleanup_(crew_done) Crew c = {};
        _cleanup_moves_ Moves moves = {};
        int r;

        r = pool_copy(pool, &c.copy);
        if (r >= 0)
                r = crew_fail_host(&c, pool_get(c.copy, CLASS_HOST, &h->object.id), NULL);
        if (r >= 0)
                r = crew_land_all(&c, pool, &moves);
        if (r < 0)
                return r;

        *ret = moves;
        moves = (Moves){};
        return 0;
}

static uint64_t host_use(const Host *h, const GpuGroup *g) {
        uint64_t used = 0;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];

                if (p->group == g)
                        used += p->used + p->vgpus.n; /* passthrough has no size */
        }
        return used;
}

static int compare_use(const void *a, const void *b, void *group) {
        const Host *x = *(Host *const *) a, *y = *(Host *const *) b;
        uint64_t p = host_use(x, group), q = host_use(y, group);

        if (p != q)
                return p > q ? -1 : 1;
        return strcmp(x->name_label, y->name_label);
}

/* Whether everyone lands when these hosts fail together. */
static int crew_survives(Crew *c, const GpuGroup *g, Host *const *hosts, const size_t *chosen, size_t k) {
        int survives, r = 0;

        for (size_t i = 0; i < k && r >= 0; i++)
                r = crew_fail_host(c, hosts[chosen[i]], g);
        survives = r < 0 ? r : crew_land_all(c, /* pool= */ NULL, /* ret= */ NULL);
        for (size_t i = 0; i < k; i++)
                pool_set_host_state(c->copy, hosts[chosen[i]], HOST_ONLINE, "");
        r = crew_put_back(c);
        return r < 0 ? r : survives;
}

/* The next set of k of n, in order; false after the last. */
static bool next_set(size_t *chosen, size_t k, size_t n) {
        size_t i = k;

        while (i > 0 && chosen[i - 1] == n - k + i - 1)
                i--;
        if (i == 0)
                return false;
        chosen[i - 1]++;
        for (; i < k; i++)
                chosen[i] = chosen[i - 1] + 1;
        return true;
}

static int crew_survives_any(Crew *c, const GpuGroup *g, Host *const *hosts, size_t n, size_t k) {
        size_t chosen[TOLERATED_MAX], n_sets = 1;
        int r;

        for (size_t i = 0; i < k; i++) {
                chosen[i] = i;
                n_sets = n_sets > SETS_MAX ? n_sets : n_sets * (n - i) / (i + 1);
        }

        do
                r = crew_survives(c, g, hosts, chosen, k);
        while (r > 0 && n_sets <= SETS_MAX && next_set(chosen, k, n));
        return r;
}

int rehearse_failures_to_tolerate(const Pool *pool, const GpuGroup *g, size_t *ret) {
        _cleanup_(crew_done) Crew c = {};
        _cleanup_free_ Host **hosts = NULL;
        GpuGroup *group;
        size_t n = 0, k = 0;
        int r;

        r = pool_copy(pool, &c.copy);
        if (r < 0)
                return r;
        group = pool_get(c.copy, CLASS_GPU_GROUP, &g->object.id);
        hosts = calloc(c.copy->objects[CLASS_HOST].n + 1, sizeof(Host *));
        if (!hosts)
                return -ENOMEM;

        for (size_t i = 0; i < c.copy->objects[CLASS_HOST].n; i++) {
                Host *h = c.copy->objects[CLASS_HOST].items[i];
                bool has_group = false;

                for (size_t j = 0; j < h->pgpus.n; j++)
                        has_group |= ((Pgpu *) h->pgpus.items[j])->group == group;
                if (has_group && h->state == HOST_ONLINE)
                        hosts[n++] = h;
        }
        qsort_r(hosts, n, sizeof(Host *), compare_use, group);

        for (; k + 1 < n && k < TOLERATED_MAX; k++) {
                r = crew_survives_any(&c, group, hosts, n, k + 1);
                if (r <= 0)
                        break;
        }
        if (r < 0)
                return r;

        *ret = k;
        return 0;
}

/* Freeing a PGPU */

typedef struct FreeCandidate {
        Pgpu *pgpu;
        size_t n_vms;
        bool enable;
} FreeCandidate;

static int compare_candidates(const void *a, const void *b) {
        const FreeCandidate *x = a, *y = b;

        if (x->n_vms != y->n_vms)
                return x->n_vms < y->n_vms ? -1 : 1;
        if (x->enable != y->enable)
                return x->enable ? 1 : -1;
        return pgpu_compare(x->pgpu, y->pgpu);
}

/* Distinct VMs on p; SIZE_MAX when one of them does not run yet, or something is held there. */
static size_t pgpu_count_vms(const Pgpu *p) {
        size_t n = 0;

        if (p->holds.n > 0)
                return SIZE_MAX;
        for (size_t i = 0; i < p->vgpus.n; i++) {
                const Vgpu *v = p->vgpus.items[i];
                bool again = false;

                if (v->resident_on != p || v->vm->resident_on != p->host || v->scheduled_on ||
                        v->vm->scheduled_on)
                        return SIZE_MAX;
                for (size_t j = 0; j < i; j++)
                        again |= ((const Vgpu *) p->vgpus.items[j])->vm == v->vm;
                n += !again;
        }
        return n;
}

static size_t list_candidates(const GpuGroup *g, const VgpuType *t, FreeCandidate *ret) {
        size_t n = 0;

        for (size_t i = 0; i < g->pgpus.n; i++) {
                Pgpu *p = g->pgpus.items[i];
                size_t n_vms = pgpu_count_vms(p);

                if (p->present && p->host->state == HOST_ONLINE && p->host->enabled && n_vms != SIZE_MAX &&
                        ptr_array_contains(&p->supported, t))
                        ret[n++] = (FreeCandidate){
                                .pgpu = p, .n_vms = n_vms, .enable = !ptr_array_contains(&p->enabled, t)};
        }

        qsort(ret, n, sizeof(FreeCandidate), compare_candidates);
        return MIN_OF(n, (size_t) PGPUS_TRIED_MAX);
}

/* 1 and the moves: all VMs of the PGPU find room elsewhere. */
static int crew_empty_pgpu(Crew *c, const Pool *pool, Pgpu *p, Moves *ret) {
        Vgpu *vgpus[p->vgpus.n + 1];
        size_t n = p->vgpus.n;
        int landed, r = 0;

        for (size_t i = 0; i < n; i++)
                vgpus[i] = p->vgpus.items[i];
        for (size_t i = 0; i < n && r >= 0; i++)
                r = crew_lift(c, vgpus[i]->vm);
        pool_set_pgpu_present(c->copy, p, false);
        landed = r < 0 ? r : crew_land_all(c, pool, ret);
        pool_set_pgpu_present(c->copy, p, true);
        r = crew_put_back(c);
        return r < 0 ? r : landed;
}

int rehearse_free_pgpu(const Pool *pool, const GpuGroup *g, const VgpuType *t, PgpuPlan *ret) {
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
        _cleanup_free_ FreeCandidate *candidates = NULL;
        _cleanup_(crew_done) Crew c = {};
        size_t n;
        int r;

        r = pool_copy(pool, &c.copy);
        if (r < 0)
                return r;
        candidates = calloc(g->pgpus.n + 1, sizeof(FreeCandidate));
        if (!candidates)
                return -ENOMEM;

        n = list_candidates(pool_get(c.copy, CLASS_GPU_GROUP, &g->object.id),
                pool_get(c.copy, CLASS_VGPU_TYPE, &t->object.id), candidates);
        for (size_t i = 0; i < n && !plan.pgpu; i++) {
                moves_done(&plan.moves);
                r = crew_empty_pgpu(&c, pool, candidates[i].pgpu, &plan.moves);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                plan.pgpu = pool_get(pool, CLASS_PGPU, &candidates[i].pgpu->object.id);
                plan.enable = candidates[i].enable;
        }

        if (!plan.pgpu) {
                for (size_t i = 0; i < plan.moves.n && !plan.reason; i++)
                        plan.reason = take_ptr(plan.moves.items[i].reason);
                moves_done(&plan.moves);
        }
        *ret = plan;
        plan = (PgpuPlan){};
        return 0;
}
