/*
 * Scores, kept between decisions
 *
 * The scores come from the same functions as those of a scan of every host (rank.c), so the two never differ;
 * this file only packs them into keys that a pass compares.
 */

#include "policyd/decide/scores.h"
#include "policyd/decide/decider.h"
#include "policyd/pool/pool-internal.h"

#define DEMANDS_MAX 128 /* beyond that all are dropped, and made again when asked for */
#define RECENT 128      /* decisions for which a demand is kept current */
#define SCORE_MOST ((UINT64_C(1) << 62) - 1)

/* Demands */

/* Each host is scored again. */
static void forget_fits(DemandScores *d) {
        for (size_t i = 0; i < d->n_fits; i++)
                free(d->fits[i].losses);
        d->n_fits = 0;
        d->current = 0;
}

static DemandScores *demand_scores_free(DemandScores *d) {
        if (!d)
                return NULL;

        forget_fits(d);
        free(d->rooms);
        free(d->masks);
        free(d->keys);
        assigner_free(d->assigner);
        free(d);
        return NULL;
}
DEFINE_CLEANUP(DemandScores *, demand_scores_free)

static int demand_scores_new(const Demand *demand, const Scores *s, DemandScores **ret) {
        _cleanup_(demand_scores_freep) DemandScores *d = calloc(1, sizeof(DemandScores));
        bool has_rooms = demand->n_vgpus == 1 && !demand->kinds[0].pinned;

        if (!d)
                return -ENOMEM;

        d->demand = *demand;
        d->demand.vm = NULL;
        d->n_keys = MAX_OF(demand->n_kinds + (demand->n_vgpus > 1), (size_t) 1);
        for (size_t k = 0; k < demand->n_kinds; k++)
                d->best_fit |= demand->kinds[k].group->algorithm == ALGORITHM_BEST_FIT;

        d->keys = calloc(s->n * d->n_keys + 1, sizeof(uint64_t));
        d->masks = d->best_fit ? calloc(s->n + 1, sizeof(uint64_t)) : NULL;
        d->rooms = has_rooms ? calloc(s->n_pgpus + 1, sizeof(Room)) : NULL;
        d->assigner = demand->n_vgpus > 1 ? assigner_new(&d->demand) : NULL;
        if (!d->keys || (d->best_fit && !d->masks) || (has_rooms && !d->rooms) || (demand->n_vgpus > 1 && !d->assigner))
                return -ENOMEM;

        *ret = take_ptr(d);
        return 0;
}

static bool kinds_equal(const DemandKind *a, const DemandKind *b) {
        return a->group == b->group && a->type == b->type && a->count == b->count && a->pinned == b->pinned &&
               (!a->pinned || pci_address_compare(&a->pinned_pci, &b->pinned_pci) == 0);
}

static bool demands_equal(const Demand *a, const Demand *b) {
        if (a->n_vgpus != b->n_vgpus || a->n_kinds != b->n_kinds ||
                memcmp(a->kind_of, b->kind_of, a->n_vgpus) != 0)
                return false;

        for (size_t k = 0; k < a->n_kinds; k++)
                if (!kinds_equal(&a->kinds[k], &b->kinds[k]))
                        return false;
        return true;
}

static void drop_demands(Scores *s) {
        for (size_t i = 0; i < s->demands.n; i++)
                demand_scores_free(s->demands.items[i]);
        s->demands.n = 0;
}

/* With best-fit, scores are kept for demands of one type only that name no PGPU. */
static bool demand_is_kept(const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++)
                if (d->kinds[k].group->algorithm == ALGORITHM_BEST_FIT &&
                        (d->n_kinds > 1 || d->kinds[k].pinned))
                        return false;
        return true;
}

/* Each type weighs what its share of the group's demand is now. */
static void weigh_fits(DemandScores *d) {
        const PtrArray *types = &d->demand.kinds[0].group->enabled;

        for (size_t i = 0; i < d->n_fits; i++)
                d->fits[i].score = fit_score(
                        losses_stranding(d->fits[i].losses, d->fits[i].n_losses, types), d->fits[i].capacity);
}

