/*
 * Ranking out of the index
 *
 * The order of hosts for what the VM asks for gives the best and the runners-up, tier by tier. Some hosts
 * stand elsewhere in it for this one start: those that hold room for its reservation, that have VMs of its
 * anti-affine group, that it has an affinity to, that refused it just now, or where starts failed. They are
 * few; they are taken out of the order, looked at one by one, and sorted in among those that the order gave.
 * Everything is counted as looking at every host would count it, as far as the search went.
 */

#include "policyd/decide/decider.h"

#define FRONT (ALLOC_RUNNERS_UP + 1)
#define SPECIAL_MAX 64
#define FACTS_KNOWN 16 /* hosts' facts beyond the first so many are looked at each time */

typedef struct Search {
        Ranking *r;
        const Pool *pool;
        const struct PoolIndex *index;
        HostOrder *order;
        Demand plain; /* without the reservation */
        uint32_t special[SPECIAL_MAX];
        size_t n_special;
        HostFilter filter; /* by their facts; NULL: all pass */
        /* What the hosts' facts say to the VM: 1 + the code, 0 not asked yet. */
        uint16_t verdicts[FACTS_KNOWN];
} Search;

/* Facts: networks, storage, IOMMU and HVM */

static ErrorCode facts_verdict(Search *s, uint32_t at) {
        const HostRow *row = &s->index->rows[at];
        Candidate c = {.host = row->host};

        if (row->facts < FACTS_KNOWN && s->verdicts[row->facts] > 0)
                return (ErrorCode) (s->verdicts[row->facts] - 1);

        candidate_check_facts(&c, &s->r->demand);
        if (row->facts < FACTS_KNOWN)
                s->verdicts[row->facts] = (uint16_t) (1 + c.other);
        return c.other;
}

static bool facts_pass(uint32_t at, void *userdata) {
        return facts_verdict(userdata, at) == ERROR_NONE;
}

/* Special hosts */

static bool search_is_special(const Search *s, uint32_t at) {
        return s->index->words[0][at / HOSTS_PER_WORD] >> at % HOSTS_PER_WORD & 1;
}

static bool special_add(Search *s, const Host *h) {
        uint32_t at = h->index->at;

        if (search_is_special(s, at))
                return true;
        if (s->n_special == SPECIAL_MAX)
                return false;

        host_words_add(s->index->words[0], at, &s->index->memory);
        s->special[s->n_special++] = at;
        return true;
}

static bool special_add_named(Search *s, const char *name) {
        size_t low = 0, high = s->index->memory.n;
        bool all = true;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(s->index->rows[middle].host->name_label, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < s->index->memory.n && streq(s->index->rows[low].host->name_label, name); low++)
                all &= special_add(s, s->index->rows[low].host);

        return all;
}

static bool special_add_preferred(Search *s, const Vm *vm) {
        const Host *h;
        Uuid id;

        if (!vm->affinity[0])
                return true;
        if (!special_add_named(s, vm->affinity))
                return false;
        if (uuid_from_string(vm->affinity, &id) < 0)
                return true;

        h = pool_get(s->pool, CLASS_HOST, &id);
        if (h && !special_add(s, h))
                return false;
        h = hashmap_get(s->index->machines, &id);
        return !s->index->machines_unclear && (!h || special_add(s, h));
}

/* Where others of its group are that it should keep away from. */
static bool special_add_members(Search *s, const Vm *vm) {
        for (size_t i = 0; vm_spreads(vm) && i < vm->group->vms.n; i++) {
                const Vm *other = vm->group->vms.items[i];

                if (other == vm)
                        continue;
                if (other->scheduled_on && !special_add(s, other->scheduled_on))
                        return false;
                if (other->resident_on && !special_add(s, other->resident_on))
                        return false;
        }

        return true;
}

