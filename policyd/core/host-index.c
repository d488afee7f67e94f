/*
 * The index of hosts
 *
 * A bucket is a sorted list in blocks. Entries remember the key under which they stand, so that they are found
 * again after the host has changed.
 */

#include "policyd/core/decider.h"
#include "policyd/core/host-index.h"

void host_index_mark(Pool *pool, Host *h) {
        if (!h->index || h->index->dirty)
                return;

        h->index->dirty = true;
        ptr_array_add(&pool->index->dirty, h); /* host_index_add() made room */
}

void host_index_mark_all(Pool *pool) {
        pool->index->stale = true;
}

int host_index_add(Pool *pool, Host *h) {
        h->index = calloc(1, sizeof(struct HostIndex));
        if (!h->index)
                return -ENOMEM;

        h->index->state = _HOST_STATE_INVALID;
        return ptr_array_reserve(&pool->index->dirty, pool->objects[CLASS_HOST].n + 1);
}

/* Four bits of class, 28 of score, 32 of memory in MiB: what is cut off at the top is only compared later. */
uint64_t host_entry_rank(const HostEntry *e) {
        const uint64_t score_max = (UINT64_C(1) << 28) - 1, memory_max = UINT32_MAX;
        uint64_t score = MIN_OF(e->score, score_max), memory = MIN_OF(e->memory >> 20, memory_max);

        if (e->bucket && e->bucket->group->algorithm == ALGORITHM_BREADTH_FIRST)
                score = score_max - score;
        /* Beyond the largest score that is told apart, memory must not decide. */
        if (e->score >= score_max)
                memory = 0;
        return (uint64_t) e->class << 60 | score << 32 | (memory_max - memory);
}

int host_entry_compare(const HostEntry *a, const HostEntry *b) {
        bool most_first = a->bucket && a->bucket->group->algorithm == ALGORITHM_BREADTH_FIRST;
        int c;

        if (a->class != b->class)
                return a->class < b->class ? -1 : 1;
        if (a->score != b->score)
                return (a->score < b->score) != most_first ? -1 : 1;
        if (a->memory != b->memory)
                return a->memory > b->memory ? -1 : 1;

        c = strcmp(a->host->name_label, b->host->name_label);
        return c ?: a->host->object.key < b->host->object.key ? -1 : a->host != b->host;
}

static void entry_unplace(HostEntry *e) {
        host_list_remove(&e->bucket->hosts, e);
        e->bucket->n_by_class[e->class]--;
}

static int entry_place(HostEntry *e) {
        int r;

        r = host_list_insert(&e->bucket->hosts, e);
        if (r >= 0)
                e->bucket->n_by_class[e->class]++;
        return r;
}

static void host_uncount(const Pool *pool, Host *h) {
        struct HostIndex *index = h->index;

        if (index->state == _HOST_STATE_INVALID)
                return;

        if (index->state != HOST_ONLINE)
                pool->index->n_offline--;
        else if (!index->enabled)
                pool->index->n_disabled--;
        index->state = _HOST_STATE_INVALID;
}

static void host_count(const Pool *pool, Host *h) {
        host_uncount(pool, h);
        h->index->state = h->state;
        h->index->enabled = h->enabled;
        if (h->state != HOST_ONLINE)
                pool->index->n_offline++;
        else if (!h->enabled)
                pool->index->n_disabled++;
}

/* Before the host's object goes; after changes of names the order cannot be searched any more, so all is
 * built anew. */
void host_index_remove(Pool *pool, Host *h) {
        if (pool->index->stale)
                host_index_clear(pool);

        for (size_t i = 0; i < h->index->entries.n; i++) {
                entry_unplace(h->index->entries.items[i]);
                free(h->index->entries.items[i]);
        }
        ptr_array_done(&h->index->entries);
        fit_index_clear_host(h);
        host_uncount(pool, h);
        ptr_array_remove(&pool->index->dirty, h);
        free(h->index);
        h->index = NULL;
}

void host_index_free(Host *h) {
        if (!h->index)
                return;

        for (size_t i = 0; i < h->index->entries.n; i++)
                free(h->index->entries.items[i]);
        for (size_t i = 0; i < h->index->kinds.n; i++)
                free(h->index->kinds.items[i]);
        ptr_array_done(&h->index->entries);
        ptr_array_done(&h->index->kinds);
        free(h->index);
}