int scores_get(Scores *s, const Demand *demand, DemandScores **ret) {
        DemandScores *d = NULL;
        int r;

        *ret = NULL;
        if (!demand_is_kept(demand))
                return 0;

        for (size_t i = 0; i < s->demands.n && !d; i++)
                if (demands_equal(&((DemandScores *) s->demands.items[i])->demand, demand))
                        d = s->demands.items[i];
        if (!d) {
                if (s->demands.n >= DEMANDS_MAX)
                        drop_demands(s);
                r = ptr_array_reserve(&s->demands, 1);
                r = r < 0 ? r : demand_scores_new(demand, s, &d);
                if (r < 0)
                        return r;
                ptr_array_add(&s->demands, d);
        }

        /* When the table of fits is full, most of them are of states that no longer exist. */
        if (d->n_fits == FITS_MAX)
                forget_fits(d);
        if (d->best_fit)
                weigh_fits(d);
        *ret = d;
        return 0;
}

/* Keys */

static bool kind_wants_most(const DemandKind *k) {
        return k->group->algorithm == ALGORITHM_BREADTH_FIRST;
}

void demand_scores_of(const DemandScores *d, const uint64_t *keys, uint64_t *ret_scores) {
        for (size_t i = 0; i < d->demand.n_vgpus; i++) {
                uint64_t key = keys[d->demand.kind_of[i]];

                ret_scores[i] =
                        kind_wants_most(&d->demand.kinds[d->demand.kind_of[i]]) ? SCORE_MOST - key : key;
        }
}

uint32_t demand_spread_of(const DemandScores *d, const uint64_t *keys) {
        return d->demand.n_vgpus > 1 ? (uint32_t) keys[d->demand.n_kinds] : 0;
}

/* The key orders misses as denial.c does when it looks for the nearest among candidates. */
static uint64_t key_of_miss(const Candidate *c) {
        uint64_t farness = (uint64_t) (5 - error_code_nearness(c->gpu)),
                 of_pgpu = (uint64_t) (5 - error_code_nearness(c->nearest.code));

        return KEY_MISS | (c->nearest.pgpu ? 0 : KEY_NO_PGPU) | farness << 32 | of_pgpu << 24 |
               (uint64_t) c->nearest.held << 16 | (uint64_t) c->gpu;
}

