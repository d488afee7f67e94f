/*
 * Hosts in the order in which a start would try them
 *
 * A plain demand is answered out of one table, with a cell for each kind of PGPU; a cell is worked out at the
 * first PGPU of its kind. Any other demand asks the host itself, with the same functions that a look at every
 * host uses; so it costs more to make the order, and little to keep it.
 */

#include "policyd/decide/host-order.h"
#include "policyd/decide/decider.h"

#define ORDERS_MAX 128  /* the one that was not asked for longest goes */
#define KINDS_IN_RANK 4 /* so many scores go into a rank */
#define TIERS_MAX 4096
#define FETCHED_MAX 16 /* so many lines are under way at a time */

static void order_clear(HostOrder *o) {
        for (size_t i = 0; i < o->n_cells; i++)
                free(o->cells[i].losses);
        for (size_t i = 0; i < o->n_tiers; i++)
                host_set_done(&o->tiers[i].hosts);
        free(o->cells);
        free(o->tiers);
        free(o->sorted);
        free(o->tier_of);
}

HostOrder *host_order_free(HostOrder *o) {
        if (o)
                order_clear(o);
        free(o);
        return NULL;
}

/* Ranks */

static unsigned rank_bits(const HostOrder *o) {
        return 62 / (unsigned) MAX_OF(o->demand.n_kinds, (size_t) 1);
}

static bool kind_wants_most(const DemandKind *k) {
        return k->group->algorithm == ALGORITHM_BREADTH_FIRST;
}

static uint64_t rank_of_scores(HostOrder *o, const uint64_t *scores) {
        uint64_t most = (UINT64_C(1) << rank_bits(o)) - 1, rank = 0;

        for (size_t k = 0; k < o->demand.n_kinds && !o->best_fit; k++) {
                uint64_t score = MIN_OF(scores[k], most);

                o->inexact |= scores[k] > most;
                rank = rank << rank_bits(o) | (kind_wants_most(&o->demand.kinds[k]) ? most - score : score);
        }
        return rank;
}

void host_order_scores(const HostOrder *o, uint64_t rank, uint64_t *ret) {
        uint64_t most = (UINT64_C(1) << rank_bits(o)) - 1, scores[DEMAND_VGPUS_MAX];

        for (size_t k = o->demand.n_kinds; k > 0; k--) {
                scores[k - 1] = kind_wants_most(&o->demand.kinds[k - 1]) ? most - (rank & most) : rank & most;
                rank >>= rank_bits(o);
        }
        for (size_t i = 0; i < o->demand.n_vgpus; i++)
                ret[i] = scores[o->demand.kind_of[i]];
}

/* As verdict_is_nearer() and the choice among candidates order them. */
static uint64_t rank_of_miss(int nearness, int of_pgpu, bool held, bool no_pgpu) {
        return RANK_MISS | (uint64_t) no_pgpu << 40 | (uint64_t) (5 - nearness) << 32 |
               (uint64_t) (5 - of_pgpu) << 24 | (uint64_t) held << 16;
}

static ErrorCode miss_code(uint64_t rank) {
        static const ErrorCode codes[] = {
                ERROR_PGPU_UNHEALTHY, ERROR_PGPU_INSUFFICIENT_CAPACITY,
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE, ERROR_VGPU_TYPE_NOT_ENABLED,
                ERROR_VGPU_TYPE_NOT_SUPPORTED, ERROR_HOST_OFFLINE, /* the card is no longer reported */
        };

        return rank_has_no_pgpu(rank) ? ERROR_VM_REQUIRES_VGPU : codes[rank >> 32 & 7];
}

/* Plain demands */

static int cell_fill(Cell *c, const HostOrder *o, const DemandKind *k, const Pgpu *p) {
        PgpuLoss losses[p->enabled.n + 1];
        PgpuVerdict v;

        if (p->group != k->group) {
                *c = (Cell){.known = true, .other_group = true};
                return 0;
        }

        pgpu_verdict(p, k->type, NULL, &v);
        *c = (Cell){
                .capacity = v.capacity, .held = v.held, .nearness = (uint8_t) error_code_nearness(v.code)};
        if (o->best_fit && v.capacity > 0) {
                size_t n = pgpu_losses(p, k->type, NULL, losses);

                c->losses = calloc(n + 1, sizeof(Loss));
                if (!c->losses)
                        return -ENOMEM;
                for (size_t i = 0; i < n; i++)
                        c->losses[i] = (Loss){
                                .count = group_find_count(k->group, losses[i].type),
                                .instances = losses[i].instances,
                        };
                c->n_losses = (uint32_t) n;
        }
        c->known = true;
        return 0;
}

