/*
 * Packing a group perfectly
 *
 * Where a PGPU runs one type at a time, n VGPUs of a type need n / instances PGPUs, rounded up, of those that
 * have it enabled. t can have at most what the other types leave, so as many of those as possible are put on
 * PGPUs without t. That is a matching of types to kinds of PGPUs without t, by what is enabled there; what it
 * cannot place takes PGPUs with t.
 */

#include "policyd/advice/packing.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"

#define TYPES_MAX 64
#define KINDS_MAX 256

typedef struct Packing {
        const VgpuType *types[TYPES_MAX];
        size_t n_types;
        uint64_t n_there[TYPES_MAX]; /* instances in use or held */
        uint64_t n_need[TYPES_MAX];  /* PGPUs that they need, not yet matched */
        struct {
                uint64_t enabled; /* bit i: types[i] */
                uint64_t n_free;
        } kinds[KINDS_MAX];
        size_t n_kinds;
        uint32_t *flow;  /* of type i to kind j */
        uint64_t n_with; /* PGPUs with t */
        bool shared;     /* types may share a PGPU */
} Packing;

static bool pgpu_is_usable(const Pgpu *p) {
        return p->present && host_is_usable(p->host) && !pgpu_is_left_out(p);
}

/* Of the packing: the pool cannot move VMs that are outside it, and what is suspect is lost to some types and not to others. */
static bool stands_apart(const Pgpu *p) {
        return p->n_outsiders > 0 || p->suspect > 0;
}

static bool pgpu_can_run(const Pgpu *p, const VgpuType *t) {
        return ptr_array_contains(&p->supported, t) && pgpu_offers(p, t);
}

static uint32_t instances_of(const VgpuType *t) {
        if (t->implementation == TYPE_PASSTHROUGH)
                return 1;
        return t->size > 0 ? PGPU_SIZE / t->size : 0;
}

static size_t packing_find_type(const Packing *k, const VgpuType *t) {
        size_t i = 0;

        while (i < k->n_types && k->types[i] != t)
                i++;
        return i;
}

static void packing_count(Packing *k, const Pgpu *p) {
        for (size_t i = 0; i < p->n_uses; i++) {
                size_t t = packing_find_type(k, p->uses[i].type);

                if (t < k->n_types)
                        k->n_there[t] += p->uses[i].n_vgpus + p->uses[i].n_holds;
        }
}

static void packing_add_kind(Packing *k, const Pgpu *p) {
        uint64_t enabled = 0;
        size_t i;

        for (size_t t = 0; t < k->n_types; t++)
                if (pgpu_can_run(p, k->types[t]))
                        enabled |= UINT64_C(1) << t;

        for (i = 0; i < k->n_kinds && k->kinds[i].enabled != enabled; i++)
                ;
        if (i == KINDS_MAX)
                return; /* more kinds than anyone makes: such a PGPU is left out, and the answer is smaller */
        if (i == k->n_kinds) {
                k->kinds[i].enabled = enabled;
                k->n_kinds++;
        }
        k->kinds[i].n_free++;
}

/* Finds one more PGPU for the type: a free one of a kind that has it enabled, or one that another type can
 * exchange for a different one. */
static bool packing_augment(Packing *k, size_t type, uint64_t *seen) {
        for (size_t j = 0; j < k->n_kinds; j++)
                if ((k->kinds[j].enabled >> type & 1) && k->kinds[j].n_free > 0) {
                        k->kinds[j].n_free--;
                        k->flow[type * KINDS_MAX + j]++;
                        return true;
                }

        *seen |= UINT64_C(1) << type;
        for (size_t j = 0; j < k->n_kinds; j++)
                for (size_t other = 0; (k->kinds[j].enabled >> type & 1) && other < k->n_types; other++) {
                        if (k->flow[other * KINDS_MAX + j] == 0 || (*seen >> other & 1) ||
                                !packing_augment(k, other, seen))
                                continue;
                        k->flow[other * KINDS_MAX + j]--;
                        k->flow[type * KINDS_MAX + j]++;
                        return true;
                }

        return false;
}

static bool types_share(const Packing *k) {
        for (size_t i = 0; i < k->n_types; i++)
                for (size_t j = 0; j < k->n_types; j++)
                        if (i != j && type_may_join(k->types[i], k->types[j]))
                                return true;

        return false;
}