/* False: there are too many, or they cannot be found. */
static bool search_find_special(Search *s, const AllocRequest *request) {
        const Reservation *reservation = request->reservation;

        for (size_t i = 0; i < request->n_avoid; i++)
                if (!special_add(s, request->avoid[i]))
                        return false;
        for (size_t i = 0; reservation && i < reservation->holds.n; i++)
                if (!special_add(s, ((const Pgpu *) reservation->holds.items[i])->host))
                        return false;

        for (size_t i = 0; i < s->pool->uneven.n; i++)
                if (!special_add(s, s->pool->uneven.items[i]))
                        return false;

        return special_add_members(s, request->vm) && special_add_preferred(s, request->vm);
}

/* Looked at one by one, and counted as they are for this start, not as the order has them. */
static int search_add_special(Search *s) {
        Ranking *r = s->r;

        for (size_t i = 0; i < s->n_special; i++) {
                uint32_t tier = s->order->tier_of[s->special[i]];
                int error = ranking_add(r, s->index->rows[s->special[i]].host);

                if (error < 0)
                        return error;
                if (tier == TIER_NONE)
                        continue;
                r->counts[host_order_reason(s->order, tier)]--;
                r->counts[candidate_reason(&r->candidates[r->n - 1])]++;
        }
        return 0;
}

/* Tiers */

typedef struct Front {
        uint64_t *words;
        size_t n; /* hosts; SIZE_MAX: not known */
        uint64_t scores[DEMAND_VGPUS_MAX];
} Front;

static void search_add_known(Search *s, const Front *f, uint32_t at) {
        Ranking *r = s->r;
        Candidate *c = &r->candidates[r->n];

        *c = (Candidate){
                .host = s->index->rows[at].host,
                .scores = r->scores + r->n * r->demand.n_vgpus,
                .memory_available = host_memory_of(&s->index->memory, at),
                .in_order = true,
                .at = at,
        };
        memcpy(c->scores, f->scores, r->demand.n_vgpus * sizeof(uint64_t));
        if (r->n++ == 0)
                __builtin_prefetch(&c->host->pgpus); /* most likely it is chosen */
}

/* Of the hosts in the tier that are as good as the last that was taken, or all if the tier is exhausted:
 * those that cannot run the VM. */
static void search_count_failing(Search *s, const Front *f, uint32_t last) {
        uint64_t need = s->r->request->vm->memory;
        const HostMemory *m = &s->index->memory;

        for (size_t i = 0; i < m->n_words; i++)
                for (uint64_t rest = f->words[i]; rest; rest &= rest - 1) {
                        uint32_t at = (uint32_t) (i * HOSTS_PER_WORD) + (uint32_t) __builtin_ctzll(rest);
                        ErrorCode code;

                        if (last != PLACE_NONE &&
                                (m->of[at] < m->of[last] || (m->of[at] == m->of[last] && at > last)))
                                continue;
                        code = facts_verdict(s, at);
                        if (code == ERROR_NONE && host_memory_of(m, at) < need)
                                code = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
                        if (code == ERROR_NONE)
                                continue;
                        s->r->counts[ERROR_NONE]--;
                        s->r->counts[code]++;
                }
}

/* Of a tier in which only n can run the VM, all others; where facts are the same everywhere, what they lack
 * is known. */
static void search_count_exhausted(Search *s, const Front *f, size_t n) {
        uint32_t n_failing;
        ErrorCode code;

        if (s->index->n_facts > 1) {
                search_count_failing(s, f, PLACE_NONE);
                return;
        }
        code = facts_verdict(s, 0);
        n_failing = (uint32_t) ((f->n < SIZE_MAX ? f->n : host_set_count(f->words, &s->index->memory)) - n);
        s->r->counts[ERROR_NONE] -= n_failing;
        s->r->counts[code == ERROR_NONE ? ERROR_HOST_NOT_ENOUGH_FREE_MEMORY : code] += n_failing;
}

