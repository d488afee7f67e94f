/*
 * The index of hosts
 *
 * Marking, building and refreshing. Whoever changes a PGPU's configuration or a host's facts marks the host;
 * a VGPU that comes or goes marks its PGPU only, so that a refresh after it reads that PGPU and the host's
 * row, and nothing else that has long left the processor's caches.
 */

#include "policyd/pool/host-index.h"
#include "policyd/decide/host-order.h"
#include "policyd/decide/verdict.h"

#define FETCHED_MAX 8

/* Marking */

static void index_mark(Pool *pool, Host *h) {
        if (h->index->dirty)
                return;

        h->index->dirty = true;
        ptr_array_add(&pool->index->dirty, h); /* host_index_add() made room */
}

static void index_mark_all_of(Pool *pool, Host *h) {
        if (!h->index)
                return;

        h->index->all = h->index->memory = true;
        index_mark(pool, h);
}

/* Whether a suspect PGPU is left out hangs on what there is beside it. */
void host_index_mark(Pool *pool, Host *h) {
        for (size_t i = 0; i < pool->uneven.n; i++)
                index_mark_all_of(pool, pool->uneven.items[i]);
        index_mark_all_of(pool, h);
}

void host_index_mark_memory(Pool *pool, Host *h) {
        if (!h->index)
                return;

        h->index->memory = true;
        index_mark(pool, h);
}

void host_index_mark_pgpu(Pool *pool, Pgpu *p) {
        struct HostIndex *i = p->host->index;

        if (!i)
                return;

        /* Before the host is marked as a whole for the first time, slots mean nothing yet. */
        if (p->slot < 64)
                i->pgpus |= UINT64_C(1) << p->slot;
        else
                i->all = true;
        index_mark(pool, p->host);
}

void host_index_mark_all(Pool *pool) {
        pool->index->stale = true;
}

void host_index_book(Pool *pool, Host *h, Vm *vm) {
        vm->booked = vm->memory_counted ? 0 : vm->memory;
        if (h->index) {
                h->index->booked += vm->booked;
                index_mark(pool, h);
        }
}

void host_index_unbook(Pool *pool, Host *h, Vm *vm) {
        if (h->index) {
                h->index->booked -= MIN_OF(h->index->booked, vm->booked);
                index_mark(pool, h);
        }
}

int host_index_add(Pool *pool, Host *h) {
        h->index = calloc(1, sizeof(struct HostIndex));
        if (!h->index)
                return -ENOMEM;

        h->index->state = _HOST_STATE_INVALID;
        h->index->at = PLACE_NONE;
        h->index->all = h->index->memory = true;
        host_index_mark_all(pool); /* it has no place yet */
        return ptr_array_reserve(&pool->index->dirty, pool->objects[CLASS_HOST].n + 1);
}

void host_index_remove(Pool *pool, Host *h) {
        ptr_array_remove(&pool->index->dirty, h);
        free(h->index);
        h->index = NULL;
        host_index_mark_all(pool);
}

void host_index_free(Host *h) {
        free(h->index);
}

/* Kinds and facts */