static bool fit_is(const Fit *f, uint32_t capacity, const PgpuLoss *losses, size_t n) {
        if (f->capacity != capacity || f->n_losses != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (f->losses[i].type != losses[i].type || f->losses[i].instances != losses[i].instances)
                        return false;
        return true;
}

/* Its number; FITS_MAX: there are too many. */
static int find_fit(DemandScores *d, const Pgpu *p, uint32_t capacity, size_t *ret) {
        PgpuLoss losses[p->enabled.n + 1];
        size_t n = pgpu_losses(p, d->demand.kinds[0].type, NULL, losses), i = 0;
        Fit *f = d->fits;

        while (i < d->n_fits && !fit_is(&f[i], capacity, losses, n))
                i++;
        if (i == d->n_fits && i < FITS_MAX) {
                f[i] = (Fit){.capacity = capacity,
                        .n_losses = (uint32_t) n,
                        .losses = calloc(n + 1, sizeof(PgpuLoss))};
                if (!f[i].losses)
                        return -ENOMEM;
                memcpy(f[i].losses, losses, n * sizeof(PgpuLoss));
                f[i].score = fit_score(losses_stranding(losses, n, &p->group->enabled), capacity);
                d->n_fits++;
        }
        *ret = i;
        return 0;
}

/* As that of another PGPU, which needs no look at each of its types; NULL: it is like none. */
static const Room *find_room_like(const Host *h, const Room *rooms, size_t at, uint64_t unknown) {
        const Pgpu *p = h->pgpus.items[at];

        for (size_t i = 0; i < h->pgpus.n; i++) {
                const Pgpu *q = h->pgpus.items[i];

                if ((i < at || !(unknown & PGPU_BIT(i))) && i != at && pgpus_are_empty_alike(p, q))
                        return &rooms[i];
        }
        return NULL;
}

static int find_room(DemandScores *d, const Pgpu *p, Offer *offer, Room *ret) {
        PgpuVerdict v;
        size_t n;
        int r;

        *ret = 0;
        if (p->group != d->demand.kinds[0].group)
                return 0;
        pgpu_verdict_next(offer, p, d->demand.kinds[0].type, NULL, &v);
        if (v.capacity == 0) {
                *ret = (Room) (2 * v.code + v.held);
                return 0;
        }
        n = v.capacity;
        if (d->best_fit) {
                r = find_fit(d, p, v.capacity, &n);
                if (r < 0)
                        return r;
                n = n < FITS_MAX ? n + 1 : ROOM_MANY;
        }
        *ret = (Room) MIN_OF(n + ROOM_NONE_MAX, (size_t) ROOM_MANY);
        return 0;
}

/* 1: some are others than before, or may be. */
static int find_rooms(DemandScores *d, const Host *h, uint64_t pgpus, Room *rooms) {
        Offer offer = {};
        int changed = 0;

        for (size_t i = pgpus ? (size_t) __builtin_ctzll(pgpus) : h->pgpus.n; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];
                const Room *like = NULL;
                Room before = rooms[i];
                int r = 0;

                if (!(pgpus & PGPU_BIT(i)))
                        continue;
                if (d->best_fit && p->n_uses == 0)
                        like = find_room_like(h, rooms, i, pgpus);
                if (like)
                        rooms[i] = *like;
                else
                        r = find_room(d, p, &offer, &rooms[i]);
                if (r < 0)
                        return r;
                changed |= rooms[i] != before || rooms[i] == ROOM_MANY;
        }
        return changed;
}

/* Of two that offer nothing, as verdict_is_nearer() has it. */
static bool room_is_nearer(Room a, Room b) {
        PgpuVerdict x = {.code = (ErrorCode) (a / 2), .held = a % 2}, y = {.code = (ErrorCode) (b / 2), .held = b % 2};

        return b == 0 || error_code_nearness(x.code) > error_code_nearness(y.code) ||
               (error_code_nearness(x.code) == error_code_nearness(y.code) && y.held && !x.held);
}

static uint64_t key_of_rooms(const DemandScores *d, const Host *h, const Room *rooms) {
        Candidate c = {.host = h, .gpu = ERROR_VM_REQUIRES_VGPU};
        Room nearest = 0;

        for (size_t i = 0; i < h->pgpus.n; i++)
                if (rooms[i] > 0 && room_is_nearer(rooms[i], nearest)) {
                        nearest = rooms[i];
                        c.nearest = (PgpuVerdict){.pgpu = h->pgpus.items[i], .code = (ErrorCode) (nearest / 2), .held = nearest % 2};
                        c.gpu = c.nearest.code;
                }
        return key_of_miss(&c);
}

/* What the rooms of a host come to. False: it is more than they tell. */
static bool add_rooms(DemandScores *d, size_t at, const Host *h, const Room *rooms) {
        uint64_t *key = &d->keys[at * d->n_keys], sum = 0, mask = 0;
        bool many = false;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                if (rooms[i] <= ROOM_NONE_MAX)
                        continue;
                sum += rooms[i] - ROOM_NONE_MAX;
                many |= rooms[i] == ROOM_MANY;
                mask |= d->best_fit ? UINT64_C(1) << ((rooms[i] - ROOM_NONE_MAX - 1) % FITS_MAX) : 0;
        }
        if (d->best_fit)
                d->masks[at] = many ? 0 : mask;
        if (sum == 0)
                *key = key_of_rooms(d, h, rooms);
        else
                *key = d->best_fit ? 0 : kind_wants_most(&d->demand.kinds[0]) ? SCORE_MOST - sum : sum;
        return d->best_fit || !many;
}