/* Takes from the tier what is still wanted. */
static void search_take(Search *s, const Front *f, size_t *n_wanted) {
        uint64_t need = s->r->request->vm->memory;
        uint32_t top[FRONT];
        size_t n;

        n = host_set_top(f->words, &s->index->memory, need, s->filter, s, top, *n_wanted);
        for (size_t i = 0; i < n; i++)
                search_add_known(s, f, top[i]);

        if (n < *n_wanted)
                search_count_exhausted(s, f, n);
        else if (n == *n_wanted && s->index->n_facts > 1)
                search_count_failing(s, f, top[n - 1]);
        *n_wanted -= n;
}

/* Nobody can run it, though GPUs would fit: the first of all, and the one with the most memory that lacks
 * nothing else. */
typedef struct Nearest {
        uint32_t first, most; /* places */
} Nearest;

static void search_note_failing(Search *s, const Front *f, Nearest *nearest) {
        const HostMemory *m = &s->index->memory;
        uint64_t need = nearest->most == PLACE_NONE ? 0 : host_memory_of(m, nearest->most) + 1;
        uint32_t at;

        if (nearest->first == PLACE_NONE && host_set_top(f->words, m, 0, NULL, NULL, &at, 1) > 0)
                nearest->first = at;
        if (host_set_top(f->words, m, need, facts_pass, s, &at, 1) > 0)
                nearest->most = at;
}

/* The set without the special hosts. */
static void front_take_special(Search *s, Front *f) {
        uint64_t *words = s->index->words[1];

        if (s->n_special == 0)
                return;
        host_words_clear(words, &s->index->memory);
        host_words_take(words, f->words, NULL, s->index->words[0], &s->index->memory);
        *f = (Front){.words = words, .n = SIZE_MAX};
}

/* Of each tier in turn takes what is wanted, or, with nearest, notes who comes nearest. */
static void search_tiers(Search *s, Nearest *nearest) {
        size_t n_wanted = FRONT;

        for (size_t i = 0; i < s->order->n_tiers && n_wanted > 0; i++) {
                const Tier *t = &s->order->tiers[s->order->sorted[i].tier];
                Front f = {.words = t->hosts.words, .n = t->hosts.n};

                if (t->rank & RANK_MISS)
                        break;
                if (t->hosts.n == 0)
                        continue;
                front_take_special(s, &f);
                host_order_scores(s->order, t->rank, f.scores);
                if (nearest)
                        search_note_failing(s, &f, nearest);
                else
                        search_take(s, &f, &n_wanted);
        }
}

/* With best-fit: the kinds that have one score. */
typedef struct FitKinds {
        uint64_t score;
        size_t n, first;
} FitKinds;

/* Those with the least score that is more than this one; false: there are none. */
static bool fit_kinds_next(const Search *s, FitKinds *f) {
        FitKinds next = {.score = UINT64_MAX};

        for (size_t k = 0; k < s->index->n_kinds; k++) {
                const Cell *c = &s->order->cells[k];

                if (c->score <= f->score || c->score > next.score || s->index->kinds[k].hosts.n == 0)
                        continue;
                if (c->score < next.score)
                        next = (FitKinds){.score = c->score, .first = k};
                next.n++;
        }

        *f = next;
        return next.n > 0;
}

/*
 * The hosts with a PGPU of one of the kinds that fit, and are not seen yet (NULL: none is). A host that has
 * room for one VGPU fits, so that the set of a single kind can be searched as it is.
 */