void host_index_drop_bucket(TypeCount *bucket) {
        HostCursor c = {.list = &bucket->hosts};

        for (HostEntry *e; (e = host_cursor_next(&c));) {
                ptr_array_remove(&e->host->index->entries, e);
                free(e);
        }
        host_list_done(&bucket->hosts);
        memset(bucket->n_by_class, 0, sizeof(bucket->n_by_class));
}

void host_index_clear(const Pool *pool) {
        const PtrArray *hosts = &pool->objects[CLASS_HOST], *groups = &pool->objects[CLASS_GPU_GROUP];

        for (size_t i = 0; i < groups->n; i++) {
                GpuGroup *g = groups->items[i];

                for (size_t j = 0; j < g->counts.n; j++)
                        host_index_drop_bucket(g->counts.items[j]);
                fit_index_clear_group(g);
        }

        for (size_t i = 0; i < hosts->n; i++)
                host_index_mark((Pool *) pool, hosts->items[i]);
        pool->index->stale = false;
}

TypeCount *host_index_find(const GpuGroup *g, const VgpuType *t) {
        for (size_t i = 0; i < g->counts.n; i++) {
                TypeCount *bucket = g->counts.items[i];

                if (bucket->type == t)
                        return bucket;
        }

        return NULL;
}

static uint32_t class_of_miss(const PgpuVerdict *nearest) {
        return 1 + 2 * (uint32_t) (4 - error_code_nearness(nearest->code)) + nearest->held;
}

static int entry_refresh(Host *h, TypeCount *bucket, uint64_t memory) {
        bool best_fit = bucket->group->algorithm == ALGORITHM_BEST_FIT;
        const DemandKind kind = {.group = bucket->group, .type = bucket->type, .any_score = best_fit};
        HostEntry *e = NULL, new = {.host = h, .bucket = bucket, .seen = true};
        PgpuVerdict nearest;
        uint32_t own;
        int r;

        new.score = host_score(h, &kind, NULL, &nearest, &own);
        new.memory = new.score > 0 ? memory : 0;
        if (best_fit)
                new.score = new.score > 0; /* its order of hosts is another */
        new.class = new.score > 0 ? HOST_CLASS_FITS : class_of_miss(&nearest);

        for (size_t i = 0; i < h->index->entries.n && !e; i++)
                if (((HostEntry *) h->index->entries.items[i])->bucket == bucket)
                        e = h->index->entries.items[i];

        if (e && host_entry_compare(e, &new) == 0) {
                e->seen = true;
                return 0;
        }

        if (e) {
                entry_unplace(e);
                *e = new;
                r = entry_place(e);
                if (r < 0) {
                        ptr_array_remove(&h->index->entries, e);
                        free(e);
                }
                return r;
        }

        e = calloc(1, sizeof(HostEntry));
        if (!e)
                return -ENOMEM;
        *e = new;
        r = ptr_array_reserve(&h->index->entries, 1);
        if (r >= 0)
                r = entry_place(e);
        if (r < 0) {
                free(e);
                return r;
        }
        return ptr_array_add(&h->index->entries, e);
}

static bool is_first_of_group(const Host *h, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (((Pgpu *) h->pgpus.items[j])->group == ((Pgpu *) h->pgpus.items[i])->group)
                        return false;

        return true;
}

static int host_refresh(const Pool *pool, Host *h) {
        PtrArray *entries = &h->index->entries;
        uint64_t memory = host_memory_available(h);
        int r = 0;

        host_count(pool, h);
        for (size_t i = 0; i < entries->n; i++)
                ((HostEntry *) entries->items[i])->seen = false;

        for (size_t i = 0; host_is_usable(h) && i < h->pgpus.n; i++) {
                const GpuGroup *g = ((Pgpu *) h->pgpus.items[i])->group;

                if (!g || !is_first_of_group(h, i))
                        continue;
                for (size_t j = 0; j < g->counts.n && r >= 0; j++)
                        r = entry_refresh(h, g->counts.items[j], memory);
        }

        for (size_t i = entries->n; i > 0; i--) {
                HostEntry *e = entries->items[i - 1];

                if (e->seen)
                        continue;
                entry_unplace(e);
                ptr_array_remove_at(entries, i - 1);
                free(e);
        }
        return r < 0 ? r : fit_index_refresh(h, memory);
}