static int order_grow_cells(HostOrder *o, size_t n) {
        Cell *cells;

        if (n <= o->n_cells)
                return 0;

        n += n / 2;
        cells = realloc(o->cells, n * sizeof(Cell));
        if (!cells)
                return -ENOMEM;
        memset(cells + o->n_cells, 0, (n - o->n_cells) * sizeof(Cell));
        o->cells = cells;
        o->n_cells = n;
        return 0;
}

/* The sums of one host's PGPUs. */
static int order_sum(
        HostOrder *o, const DemandKind *k, const HostRow *row, uint64_t *ret_score, uint64_t *ret_room) {
        const uint32_t *kinds = row_kinds(row);
        bool alone = !(k->joins & 1);
        uint64_t score = 0, room = 0;

        for (size_t i = 0; i < row->n_kinds; i++) {
                Cell *c;

                if (kinds[i] == KIND_NONE)
                        continue;
                c = &o->cells[kinds[i]];
                if (!c->known && cell_fill(c, o, k, row->host->pgpus.items[i]) < 0)
                        return -ENOMEM;
                score += c->capacity;
                room += alone ? MIN_OF(c->capacity, 1u) : c->capacity;
        }

        *ret_score = score;
        *ret_room = room;
        return 0;
}

/* The nearest miss of a host that takes none; or, where it does not take enough, its first PGPU. */
static uint64_t rank_plain_miss(const HostOrder *o, const HostRow *row, bool takes_none) {
        const uint32_t *kinds = row_kinds(row);
        const Cell *best = NULL;

        for (size_t i = 0; i < row->n_kinds; i++) {
                const Cell *c = kinds[i] == KIND_NONE ? NULL : &o->cells[kinds[i]];

                if (!c || c->other_group || (best && !takes_none))
                        continue;
                if (!best || c->nearness > best->nearness ||
                        (c->nearness == best->nearness && !c->held && best->held))
                        best = c;
        }

        return best ? rank_of_miss(takes_none ? best->nearness : 4, best->nearness, best->held, false)
                    : rank_of_miss(0, 0, false, /* no_pgpu= */ true);
}

static int rank_plain(HostOrder *o, const Demand *d, const HostRow *row, uint64_t *ret) {
        uint64_t score = 0, room = 0;

        if (d->n_kinds > 0 && order_sum(o, &d->kinds[0], row, &score, &room) < 0)
                return -ENOMEM;

        if (d->n_kinds > 0 && (score == 0 || room < d->n_vgpus))
                *ret = rank_plain_miss(o, row, /* takes_none= */ score == 0);
        else
                *ret = rank_of_scores(o, &score);
        return 0;
}

/* Any demand */

static int rank_by_looking(HostOrder *o, const Demand *d, Assigner *a, const HostRow *row, uint64_t *ret) {
        uint64_t scores[DEMAND_VGPUS_MAX] = {}, of_kind[DEMAND_VGPUS_MAX] = {};
        Candidate c = {.host = row->host, .scores = scores};
        int r;

        r = candidate_check_gpus(&c, d, a);
        if (r < 0)
                return r;

        for (size_t i = d->n_vgpus; i > 0; i--)
                of_kind[d->kind_of[i - 1]] = scores[i - 1];
        if (c.gpu == ERROR_NONE)
                *ret = rank_of_scores(o, of_kind);
        else
                *ret = rank_of_miss(error_code_nearness(c.gpu), error_code_nearness(c.nearest.code),
                        c.nearest.held, !c.nearest.pgpu);
        return 0;
}

/* Tiers */

static int order_find_tier(HostOrder *o, uint64_t rank, uint32_t *ret) {
        size_t low = 0, high = o->n_tiers;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (o->sorted[middle].rank < rank)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low < o->n_tiers && o->sorted[low].rank == rank) {
                *ret = o->sorted[low].tier;
                return 0;
        }

        if (o->n_tiers == o->tiers_size) {
                size_t size = MAX_OF(2 * o->tiers_size, (size_t) 16);
                Tier *tiers = realloc(o->tiers, size * sizeof(Tier));
                TierPlace *sorted;

                if (!tiers)
                        return -ENOMEM;
                o->tiers = tiers;
                sorted = realloc(o->sorted, size * sizeof(TierPlace));
                if (!sorted)
                        return -ENOMEM;
                o->sorted = sorted;
                o->tiers_size = size;
        }

        o->inexact |= o->n_tiers >= TIERS_MAX;
        memmove(o->sorted + low + 1, o->sorted + low, (o->n_tiers - low) * sizeof(TierPlace));
        *ret = (uint32_t) o->n_tiers;
        o->sorted[low] = (TierPlace){.rank = rank, .tier = *ret};
        o->tiers[o->n_tiers++] = (Tier){.rank = rank};
        return 0;
}

