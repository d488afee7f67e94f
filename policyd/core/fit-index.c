/*
 * The index of best-fit
 *
 * What a placement strands changes with every request, since each changes the types' shares of demand; so no
 * order of hosts by it can be kept. But PGPUs of one kind, with the same types enabled, the same types
 * running and the same room, always strand alike, and there are few kinds, however many PGPUs. For each kind
 * the hosts that have one stand by free memory and name. A decision scores the kinds, and then goes through
 * the hosts of the best one; kinds of equal score are one tier and are gone through together.
 */

#include "policyd/core/decider.h"
#include "policyd/core/host-index.h"

/* What makes a kind, as two numbers: a sum over the sets, which have no order, of each member's mark. */
typedef struct KindMark {
        uint64_t words[2];
} KindMark;

enum { MARK_SUPPORTED = 1, MARK_ENABLED, MARK_DISABLING, MARK_RUNNING, MARK_HELD, MARK_USED };

static uint64_t mix(uint64_t z) {
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static void mark_add(KindMark *m, uint64_t role, uint64_t value) {
        uint64_t z = value * 8 + role;

        m->words[0] += mix(z + UINT64_C(0x9e3779b97f4a7c15));
        m->words[1] += mix(z ^ UINT64_C(0x6a09e667f3bcc909));
}

static void mark_types(KindMark *m, uint64_t role, const PtrArray *types) {
        for (size_t i = 0; i < types->n; i++)
                mark_add(m, role, ((const VgpuType *) types->items[i])->object.key);
}

/* Each type that runs there, or is held there, counts once; most PGPUs run one. */
static void mark_in_use(KindMark *m, const Pgpu *p) {
        for (size_t i = 0; i < p->vgpus.n; i++) {
                const VgpuType *t = ((const Vgpu *) p->vgpus.items[i])->type;
                bool again = false;

                for (size_t j = i; j > 0 && !again; j--)
                        again = ((const Vgpu *) p->vgpus.items[j - 1])->type == t;
                if (!again)
                        mark_add(m, MARK_RUNNING, t->object.key);
        }

        for (size_t i = 0; i < p->holds.n; i++) {
                const VgpuType *t = ((const Reservation *) p->holds.items[i])->type;
                bool again = false;

                for (size_t j = i; j > 0 && !again; j--)
                        again = ((const Reservation *) p->holds.items[j - 1])->type == t;
                if (!again)
                        mark_add(m, MARK_HELD, t->object.key);
        }
}

static KindMark pgpu_mark(const Pgpu *p) {
        KindMark m = {};

        mark_add(&m, MARK_USED, p->used);
        mark_types(&m, MARK_SUPPORTED, &p->supported);
        mark_types(&m, MARK_ENABLED, &p->enabled);
        mark_types(&m, MARK_DISABLING, &p->disabling);
        mark_in_use(&m, p);
        return m;
}

struct PgpuKind {
        KindMark mark;
        GpuGroup *group;
        HostList hosts; /* never empty: the last host takes the kind with it */
};

static PgpuKind *group_find_kind(const GpuGroup *g, const KindMark *m) {
        for (size_t i = 0; i < g->kinds.n; i++) {
                PgpuKind *k = g->kinds.items[i];

                if (memcmp(&k->mark, m, sizeof(*m)) == 0)
                        return k;
        }

        return NULL;
}

static void kind_drop_if_empty(PgpuKind *k) {
        if (k->hosts.n > 0)
                return;

        ptr_array_remove(&k->group->kinds, k);
        host_list_done(&k->hosts);
        free(k);
}

static int kind_take(GpuGroup *g, const KindMark *m, PgpuKind **ret) {
        PgpuKind *k = group_find_kind(g, m);
        int r = 0;

        if (!k) {
                k = calloc(1, sizeof(PgpuKind));
                r = k ? ptr_array_add(&g->kinds, k) : -ENOMEM;
                if (r < 0) {
                        free(k);
                        return r;
                }
                k->mark = *m;
                k->group = g;
        }

        *ret = k;
        return 0;
}

static int fit_index_add(Host *h, Pgpu *p, PgpuKind *k, uint64_t memory) {
        HostEntry *e = calloc(1, sizeof(HostEntry));
        int r;

        if (!e)
                return -ENOMEM;
        *e = (HostEntry){.host = h, .kind = k, .pgpu = p, .memory = memory, .seen = true};
        r = ptr_array_reserve(&h->index->kinds, 1);
        if (r >= 0)
                r = host_list_insert(&k->hosts, e);
        if (r < 0) {
                free(e);
                return r;
        }
        return ptr_array_add(&h->index->kinds, e);
}

static void fit_index_drop(Host *h, size_t at) {
        HostEntry *e = h->index->kinds.items[at];
        PgpuKind *k = e->kind;

        host_list_remove(&k->hosts, e);
        ptr_array_remove_at(&h->index->kinds, at);
        free(e);
        kind_drop_if_empty(k);
}

void fit_index_clear_host(Host *h) {
        while (h->index->kinds.n > 0)
                fit_index_drop(h, h->index->kinds.n - 1);
        ptr_array_done(&h->index->kinds);
}

void fit_index_clear_group(GpuGroup *g) {
        for (size_t i = g->kinds.n; i > 0; i--) {
                PgpuKind *k = g->kinds.items[i - 1];
                HostCursor c = {.list = &k->hosts};

                for (HostEntry *e; (e = host_cursor_next(&c));) {
                        ptr_array_remove(&e->host->index->kinds, e);
                        free(e);
                }
                host_list_done(&k->hosts);
                free(k);
        }
        ptr_array_done(&g->kinds);
}

void fit_index_free_group(GpuGroup *g) {
        for (size_t i = 0; i < g->kinds.n; i++) {
                PgpuKind *k = g->kinds.items[i];

                host_list_done(&k->hosts);
                free(k);
        }
        ptr_array_done(&g->kinds);
}

static int host_keep_kind(Host *h, Pgpu *p, uint64_t memory) {
        PtrArray *entries = &h->index->kinds;
        KindMark m = pgpu_mark(p);
        PgpuKind *k;
        int r;

        for (size_t i = 0; i < entries->n; i++) {
                HostEntry *e = entries->items[i];

                if (e->kind->group != p->group || memcmp(&e->kind->mark, &m, sizeof(m)) != 0)
                        continue;
                if (!e->seen)
                        e->pgpu = p;
                e->seen = true;
                return 0;
        }

        r = kind_take(p->group, &m, &k);
        if (r < 0)
                return r;
        r = fit_index_add(h, p, k, memory);
        if (r < 0)
                kind_drop_if_empty(k);
        return r;
}

int fit_index_refresh(Host *h, uint64_t memory) {
        PtrArray *entries = &h->index->kinds;
        int r = 0;

        /* Other memory is another place in every list. */
        for (size_t i = entries->n; i > 0; i--) {
                HostEntry *e = entries->items[i - 1];

                e->seen = false;
                if (e->memory != memory)
                        fit_index_drop(h, i - 1);
        }

        for (size_t i = 0; host_is_usable(h) && i < h->pgpus.n && r >= 0; i++) {
                Pgpu *p = h->pgpus.items[i];

                if (p->group && p->group->algorithm == ALGORITHM_BEST_FIT && p->present)
                        r = host_keep_kind(h, p, memory);
        }

        for (size_t i = entries->n; i > 0; i--)
                if (!((HostEntry *) entries->items[i - 1])->seen)
                        fit_index_drop(h, i - 1);
        return r;
}

/* Asking: the kinds that take the type, by what they strand */

typedef struct Front {
        uint64_t score;
        HostCursor cursor;
        const HostEntry *head; /* the next host; NULL: no more */
} Front;

static int compare_fronts(const void *a, const void *b) {
        const Front *x = a, *y = b;

        return x->score < y->score ? -1 : x->score > y->score;
}

static size_t score_kinds(const GpuGroup *g, const VgpuType *t, Front *ret) {
        size_t n = 0;

        for (size_t i = 0; i < g->kinds.n; i++) {
                const PgpuKind *k = g->kinds.items[i];
                Front f = {.cursor = {.list = &k->hosts}};
                PgpuVerdict v;

                f.head = host_cursor_next(&f.cursor);
                pgpu_verdict(f.head->pgpu, t, NULL, &v);
                if (v.capacity == 0)
                        continue;
                f.score = pgpu_fit_score(f.head->pgpu, t, NULL, v.capacity);
                ret[n++] = f;
        }

        qsort(ret, n, sizeof(Front), compare_fronts);
        return n;
}

/* The next host of a tier; one that stands in several of its lists, or stood in a better tier, comes once. */
static const HostEntry *tier_next(Front *fronts, size_t n, uint64_t visit) {
        for (;;) {
                const HostEntry *e;
                Front *first = NULL;

                for (size_t i = 0; i < n; i++)
                        if (fronts[i].head && (!first || host_entry_compare(fronts[i].head, first->head) < 0))
                                first = &fronts[i];
                if (!first)
                        return NULL;

                e = first->head;
                first->head = host_cursor_next(&first->cursor);
                if (e->host->index->visit == visit)
                        continue;
                e->host->index->visit = visit;
                return e;
        }
}

int ranking_add_best_fitting(Ranking *r, const GpuGroup *g, const VgpuType *t) {
        _cleanup_free_ Front *fronts = calloc(g->kinds.n + 1, sizeof(Front));
        uint64_t visit = ++r->pool->index->visit;
        size_t n, n_found = 0;

        if (!fronts)
                return -ENOMEM;

        n = score_kinds(g, t, fronts);
        for (size_t i = 0, end; i < n && n_found <= ALLOC_RUNNERS_UP; i = end) {
                bool short_of_memory = false;
                const HostEntry *e;

                for (end = i; end < n && fronts[end].score == fronts[i].score; end++)
                        ;
                while (n_found <= ALLOC_RUNNERS_UP && (e = tier_next(fronts + i, end - i, visit)))
                        n_found += ranking_add_known(r, e->host, fronts[i].score, &short_of_memory);
        }

        return n_found > 0;
}