static void packing_fill(Packing *k, const GpuGroup *g, const VgpuType *t) {
        while (k->n_types < MIN_OF(g->supported.n, (size_t) TYPES_MAX)) {
                k->types[k->n_types] = g->supported.items[k->n_types];
                k->n_types++;
        }
        k->shared = types_share(k);

        for_each(const Pgpu, p, &g->pgpus) {
                if (!pgpu_is_usable(p) || stands_apart(p))
                        continue;
                packing_count(k, p);
                if (pgpu_can_run(p, t))
                        k->n_with++;
                else
                        packing_add_kind(k, p);
        }
}

/* If types may share a PGPU, only the sum of the free room counts. */
static uint64_t capacity_in_sum(const GpuGroup *g, const VgpuType *t) {
        uint64_t room = 0;

        for_each(const Pgpu, p, &g->pgpus)
                if (pgpu_is_usable(p) && pgpu_can_run(p, t))
                        room += PGPU_SIZE - MIN_OF(p->used, PGPU_SIZE);
        return t->size > 0 ? room / t->size : 0;
}

/* What stands apart is counted as it is. */
static uint64_t capacity_apart(const GpuGroup *g, const VgpuType *t) {
        uint64_t n = 0;

        for (size_t i = 0; i < g->pgpus.n; i++)
                if (stands_apart(g->pgpus.items[i]))
                        n += pgpu_capacity(g->pgpus.items[i], t);
        return n;
}

/* If hosts report different sizes of a type, they are being updated; a plan would soon be wrong. */
static bool sizes_agree(const GpuGroup *g) {
        for (size_t i = 0; i < g->supported.n; i++)
                if (((const VgpuType *) g->supported.items[i])->n_other_sizes > 0)
                        return false;

        return true;
}

uint64_t group_capacity_packed(const GpuGroup *g, const VgpuType *t, uint64_t now) {
        _cleanup_free_ uint32_t *flow = calloc((size_t) TYPES_MAX * KINDS_MAX, sizeof(uint32_t));
        uint64_t n_taken = 0, total, used;
        _cleanup_free_ Packing *k = calloc(1, sizeof(Packing));
        size_t own;

        if (!flow || !k || !sizes_agree(g))
                return now;
        k->flow = flow;
        packing_fill(k, g, t);
        own = packing_find_type(k, t);
        if (own == k->n_types)
                return now;
        if (k->shared && t->implementation != TYPE_PASSTHROUGH)
                return MAX_OF(now, capacity_in_sum(g, t));

        for (size_t i = 0; i < k->n_types; i++) {
                uint32_t per_pgpu = instances_of(k->types[i]);
                uint64_t need = i == own || per_pgpu == 0 ? 0 : (k->n_there[i] + per_pgpu - 1) / per_pgpu,
                         seen = 0;

                while (need > 0 && packing_augment(k, i, &seen)) {
                        need--;
                        seen = 0;
                }
                n_taken += need;
        }

        total = (k->n_with - MIN_OF(n_taken, k->n_with)) * instances_of(t);
        used = k->n_there[own];
        return MAX_OF(now, (total > used ? total - used : 0) + capacity_apart(g, t));
}

static bool types_equal(const PtrArray *a, const PtrArray *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!ptr_array_contains(b, a->items[i]))
                        return false;

        return true;
}

static bool pgpus_are_alike(const Pgpu *a, const Pgpu *b) {
        return types_equal(&a->supported, &b->supported) && types_equal(&a->enabled, &b->enabled) &&
               types_equal(&a->disabling, &b->disabling);
}

size_t group_find_empty(const GpuGroup *g, Pgpu *ret[static EMPTY_KINDS_MAX]) {
        size_t n = 0;

        for_each_while(n < EMPTY_KINDS_MAX, Pgpu, p, &g->pgpus) {
                size_t k = 0;

                if (!pgpu_is_usable(p) || pgpu_load(p) > 0 || p->suspect > 0)
                        continue;
                while (k < n && !pgpus_are_alike(ret[k], p))
                        k++;
                if (k == n)
                        ret[n++] = p;
        }

        return n;
}

uint64_t capacity_after(uint64_t now, const Pgpu *empty, const VgpuType *t, const VgpuType *of) {
        if (of == t)
                return now + (pgpu_can_run(empty, t) ? 0 : instances_of(t));
        if (type_may_join(t, of))
                return now;
        return now - pgpu_capacity(empty, of);
}