ErrorCode host_order_reason(const HostOrder *o, uint32_t tier) {
        uint64_t rank = o->tiers[tier].rank;

        return rank & RANK_MISS ? miss_code(rank) : ERROR_NONE;
}

/* Its memory may have grown. */
static void order_raise(HostOrder *o, const struct PoolIndex *index, uint32_t at) {
        if (o->tier_of[at] != TIER_NONE)
                host_set_raise(&o->tiers[o->tier_of[at]].hosts, at, &index->memory);
}

static int order_place(
        HostOrder *o, const struct PoolIndex *index, const Demand *d, Assigner *a, uint32_t at) {
        const HostRow *row = &index->rows[at];
        uint32_t before = o->tier_of[at], tier = TIER_NONE;
        uint64_t rank = 0;
        int r;

        if (row->usable) {
                r = o->plain ? rank_plain(o, d, row, &rank) : rank_by_looking(o, d, a, row, &rank);
                if (r >= 0)
                        r = order_find_tier(o, rank, &tier);
                if (r < 0)
                        return r;
        }
        if (tier == before) {
                order_raise(o, index, at);
                return 0;
        }

        if (tier != TIER_NONE) {
                if (host_set_add(&o->tiers[tier].hosts, at, &index->memory) < 0)
                        return -ENOMEM;
                o->counts[host_order_reason(o, tier)]++;
        }
        if (before != TIER_NONE) {
                host_set_remove(&o->tiers[before].hosts, at, &index->memory);
                o->counts[host_order_reason(o, before)]--;
        }
        o->tier_of[at] = tier;
        return 0;
}

/* What catching up will read of the hosts that changed is far apart, and has left the caches long ago: asked
 * for at once, it comes in the time of one. */
static void order_fetch_changed(const HostOrder *o, const struct PoolIndex *index) {
        uint64_t end = MIN_OF(index->log_end, o->seen + FETCHED_MAX);

        for (uint64_t i = o->seen; i < end; i++) {
                uint32_t at = index->log[i & (index->log_size - 1)];

                __builtin_prefetch(&index->rows[at]);
                __builtin_prefetch(&o->tier_of[at]);
                __builtin_prefetch(&index->memory.of[at]);
        }
        for (uint64_t i = o->seen; i < end; i++) {
                uint32_t at = index->log[i & (index->log_size - 1)];

                if (o->tier_of[at] != TIER_NONE)
                        host_set_fetch(&o->tiers[o->tier_of[at]].hosts, at, &index->memory);
        }
}

/* Each host that has changed since the order was last asked is placed once. */
static int order_catch_up(HostOrder *o, const struct PoolIndex *index, const Demand *d, Assigner *a) {
        bool all = !o->built || index->log_end - o->seen > index->log_size;
        uint64_t since = o->seen;
        int r = 0;

        if (o->plain && order_grow_cells(o, index->n_kinds) < 0)
                return -ENOMEM;

        if (!all)
                order_fetch_changed(o, index);
        for (uint32_t at = 0; all && at < index->memory.n && r >= 0; at++)
                r = order_place(o, index, d, a, at);
        for (; !all && o->seen < index->log_end && r >= 0; o->seen++) {
                uint32_t at = index->log[o->seen & (index->log_size - 1)];
                const HostRow *row = &index->rows[at];

                if (row->changed != o->seen + 1)
                        continue;
                if (row->regrouped > since)
                        r = order_place(o, index, d, a, at);
                else
                        order_raise(o, index, at);
        }

        o->seen = index->log_end;
        o->built = true;
        return r;
}

/* Finding */

static const VgpuType *type_if_supported(const DemandKind *k) {
        const TypeCount *count = group_find_count(k->group, k->type);

        return count && count->n_supported > 0 ? k->type : NULL;
}

static bool kinds_equal(const DemandKind *a, const DemandKind *b) {
        return a->group == b->group && a->type == type_if_supported(b) && a->count == b->count &&
               a->pinned == b->pinned &&
               (!a->pinned || pci_address_compare(&a->pinned_pci, &b->pinned_pci) == 0);
}

static bool order_is_of(const HostOrder *o, const Demand *d) {
        if (o->demand.n_vgpus != d->n_vgpus || o->demand.n_kinds != d->n_kinds ||
                memcmp(o->demand.kind_of, d->kind_of, d->n_vgpus) != 0)
                return false;

        for (size_t k = 0; k < d->n_kinds; k++)
                if (!kinds_equal(&o->demand.kinds[k], &d->kinds[k]))
                        return false;

        return true;
}