static void front_of_kinds(const Search *s, const FitKinds *kinds, const uint64_t *seen, Front *ret) {
        const HostOrder *o = s->order;
        const HostSet *single = &s->index->kinds[kinds->first].hosts;
        uint64_t *words = s->index->words[1];

        for (size_t i = 0; i < o->demand.n_vgpus; i++)
                ret->scores[i] = kinds->score;
        if (kinds->n == 1 && !seen && o->demand.n_vgpus == 1) {
                ret->words = single->words;
                ret->n = single->n;
                return;
        }

        ret->words = words;
        ret->n = SIZE_MAX;
        host_words_clear(words, &s->index->memory);
        for (size_t k = kinds->first; k < s->index->n_kinds; k++)
                if (o->cells[k].score == kinds->score && s->index->kinds[k].hosts.n > 0)
                        host_words_take(words, s->index->kinds[k].hosts.words,
                                o->tiers[o->sorted[0].tier].hosts.words, seen, &s->index->memory);
}

/* The hosts that are not to come again: before the first front only those that are special. */
static uint64_t *search_see(const Search *s, const uint64_t *seen, const Front *f) {
        const HostMemory *m = &s->index->memory;
        uint64_t *words = s->index->words[2];

        if (seen != words) {
                host_words_clear(words, m);
                if (seen)
                        host_words_take(words, seen, NULL, NULL, m);
        }
        host_words_take(words, f->words, NULL, NULL, m);
        return words;
}

/* Kinds of PGPUs that strand alike are one tier; who stood in a better one, or is special, does not come
 * again. */
static void search_kinds(Search *s, Nearest *nearest) {
        const uint64_t *seen = s->n_special > 0 ? s->index->words[0] : NULL;
        FitKinds kinds = {};
        size_t n_wanted = FRONT;

        host_order_weigh(s->order);
        while (n_wanted > 0 && fit_kinds_next(s, &kinds)) {
                Front f;

                front_of_kinds(s, &kinds, seen, &f);
                if (nearest)
                        search_note_failing(s, &f, nearest);
                else
                        search_take(s, &f, &n_wanted);
                if (n_wanted > 0)
                        seen = search_see(s, seen, &f);
        }
}

static void search_all(Search *s, Nearest *nearest) {
        if (s->order->counts[ERROR_NONE] == 0)
                return;
        if (s->order->best_fit)
                search_kinds(s, nearest);
        else
                search_tiers(s, nearest);
}

/* Refusals */

static int search_add_failing(Search *s) {
        Nearest nearest = {.first = PLACE_NONE, .most = PLACE_NONE};
        int error = 0;

        search_all(s, &nearest);
        if (nearest.first != PLACE_NONE)
                error = ranking_add(s->r, s->index->rows[nearest.first].host);
        if (error >= 0 && nearest.most != PLACE_NONE && nearest.most != nearest.first)
                error = ranking_add(s->r, s->index->rows[nearest.most].host);
        return error;
}

/* The nearest miss that lacks nothing else, in the tiers with a PGPU of the group or in those without. */
static uint32_t search_find_miss(Search *s, bool no_pgpu, bool lacks_nothing) {
        uint64_t need = lacks_nothing ? s->r->request->vm->memory : 0;
        uint32_t at = PLACE_NONE;

        for (size_t i = 0; i < s->order->n_tiers && at == PLACE_NONE; i++) {
                const Tier *t = &s->order->tiers[s->order->sorted[i].tier];
                Front f = {.words = t->hosts.words, .n = t->hosts.n};

                if (!(t->rank & RANK_MISS) || rank_has_no_pgpu(t->rank) != no_pgpu || t->hosts.n == 0)
                        continue;
                front_take_special(s, &f);
                at = host_set_first(f.words, &s->index->memory, need, lacks_nothing ? facts_pass : NULL, s);
        }
        return at;
}

/* The first hosts whose GPUs are in the way: where several VGPUs do not fit at once, the remedy may be there.
 */
static int search_add_tried(Search *s, uint32_t except) {
        const HostOrder *o = s->order;
        size_t n = 0;
        int error = 0;

        for (uint32_t at = 0; at < s->index->memory.n && n < HOSTS_TRIED_MAX && error >= 0; at++) {
                if (at == except || search_is_special(s, at) || o->tier_of[at] == TIER_NONE ||
                        host_order_reason(o, o->tier_of[at]) == ERROR_NONE)
                        continue;
                error = ranking_add(s->r, s->index->rows[at].host);
                n++;
        }
        return error;
}