int host_index_refresh(const Pool *pool) {
        struct PoolIndex *index = pool->index;
        int r;

        if (index->stale)
                host_index_clear(pool);

        while (index->dirty.n > 0) {
                Host *h = index->dirty.items[--index->dirty.n];

                h->index->dirty = false;
                r = host_refresh(pool, h);
                if (r < 0) {
                        index->stale = true;
                        return r;
                }
        }

        return 0;
}

/* Asking */

static bool index_can_tell(const AllocRequest *request) {
        const Vm *vm = request->vm;
        const Vgpu *v;

        if (vm->vgpus.n != 1 || request->only || request->reservation || request->n_avoid > 0 ||
                vm->affinity[0] || vm_spreads(vm))
                return false;

        v = vm->vgpus.items[0];
        return !v->pinned;
}

/* The counts of the hosts that have no PGPU of the group, or cannot be used, follow from the totals. */
static void ranking_count_bucket(Ranking *r, const TypeCount *bucket) {
        static const ErrorCode codes[] = {
                ERROR_PGPU_INSUFFICIENT_CAPACITY, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                ERROR_VGPU_TYPE_NOT_ENABLED, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                ERROR_HOST_OFFLINE, /* the card is no longer reported */
        };
        const struct PoolIndex *index = r->pool->index;

        r->n_hosts = r->pool->objects[CLASS_HOST].n;
        r->n_disabled = index->n_disabled;
        r->counts[ERROR_NONE] += bucket->n_by_class[HOST_CLASS_FITS];
        for (uint32_t class = 1; class < ARRAY_SIZE(bucket->n_by_class); class ++)
                r->counts[codes[(class - 1) / 2]] += bucket->n_by_class[class];
        r->counts[ERROR_HOST_OFFLINE] += (uint32_t) (index->n_offline + index->n_disabled);
        r->counts[ERROR_VM_REQUIRES_VGPU] +=
                (uint32_t) (r->n_hosts - index->n_offline - index->n_disabled - bucket->hosts.n);
}

/* The best, and the runners-up. In a tier hosts stand by memory: behind one that is short of it nobody has
 * more. */
static int ranking_add_fitting(Ranking *r, const TypeCount *bucket) {
        HostCursor cursor = {.list = &bucket->hosts};
        bool short_of_memory = false;
        uint64_t score = 0;
        size_t n_found = 0;

        for (const HostEntry *e; n_found <= ALLOC_RUNNERS_UP && (e = host_cursor_next(&cursor));) {
                if (e->class != HOST_CLASS_FITS)
                        break;
                if (e->score != score)
                        short_of_memory = false;
                score = e->score;
                n_found += ranking_add_known(r, e->host, score, &short_of_memory);
        }

        return n_found > 0;
}

/* The nearest miss on a host that passes everything else. */
static int ranking_add_nearest(Ranking *r, const TypeCount *bucket) {
        HostCursor cursor = {.list = &bucket->hosts};

        for (const HostEntry *e; (e = host_cursor_next(&cursor));) {
                int error = ranking_add(r, e->host);

                if (error < 0)
                        return error;
                if (r->candidates[0].other == ERROR_NONE)
                        return 1;
                r->n = 0;
        }

        return 0;
}

int ranking_from_index(Ranking *r, const Pool *pool, const AllocRequest *request) {
        const TypeCount *bucket;
        const Vgpu *v;
        int error;

        if (!index_can_tell(request) || host_index_refresh(pool) < 0)
                return 0;

        v = request->vm->vgpus.items[0];
        bucket = host_index_find(v->group, v->type);
        if (!bucket || bucket->hosts.n == 0)
                return 0;

        error = ranking_prepare(r, pool, request, ALLOC_RUNNERS_UP + 2);
        if (error < 0)
                return error;

        ranking_count_bucket(r, bucket);
        if (bucket->n_by_class[HOST_CLASS_FITS] > 0)
                return v->group->algorithm == ALGORITHM_BEST_FIT ?
                               ranking_add_best_fitting(r, v->group, v->type) :
                               ranking_add_fitting(r, bucket);
        return ranking_add_nearest(r, bucket);
}