static uint64_t mix(uint64_t z) {
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

enum {
        MARK_SUPPORTED = 1,
        MARK_ENABLED,
        MARK_DISABLING,
        MARK_RUNNING,
        MARK_HELD,
        MARK_USED,
        MARK_GROUP,
        MARK_ABSENT,
        MARK_LEFT_OUT,
        MARK_SIZE,
        MARK_NETWORK,
        MARK_STORAGE,
        MARK_FLAGS,
        _MARK_MAX,
};

static void mark_add(Mark *m, uint64_t role, uint64_t value) {
        uint64_t z = value * _MARK_MAX + role;

        m->words[0] += mix(z + UINT64_C(0x9e3779b97f4a7c15));
        m->words[1] += mix(z ^ UINT64_C(0x6a09e667f3bcc909));
}

static void mark_add_types(Mark *m, uint64_t role, const PtrArray *types) {
        for (size_t i = 0; i < types->n; i++)
                mark_add(m, role, ((const VgpuType *) types->items[i])->object.key);
}

/* Where hosts do not agree on how much of a PGPU a type takes, PGPUs that look alike are not. */
static void mark_add_sizes(Mark *m, const Pgpu *p) {
        for (size_t i = 0; i < p->supported.n; i++) {
                const VgpuType *t = p->supported.items[i];

                if (t->n_other_sizes > 0)
                        mark_add(m, MARK_SIZE,
                                t->object.key * (2 * (uint64_t) PGPU_SIZE) + pgpu_type_size(p, t));
        }
}

static Mark pgpu_config_mark(const Pgpu *p) {
        Mark m = {};

        if (p->group)
                mark_add(&m, MARK_GROUP, p->group->object.key);
        if (!p->present)
                mark_add(&m, MARK_ABSENT, 0);
        if (pgpu_is_left_out(p))
                mark_add(&m, MARK_LEFT_OUT, 0);
        mark_add_types(&m, MARK_SUPPORTED, &p->supported);
        mark_add_types(&m, MARK_ENABLED, &p->enabled);
        mark_add_types(&m, MARK_DISABLING, &p->disabling);
        mark_add_sizes(&m, p);
        return m;
}

static Mark pgpu_mark(const Pgpu *p) {
        Mark m = {.words = {p->config_mark[0], p->config_mark[1]}};

        mark_add(&m, MARK_USED, p->used);
        for (size_t i = 0; i < p->n_uses; i++) {
                if (p->uses[i].n_vgpus + p->uses[i].n_outsiders > 0)
                        mark_add(&m, MARK_RUNNING, p->uses[i].type->object.key);
                if (p->uses[i].n_holds > 0)
                        mark_add(&m, MARK_HELD, p->uses[i].type->object.key);
        }
        return m;
}

static bool marks_equal(const Mark *a, const Mark *b) {
        return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

/* Makes room for one more element of size; doubling. */
static int grow(void **items, size_t n, size_t *size, size_t element) {
        size_t new_size = MAX_OF(2 * *size, (size_t) 16);
        void *new_items;

        if (n < *size)
                return 0;

        new_items = realloc(*items, new_size * element);
        if (!new_items)
                return -ENOMEM;

        *items = new_items;
        *size = new_size;
        return 0;
}

/* Where the mark stands in the table, or would stand. */
static size_t kind_slot(const struct PoolIndex *index, const Mark *m) {
        size_t i = m->words[0] & (index->kind_table_size - 1);

        while (index->kind_table[i] != 0 && !marks_equal(&index->kinds[index->kind_table[i] - 1].mark, m))
                i = (i + 1) & (index->kind_table_size - 1);
        return i;
}

static int kind_table_grow(struct PoolIndex *index) {
        size_t size = MAX_OF(2 * index->kind_table_size, (size_t) 64);
        uint32_t *table;

        if (2 * index->n_kinds < index->kind_table_size)
                return 0;

        table = calloc(size, sizeof(uint32_t));
        if (!table)
                return -ENOMEM;
        free(index->kind_table);
        index->kind_table = table;
        index->kind_table_size = size;
        for (size_t i = 0; i < index->n_kinds; i++)
                table[kind_slot(index, &index->kinds[i].mark)] = (uint32_t) i + 1;
        return 0;
}

static int index_find_kind(struct PoolIndex *index, const Pgpu *p, uint32_t *ret) {
        size_t slot;
        Mark m;

        if (!p->group) {
                *ret = KIND_NONE;
                return 0;
        }

        if (kind_table_grow(index) < 0 ||
                grow((void **) &index->kinds, index->n_kinds, &index->kinds_size, sizeof(PgpuKind)) < 0)
                return -ENOMEM;

        m = pgpu_mark(p);
        slot = kind_slot(index, &m);
        if (index->kind_table[slot] == 0) {
                index->kinds[index->n_kinds++] = (PgpuKind){.mark = m, .group = p->group};
                index->kind_table[slot] = (uint32_t) index->n_kinds;
        }
        *ret = index->kind_table[slot] - 1;
        return 0;
}

static void mark_add_texts(Mark *m, uint64_t role, char *const *texts) {
        for (; texts && *texts; texts++) {
                uint64_t h = UINT64_C(0xcbf29ce484222325);

                for (const char *c = *texts; *c; c++)
                        h = mix(h ^ (uint8_t) *c) * UINT64_C(0x100000001b3);
                mark_add(m, role, h);
        }
}

static int index_find_facts(struct PoolIndex *index, const Host *h, uint32_t *ret) {
        Mark m = {};
        int r;

        mark_add_texts(&m, MARK_NETWORK, h->networks);
        mark_add_texts(&m, MARK_STORAGE, h->storage);
        mark_add(&m, MARK_FLAGS, (uint64_t) h->iommu << 1 | h->hvm);
        for (size_t i = 0; i < index->n_facts; i++)
                if (marks_equal(&index->facts[i], &m)) {
                        *ret = (uint32_t) i;
                        return 0;
                }

        r = grow((void **) &index->facts, index->n_facts, &index->facts_size, sizeof(Mark));
        if (r < 0)
                return r;
        index->facts[index->n_facts] = m;
        *ret = (uint32_t) index->n_facts++;
        return 0;
}

/* Refreshing */

static void row_done(HostRow *row) {
        if (row->n_kinds > ROW_KINDS)
                free(row->kinds.many);
        row->n_kinds = 0;
}

static bool row_has_kind(const HostRow *row, uint32_t kind) {
        const uint32_t *kinds = row_kinds(row);

        for (size_t i = 0; i < row->n_kinds; i++)
                if (kinds[i] == kind)
                        return true;

        return false;
}

static bool kind_is_searched(const struct PoolIndex *index, uint32_t kind) {
        return kind != KIND_NONE && index->kinds[kind].group->algorithm == ALGORITHM_BEST_FIT;
}

static int row_set_kind(struct PoolIndex *index, uint32_t at, size_t i, uint32_t kind, bool *changed) {
        HostRow *row = &index->rows[at];
        uint32_t *place = (uint32_t *) row_kinds(row) + i, old = *place;

        if (old == kind)
                return 0;

        *changed = true;
        if (kind_is_searched(index, kind) && !host_set_has(&index->kinds[kind].hosts, at) &&
                host_set_add(&index->kinds[kind].hosts, at, &index->memory) < 0)
                return -ENOMEM;
        *place = kind;
        if (kind_is_searched(index, old) && !row_has_kind(row, old))
                host_set_remove(&index->kinds[old].hosts, at, &index->memory);
        return 0;
}

/* The host has more memory than the sets it is in know. */
static void row_raise(struct PoolIndex *index, uint32_t at) {
        const HostRow *row = &index->rows[at];

        for (size_t i = 0; i < row->n_kinds; i++)
                if (kind_is_searched(index, row_kinds(row)[i]))
                        host_set_raise(&index->kinds[row_kinds(row)[i]].hosts, at, &index->memory);
}

/* As many PGPUs as the host has now; their kinds are looked up after. */
static int row_resize(struct PoolIndex *index, uint32_t at, size_t n) {
        HostRow *row = &index->rows[at];
        uint32_t *many = NULL;
        bool changed;

        if (n > UINT16_MAX)
                return -ENOMEM;
        if (n > ROW_KINDS) {
                many = malloc(n * sizeof(uint32_t));
                if (!many)
                        return -ENOMEM;
        }

        for (size_t i = 0; i < row->n_kinds; i++)
                (void) row_set_kind(index, at, i, KIND_NONE, &changed);
        row_done(row);
        row->n_kinds = (uint16_t) n;
        if (many)
                row->kinds.many = many;
        for (size_t i = 0; i < n; i++)
                ((uint32_t *) row_kinds(row))[i] = KIND_NONE;
        return 0;
}

/* A host that cannot be used counts as one with PGPUs of no kind: so the kinds' hosts are usable ones. */
static int row_refresh_pgpu(struct PoolIndex *index, Host *h, size_t k, bool *changed) {
        uint32_t kind = KIND_NONE;
        int r = 0;

        if (host_is_usable(h))
                r = index_find_kind(index, h->pgpus.items[k], &kind);
        return r < 0 ? r : row_set_kind(index, h->index->at, k, kind, changed);
}

static int row_refresh_pgpus(struct PoolIndex *index, Host *h, bool *changed) {
        struct HostIndex *i = h->index;
        int r = 0;

        if (i->all) {
                if (index->rows[i->at].n_kinds != h->pgpus.n)
                        r = row_resize(index, i->at, h->pgpus.n);
                for (size_t k = 0; k < h->pgpus.n && r >= 0; k++) {
                        Pgpu *p = h->pgpus.items[k];
                        Mark m = pgpu_config_mark(p);

                        p->slot = (uint32_t) k;
                        memcpy(p->config_mark, m.words, sizeof(m.words));
                        r = row_refresh_pgpu(index, h, k, changed);
                }
                return r;
        }

        for (uint64_t rest = i->pgpus; rest && r >= 0; rest &= rest - 1)
                r = row_refresh_pgpu(index, h, (size_t) __builtin_ctzll(rest), changed);
        return r;
}

static void host_sum_memory(Host *h) {
        h->index->booked = 0;
        for (size_t i = 0; i < h->vms.n; i++) {
                Vm *vm = h->vms.items[i];

                vm->booked = vm->memory_counted ? 0 : vm->memory;
                h->index->booked += vm->booked;
        }
}

static void host_count(struct PoolIndex *index, Host *h) {
        struct HostIndex *i = h->index;

        if (i->state != _HOST_STATE_INVALID) {
                index->n_connecting -= i->state == HOST_CONNECTING;
                index->n_offline -= i->state == HOST_OFFLINE;
                index->n_disabled -= i->state == HOST_ONLINE && !i->enabled;
        }
        i->state = h->state;
        i->enabled = h->enabled;
        index->n_connecting += i->state == HOST_CONNECTING;
        index->n_offline += i->state == HOST_OFFLINE;
        index->n_disabled += i->state == HOST_ONLINE && !i->enabled;
}

/* What a refresh will read, for several hosts in the time of one. */
static void host_fetch(const struct PoolIndex *index, const Host *h) {
        uint32_t at = h->index->at;

        __builtin_prefetch(&index->rows[at]);
        __builtin_prefetch(&index->memory.of[at]);
        __builtin_prefetch(&index->memory.of_eight[at / 8]);
        __builtin_prefetch(&h->state);
        __builtin_prefetch(&h->memory_free);
}

static int host_refresh(struct PoolIndex *index, Host *h) {
        struct HostIndex *i = h->index;
        HostRow *row = &index->rows[i->at];
        bool changed = i->all, usable = host_is_usable(h), more;
        int r = 0;

        if (i->memory)
                host_sum_memory(h);
        more = host_memory_set(&index->memory, i->at, h->memory_free - MIN_OF(h->memory_free, i->booked));
        if (i->all)
                r = index_find_facts(index, h, &row->facts);
        if (r >= 0)
                r = row_refresh_pgpus(index, h, &changed);
        if (r < 0)
                return r;

        if (more)
                row_raise(index, i->at);
        host_count(index, h);
        changed |= row->usable != usable;
        row->usable = usable;
        i->all = i->memory = false;
        i->pgpus = 0;

        if (changed || more) {
                index->log[index->log_end++ & (index->log_size - 1)] = i->at;
                row->changed = index->log_end;
                row->regrouped = changed ? index->log_end : row->regrouped;
        }
        return 0;
}

/* Building */

static void index_clear(struct PoolIndex *index) {
        for (size_t i = 0; index->rows && i < index->memory.n; i++)
                row_done(&index->rows[i]);
        for (size_t i = 0; i < index->n_kinds; i++)
                host_set_done(&index->kinds[i].hosts);
        for (size_t i = 0; i < index->orders.n; i++)
                host_order_free(index->orders.items[i]);
        for (size_t i = 0; i < ARRAY_SIZE(index->words); i++) {
                free(index->words[i]);
                index->words[i] = NULL;
        }

        host_memory_done(&index->memory);
        free(index->rows);
        free(index->log);
        index->rows = NULL;
        index->log = NULL;
        if (index->kind_table)
                memset(index->kind_table, 0, index->kind_table_size * sizeof(uint32_t));
        index->log_end = index->n_kinds = index->n_facts = index->orders.n = 0;
        index->n_connecting = index->n_offline = index->n_disabled = 0;
        index->machines = hashmap_free(index->machines);
        index->machines_unclear = false;
}

void pool_index_free(struct PoolIndex *index) {
        if (!index)
                return;

        index_clear(index);
        ptr_array_done(&index->removed);
        ptr_array_done(&index->dirty);
        ptr_array_done(&index->orders);
        free(index->kinds);
        free(index->kind_table);
        free(index->facts);
        free(index);
}

static int compare_hosts(const void *a, const void *b) {
        const HostRow *x = a, *y = b;
        int c = strcmp(x->host->name_label, y->host->name_label);

        return c ?: x->host->object.key < y->host->object.key ? -1 : 1;
}

static int index_add_machine(struct PoolIndex *index, Host *h) {
        int r;

        if (uuid_is_null(&h->host_uuid))
                return 0;

        r = hashmap_put(index->machines, &h->host_uuid, h);
        index->machines_unclear |= r == -EEXIST;
        return r == -EEXIST ? 0 : r;
}

static int index_make_room(struct PoolIndex *index, size_t n) {
        index->log_size = 64;
        while (index->log_size < 2 * n)
                index->log_size *= 2;

        if (host_memory_init(&index->memory, n) < 0)
                return -ENOMEM;
        index->rows = aligned_alloc(sizeof(HostRow), (n + 1) * sizeof(HostRow));
        if (index->rows)
                memset(index->rows, 0, (n + 1) * sizeof(HostRow));
        index->log = calloc(index->log_size, sizeof(uint32_t));
        index->machines = hashmap_new_uuid();
        for (size_t i = 0; i < ARRAY_SIZE(index->words); i++) {
                index->words[i] = host_words_new(&index->memory);
                if (!index->words[i])
                        return -ENOMEM;
        }
        return index->rows && index->log && index->machines ? 0 : -ENOMEM;
}

static int index_build(const Pool *pool) {
        const PtrArray *hosts = &pool->objects[CLASS_HOST];
        struct PoolIndex *index = pool->index;
        int r;

        index_clear(index);
        r = index_make_room(index, hosts->n);
        if (r < 0)
                return r;

        for (size_t i = 0; i < hosts->n; i++)
                index->rows[i].host = hosts->items[i];
        qsort(index->rows, hosts->n, sizeof(HostRow), compare_hosts);
        for (size_t i = 0; i < hosts->n && r >= 0; i++) {
                Host *h = index->rows[i].host;

                h->index->at = (uint32_t) i;
                h->index->state = _HOST_STATE_INVALID;
                host_index_mark((Pool *) pool, h);
                r = index_add_machine(index, h);
        }
        return r;
}

/* Kinds that no PGPU is of any more stay, since most come back; but not for ever. */
static bool index_has_old_kinds(const struct PoolIndex *index) {
        return index->n_kinds > 1024 + 2 * index->n_kinds_built;
}

int host_index_refresh(const Pool *pool) {
        struct PoolIndex *index = pool->index;
        bool build = index->stale || index_has_old_kinds(index);
        int r = 0;

        if (build)
                r = index_build(pool);
        if (r >= 0)
                index->stale = false;

        for (size_t i = index->dirty.n; r >= 0 && i > 0 && index->dirty.n - i < FETCHED_MAX; i--)
                host_fetch(index, index->dirty.items[i - 1]);
        while (r >= 0 && index->dirty.n > 0) {
                Host *h = index->dirty.items[index->dirty.n - 1];

                r = host_refresh(index, h);
                if (r < 0)
                        break;
                h->index->dirty = false;
                index->dirty.n--;
        }

        if (build)
                index->n_kinds_built = index->n_kinds;
        index->stale |= r < 0;
        return r;
}