/* Several VGPUs, a pinned one, or more than rooms tell. */
static int work_out_whole(DemandScores *d, size_t at, const Host *h) {
        uint64_t scores[DEMAND_VGPUS_MAX] = {}, *keys = d->keys + at * d->n_keys;
        Candidate c = {.host = h, .scores = scores};
        int r;

        r = candidate_check_gpus(&c, &d->demand, d->assigner);
        if (r < 0)
                return r;
        keys[0] = c.gpu != ERROR_NONE ? key_of_miss(&c) : 0;
        if (d->demand.n_vgpus > 1)
                keys[d->demand.n_kinds] = c.spread;
        if (d->best_fit || c.gpu != ERROR_NONE)
                return 0;
        for (size_t i = d->demand.n_vgpus; i > 0; i--) {
                size_t k = d->demand.kind_of[i - 1];

                keys[k] = kind_wants_most(&d->demand.kinds[k]) ? SCORE_MOST - scores[i - 1] : scores[i - 1];
        }
        return 0;
}

int scores_work_out(const Scores *s, DemandScores *d, size_t at, uint64_t pgpus) {
        const Host *h = s->places[at].host;
        Room *rooms = d->rooms ? d->rooms + s->places[at].first : NULL;
        int r = 0;

        if (rooms) {
                r = find_rooms(d, h, pgpus, rooms);
                if (r < 0 || (r == 0 && pgpus != PGPU_BITS_ALL) || add_rooms(d, at, h, rooms))
                        return MIN_OF(r, 0);
        }
        return work_out_whole(d, at, h);
}

uint64_t scores_ask_host(const DemandScores *d, const Host *h) {
        PgpuVerdict nearest;
        uint32_t own;

        return host_score(h, &d->demand.kinds[0], /* reservation= */ NULL, &nearest, &own);
}

/* Places */

static uint64_t hash_texts(uint64_t hash, char *const *texts) {
        for (; texts && *texts; texts++) {
                for (const char *c = *texts; *c; c++)
                        hash = (hash ^ (uint8_t) *c) * UINT64_C(0x100000001b3);
                hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
        }
        return (hash ^ 0xfe) * UINT64_C(0x100000001b3);
}

static void place_read(Place *p, const Host *h) {
        p->uneven = h->uneven;
        p->memory = host_memory_available(h);
        p->facts = hash_texts(hash_texts(UINT64_C(0xcbf29ce484222325), h->networks), h->storage) << 2 |
                   (uint64_t) h->iommu << 1 | h->hvm;
        p->code = h->state == HOST_CONNECTING ? PLACE_CONNECTING : (uint16_t) host_usable_code(h);
}

static void place_refresh(Scores *s, const Host *h) {
        Place *p = &s->places[h->place];

        p->changed = s->now;
        place_read(p, h);
}

static void scores_clear(Scores *s) {
        drop_demands(s);
        s->n = 0;
        free(s->places);
        s->places = NULL;
}

static void scores_free(void *userdata) {
        Scores *s = userdata;

        scores_clear(s);
        ptr_array_done(&s->demands);
        free(s);
}

static int compare_places(const void *x, const void *y) {
        const Host *a = ((const Place *) x)->host, *b = ((const Place *) y)->host;

        return strcmp(a->name_label, b->name_label) ?: (a->object.key < b->object.key ? -1 : 1);
}