static int search_add_miss(Search *s) {
        uint32_t at = PLACE_NONE;
        int error;

        for (int i = 0; i < 4 && at == PLACE_NONE; i++)
                at = search_find_miss(s, /* no_pgpu= */ i >= 2, /* lacks_nothing= */ i % 2 == 0);
        if (at == PLACE_NONE)
                return 0;

        error = ranking_add(s->r, s->index->rows[at].host);
        return error >= 0 && s->r->demand.n_vgpus > 1 ? search_add_tried(s, at) : error;
}

/* All together */

static void ranking_count_order(Ranking *r, const HostOrder *o) {
        const struct PoolIndex *index = r->pool->index;

        memcpy(r->counts, o->counts, sizeof(r->counts));
        r->n_connecting = index->n_connecting;
        r->counts[ERROR_HOST_OFFLINE] += (uint32_t) index->n_offline;
        r->counts[ERROR_HOST_DISABLED] += (uint32_t) index->n_disabled;
        r->n_hosts = r->pool->objects[CLASS_HOST].n;
}

static bool ranking_has_chosen(const Ranking *r) {
        for (size_t i = 0; i < r->n; i++)
                if (candidate_code(&r->candidates[i]) == ERROR_NONE)
                        return true;

        return false;
}

static int search_run(Search *s) {
        Ranking *r = s->r;
        bool sort = s->n_special > 0;
        int error;

        ranking_count_order(r, s->order);
        search_all(s, NULL);
        error = search_add_special(s);
        if (error < 0)
                return error;

        if (!ranking_has_chosen(r)) {
                sort = true;
                error = search_add_failing(s);
                if (error >= 0)
                        error = search_add_miss(s);
                if (error < 0)
                        return error;
        }

        if (sort)
                ranking_sort(r);
        else
                r->n_fit = r->n;
        return r->n > 0;
}

static int search_find_order(Search *s) {
        const AllocRequest *request = s->r->request;
        _cleanup_(assigner_freep) Assigner *assigner = NULL;
        const Demand *d = &s->r->demand;

        if (request->reservation) {
                if (demand_init(&s->plain, request->vm, NULL) < 0)
                        return 0;
                d = &s->plain;
        }
        if (d->n_vgpus > 1) {
                assigner = assigner_new(d);
                if (!assigner)
                        return -ENOMEM;
        }
        return host_order_get(s->pool, d, assigner, &s->order);
}

static void search_done(Search *s) {
        if (s->n_special > 0)
                host_words_clear(s->index->words[0], &s->index->memory);
}

int ranking_from_index(Ranking *r, const Pool *pool, const AllocRequest *request) {
        _cleanup_(search_done) Search s = {.r = r, .pool = pool, .index = pool->index};
        int error;

        /* Which devices are free changes with each start, and few VMs want one: then each host is looked at; so
         * it is for a config that few hosts allow. */
        if (request->only || vm_passes_functions(request->vm) || request->vm->objections || host_index_refresh(pool) < 0)
                return 0;
        if (!search_find_special(&s, request))
                return 0;

        error = ranking_prepare(
                r, pool, request, FRONT + s.n_special + 3 + (request->vm->vgpus.n > 1 ? HOSTS_TRIED_MAX : 0));
        if (error < 0)
                return error;
        /* Without memory for the index, looking at each host may still do. */
        if (search_find_order(&s) < 0 || !s.order)
                return 0;

        r->order = s.order;
        /* Where all hosts have the same, one is asked. */
        if (s.index->memory.n == 0 || s.index->n_facts > 1 || facts_verdict(&s, 0) != ERROR_NONE)
                s.filter = facts_pass;
        return search_run(&s);
}