static void drop_oldest(struct PoolIndex *index) {
        size_t oldest = 0;

        for (size_t i = 1; i < index->orders.n; i++)
                if (((HostOrder *) index->orders.items[i])->used <
                        ((HostOrder *) index->orders.items[oldest])->used)
                        oldest = i;
        host_order_free(index->orders.items[oldest]);
        ptr_array_remove_at(&index->orders, oldest);
}

static bool demand_is_plain(const Demand *d) {
        return d->n_kinds == 0 || (d->n_kinds == 1 && !d->kinds[0].pinned);
}

static int order_new(struct PoolIndex *index, const Demand *d, HostOrder **ret) {
        HostOrder *o;

        if (index->orders.n >= ORDERS_MAX)
                drop_oldest(index);
        if (ptr_array_reserve(&index->orders, 1) < 0)
                return -ENOMEM;
        o = calloc(1, sizeof(HostOrder));
        if (!o)
                return -ENOMEM;

        o->demand = *d;
        o->demand.vm = NULL;
        o->plain = demand_is_plain(d);
        for (size_t k = 0; k < d->n_kinds; k++) {
                o->demand.kinds[k].type = type_if_supported(&d->kinds[k]);
                o->best_fit |= d->kinds[k].group->algorithm == ALGORITHM_BEST_FIT;
        }
        o->tier_of = malloc((index->memory.n + 1) * sizeof(uint32_t));
        if (!o->tier_of) {
                free(o);
                return -ENOMEM;
        }
        for (size_t i = 0; i < index->memory.n; i++)
                o->tier_of[i] = TIER_NONE;

        ptr_array_add(&index->orders, o);
        *ret = o;
        return 0;
}

/* best-fit scores what all VGPUs of a start are alike in only. */
static bool demand_has_order(const Demand *d) {
        if (d->n_kinds > KINDS_IN_RANK)
                return false;
        for (size_t k = 0; k < d->n_kinds; k++)
                if (d->kinds[k].group->algorithm == ALGORITHM_BEST_FIT && !demand_is_plain(d))
                        return false;

        return true;
}

int host_order_get(const Pool *pool, const Demand *d, Assigner *a, HostOrder **ret) {
        struct PoolIndex *index = pool->index;
        HostOrder *o = NULL;
        int r = 0;

        *ret = NULL;
        if (!demand_has_order(d))
                return 0;

        for (size_t i = 0; i < index->orders.n && !o; i++)
                if (order_is_of(index->orders.items[i], d))
                        o = index->orders.items[i];
        if (!o)
                r = order_new(index, d, &o);
        if (r < 0)
                return r;

        r = order_catch_up(o, index, d, a);
        if (r < 0) {
                ptr_array_remove(&index->orders, o);
                host_order_free(o);
                return r;
        }

        o->used = ++index->orders_used;
        *ret = o->inexact ? NULL : o;
        return 0;
}

/* Asking */

static uint64_t cell_score(const Cell *c) {
        uint64_t stranding = 0;

        if (c->capacity == 0)
                return 0;

        for (size_t i = 0; i < c->n_losses; i++)
                stranding += c->losses[i].instances * c->losses[i].count->share;
        return fit_score(stranding, c->capacity);
}

void host_order_weigh(HostOrder *o) {
        const GpuGroup *g = o->demand.kinds[0].group;
        uint64_t total = 0;

        for (size_t i = 0; i < g->enabled.n; i++)
                total += ((const VgpuType *) g->enabled.items[i])->demand;
        for (size_t i = 0; i < g->counts.n; i++) {
                TypeCount *c = g->counts.items[i];

                c->share = demand_share(c->type->demand, total, g->enabled.n);
        }
        for (size_t i = 0; i < o->n_cells; i++)
                o->cells[i].score = cell_score(&o->cells[i]);
}

/* What the algorithm likes: smaller comes first. */
static uint64_t cell_rank(const HostOrder *o, const Cell *c) {
        if (o->best_fit)
                return c->score;
        return kind_wants_most(&o->demand.kinds[0]) ? PGPU_SIZE - c->capacity : c->capacity;
}

Pgpu *host_order_choose(const HostOrder *o, const struct PoolIndex *index, uint32_t at) {
        const HostRow *row = &index->rows[at];
        const uint32_t *kinds = row_kinds(row);
        uint64_t best = UINT64_MAX;
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < row->n_kinds; i++) {
                const Cell *c = kinds[i] == KIND_NONE ? NULL : &o->cells[kinds[i]];

                if (!c || c->capacity == 0 || cell_rank(o, c) >= best)
                        continue;
                best = cell_rank(o, c);
                found = i;
        }

        return row->host->pgpus.items[found];
}