static int scores_build(Scores *s, const Pool *pool) {
        const PtrArray *hosts = &pool->objects[CLASS_HOST];

        scores_clear(s);
        s->places = calloc(hosts->n + 1, sizeof(Place));
        if (!s->places)
                return -ENOMEM;

        s->n = hosts->n;
        s->n_pgpus = 0;
        for (size_t i = 0; i < s->n; i++)
                s->places[i].host = hosts->items[i];
        qsort(s->places, s->n, sizeof(Place), compare_places);
        for (size_t i = 0; i < s->n; i++) {
                Host *h = (Host *) s->places[i].host;

                h->place = (uint32_t) i;
                s->places[i].first = (uint32_t) s->n_pgpus;
                s->n_pgpus += h->pgpus.n;
                place_refresh(s, h);
        }
        return 0;
}

static bool is_recent(const Scores *s, const DemandScores *d) {
        return d->current == s->now - 1 && s->now - d->asked <= RECENT;
}

/* The hosts that changed, for the places and for the demands that were asked for just now. */
static int take_notes(const Pool *pool, Scores *s) {
        uint64_t pgpus;
        const Host *h;
        int r = 0;

        while ((h = pool_take_noted(pool, &pgpus))) {
                place_refresh(s, h);
                for (size_t i = 0; i < s->demands.n && r >= 0; i++)
                        if (is_recent(s, s->demands.items[i]) && s->places[h->place].code == ERROR_NONE)
                                r = scores_work_out(s, s->demands.items[i], h->place, pgpus);
        }
        for (size_t i = 0; i < s->demands.n && r >= 0; i++)
                if (is_recent(s, s->demands.items[i]))
                        ((DemandScores *) s->demands.items[i])->current = s->now;
        return r;
}

int scores_refresh(const Pool *pool, Scores **ret) {
        PoolNotes *notes = pool->notes;
        Scores *s = notes->kept;
        int r;

        if (!s) {
                s = notes->kept = calloc(1, sizeof(Scores));
                if (!s)
                        return -ENOMEM;
                notes->kept_free = scores_free;
                notes->all = true;
        }

        s->now++;
        if (notes->all) {
                r = scores_build(s, pool);
                if (r < 0)
                        return r;
        }
        notes->all = false;
        r = take_notes(pool, s);
        if (r < 0)
                return r;
        *ret = s;
        return 0;
}

/* For the checker */

static bool place_is(const Place *p) {
        Place now = *p;

        place_read(&now, p->host);
        return now.memory == p->memory && now.facts == p->facts && now.uneven == p->uneven && now.code == p->code;
}

/* Works them out anew and compares; what is kept is then what it should be. */
static int keys_are(const Scores *s, DemandScores *d, size_t at, bool *ret) {
        uint64_t *keys = d->keys + at * d->n_keys, mask = d->best_fit ? d->masks[at] : 0;
        uint64_t before[DEMAND_VGPUS_MAX + 1];
        int r;

        memcpy(before, keys, d->n_keys * sizeof(*keys));
        r = scores_work_out(s, d, at, PGPU_BITS_ALL);
        if (r < 0)
                return r;
        /* With best-fit a key that is no miss holds what the last decision made of the mask. */
        if (d->best_fit && !(before[0] & KEY_MISS))
                *ret = !(keys[0] & KEY_MISS) && d->masks[at] == mask;
        else
                *ret = memcmp(before, keys, d->n_keys * sizeof(*keys)) == 0;
        return 0;
}

int scores_check(const Pool *pool, const Host *h, bool *ret_same) {
        Scores *s = pool->notes->kept;
        const Place *p = s && !pool->notes->all && h->place < s->n ? &s->places[h->place] : NULL;
        int r = 0;

        *ret_same = true;
        if (!s || pool->notes->all || h->next_noted)
                return 0;
        *ret_same = p && p->host == h && place_is(p);
        /* Nobody reads the keys of an uneven host (search.c): a suspect PGPU is left out or not by what becomes of
         * others, which nobody notes for it. */
        for (size_t i = 0; *ret_same && p->code == ERROR_NONE && !p->uneven && i < s->demands.n && r == 0; i++) {
                DemandScores *d = s->demands.items[i];

                if (p->changed <= d->current)
                        r = keys_are(s, d, h->place, ret_same);
        }
        return r;
}
