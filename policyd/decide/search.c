/*
 * Ranking out of the scores that are kept
 *
 * One pass over all hosts counts each by what stops it, and keeps the best few. Some hosts rank elsewhere for
 * this one start than their scores say: those that hold room for its reservation, that have VMs of its
 * anti-affine group, that it has an affinity to, that refused it just now, or where starts failed. These are
 * looked at one by one, and sorted in among the best. A start that no host can take costs a second pass, for
 * those that come nearest.
 */

#include "policyd/decide/decider.h"
#include "policyd/decide/scores.h"
#include "policyd/pool/each.h"

#define FRONT (ALLOC_RUNNERS_UP + 1)
#define NEAREST_MAX 3 /* hosts that come nearest to running it */
#define FACTS_KNOWN 16

/* Whether a host with these facts can run the VM; computed once for each value. */
typedef struct FactsAsked {
        uint64_t facts;
        ErrorCode code;
        bool known;
} FactsAsked;

typedef struct Search {
        Ranking *r;
        Scores *s;
        DemandScores *d;
        size_t n_special;
        uint32_t front[FRONT]; /* the best that can run the VM, best first */
        size_t n_front;
        uint64_t worst_key, worst_memory; /* of the last of them, once there are enough */
        FactsAsked facts[FACTS_KNOWN];    /* by hash */
} Search;

/* Special hosts */

static void mark_special(Search *s, const Host *h) {
        Place *p = &s->s->places[h->place];

        s->n_special += p->special != s->s->now;
        p->special = s->s->now;
}

static bool is_special(const Search *s, const Place *p) {
        return p->uneven || p->special == s->s->now;
}

static void mark_preferred(Search *s, const Vm *vm) {
        bool is_id;
        Uuid id;

        if (!vm->affinity[0])
                return;
        is_id = uuid_from_string(vm->affinity, &id) >= 0;
        for (size_t i = 0; i < s->s->n; i++) {
                const Host *h = s->s->places[i].host;

                if (streq(h->name_label, vm->affinity) ||
                        (is_id && (uuid_equal(&h->object.id, &id) || uuid_equal(&h->host_uuid, &id))))
                        mark_special(s, h);
        }
}

/* Marks the hosts with VMs of its anti-affine group. */
static void mark_members(Search *s, const Vm *vm) {
        if (!vm_spreads(vm))
                return;
        for_each(const Vm, other, &vm->group->vms) {
                if (other != vm && other->scheduled_on)
                        mark_special(s, other->scheduled_on);
                if (other != vm && other->resident_on)
                        mark_special(s, other->resident_on);
        }
}

static void mark_all_special(Search *s, const Pool *pool, const AllocRequest *request) {
        const Reservation *reservation = request->reservation;

        for (size_t i = 0; i < request->n_avoid; i++)
                mark_special(s, request->avoid[i]);
        if (reservation)
                for_each(const Pgpu, p, &reservation->holds)
                        mark_special(s, p->host);
        s->n_special += pool->n_uneven;
        mark_members(s, request->vm);
        mark_preferred(s, request->vm);
}

/* Everything but the GPUs */

static inline ErrorCode ask_facts(Search *s, const Place *p) {
        FactsAsked *f = &s->facts[p->facts % FACTS_KNOWN];

        if (!f->known || f->facts != p->facts) {
                Candidate c = {.host = p->host};

                candidate_check_facts(&c, &s->r->demand);
                *f = (FactsAsked){.facts = p->facts, .code = c.other, .known = true};
        }
        return f->code;
}

static ErrorCode ask_others(Search *s, const Place *p) {
        ErrorCode code = ask_facts(s, p);

        if (code == ERROR_NONE && s->r->request->vm->memory > p->memory)
                return ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
        return code;
}

/* The first pass */

static const uint64_t *keys_of(const Search *s, size_t at) {
        return s->d->keys + at * s->d->n_keys;
}

/* As compare_candidates() has it of two hosts that are not special: scores, then memory, then the name. */
static bool is_better(const Search *s, uint32_t a, uint32_t b) {
        const uint64_t *x = keys_of(s, a), *y = keys_of(s, b);
        const Place *p = &s->s->places[a], *q = &s->s->places[b];

        for (size_t k = 0; k < s->d->n_keys; k++)
                if (x[k] != y[k])
                        return x[k] < y[k];
        return p->memory != q->memory ? p->memory > q->memory : a < b;
}

static void front_add(Search *s, uint32_t at) {
        size_t i = s->n_front;

        if (i == FRONT && !is_better(s, at, s->front[--i]))
                return;
        s->n_front = i + 1;
        for (; i > 0 && is_better(s, at, s->front[i - 1]); i--)
                s->front[i] = s->front[i - 1];
        s->front[i] = at;
        if (s->n_front == FRONT) {
                s->worst_key = keys_of(s, s->front[FRONT - 1])[0];
                s->worst_memory = s->s->places[s->front[FRONT - 1]].memory;
        }
}

/* A host that can be used and is not special. Most are not among the best, which their first key and their
 * memory tell. */
static inline ErrorCode look_at_place(Search *s, const Place *p, uint64_t key, uint32_t at) {
        ErrorCode code;

        if (key & KEY_MISS)
                return (ErrorCode) (key & UINT16_MAX);
        code = ask_others(s, p);
        if (code == ERROR_NONE &&
                (key < s->worst_key ||
                        (key == s->worst_key && (p->memory > s->worst_memory || s->d->n_keys > 1))))
                front_add(s, at);
        return code;
}

static int look_at_special(Search *s, const Place *p, ErrorCode *ret) {
        int r;

        r = ranking_add(s->r, p->host);
        *ret = p->code == PLACE_CONNECTING ? (ErrorCode) p->code
                                           : candidate_reason(&s->r->candidates[s->r->n - 1]);
        return r;
}

static int look_at_all(Search *s) {
        const Place *p = s->s->places, *end = p + s->s->n;
        const uint64_t *key = s->d->keys, current = s->d->best_fit ? 0 : s->d->current; /* 0: each is asked */
        uint32_t counts[_ERROR_MAX + 1] = {};
        size_t n_keys = s->d->n_keys;
        int r = 0;

        s->worst_key = UINT64_MAX;
        for (uint32_t at = 0; p < end && r >= 0; p++, key += n_keys, at++) {
                ErrorCode code = (ErrorCode) p->code;

                if (code == ERROR_NONE && p->changed > current)
                        r = scores_ask(s->s, s->d, at);
                if (is_special(s, p))
                        r = r < 0 ? r : look_at_special(s, p, &code);
                else if (code == ERROR_NONE)
                        code = look_at_place(s, p, *key, at);
                counts[code]++;
                if (code == ERROR_HOST_OFFLINE && p->code == ERROR_NONE)
                        s->r->n_gone++;
        }
        if (r < 0)
                return r;

        s->d->asked = s->d->current = s->s->now;
        memcpy(s->r->counts, counts, sizeof(s->r->counts));
        s->r->n_connecting = counts[PLACE_CONNECTING];
        s->r->n_hosts = s->s->n;
        return 0;
}

static void add_front(Search *s) {
        Ranking *r = s->r;

        for (size_t i = 0; i < s->n_front; i++, r->n++) {
                const Place *p = &s->s->places[s->front[i]];

                r->candidates[r->n] = (Candidate){
                        .host = p->host,
                        .scores = r->scores + r->n * r->demand.n_vgpus,
                        .memory_available = p->memory,
                        .spread = demand_spread_of(s->d, keys_of(s, s->front[i])),
                };
                demand_scores_of(s->d, keys_of(s, s->front[i]), r->candidates[r->n].scores);
        }
}

/* Refusals */

/* Places; UINT32_MAX: none. */
typedef struct Nearest {
        uint32_t first, most; /* of those whose GPUs fit: the first of all, and that with the most memory that
                                 lacks nothing else */
        uint32_t miss[4]; /* the nearest miss: that lacks nothing else, whatever it lacks; the same without a
                             PGPU of the group */
} Nearest;

static void note_fit(Search *s, Nearest *nearest, uint32_t at) {
        const Place *p = &s->s->places[at];
        uint64_t most = nearest->most == UINT32_MAX ? 0 : s->s->places[nearest->most].memory;

        if (nearest->first == UINT32_MAX || is_better(s, at, nearest->first))
                nearest->first = at;
        if (ask_facts(s, p) != ERROR_NONE)
                return;
        if (nearest->most == UINT32_MAX || p->memory > most ||
                (p->memory == most && is_better(s, at, nearest->most)))
                nearest->most = at;
}

static void note_miss(Search *s, Nearest *nearest, uint32_t at) {
        uint64_t key = keys_of(s, at)[0];

        for (size_t i = key & KEY_NO_PGPU ? 2 : 0, end = i + 2; i < end; i++) {
                if (i % 2 == 0 && ask_others(s, &s->s->places[at]) != ERROR_NONE)
                        continue;
                if (nearest->miss[i] == UINT32_MAX || key < keys_of(s, nearest->miss[i])[0])
                        nearest->miss[i] = at;
        }
}

static bool is_asked(const Search *s, size_t at) {
        return s->s->places[at].code == ERROR_NONE && !is_special(s, &s->s->places[at]);
}

/* The first hosts whose GPUs are in the way: where several VGPUs do not fit at once, the remedy may be there.
 */
static int add_tried(Search *s, uint32_t except) {
        size_t n = 0;
        int r = 0;

        for (uint32_t at = 0; at < s->s->n && n < HOSTS_TRIED_MAX && r >= 0; at++) {
                if (at == except || !is_asked(s, at) || !(keys_of(s, at)[0] & KEY_MISS))
                        continue;
                r = ranking_add(s->r, s->s->places[at].host);
                n++;
        }
        return r;
}

static int add_place(Search *s, uint32_t at) {
        return at == UINT32_MAX ? 0 : ranking_add(s->r, s->s->places[at].host);
}

static int add_nearest(Search *s) {
        Nearest nearest;
        uint32_t miss = UINT32_MAX;
        int r;

        memset(&nearest, 0xff, sizeof(nearest));
        for (uint32_t at = 0; at < s->s->n; at++)
                if (is_asked(s, at))
                        (keys_of(s, at)[0] & KEY_MISS ? note_miss : note_fit)(s, &nearest, at);

        for (size_t i = 0; i < ARRAY_SIZE(nearest.miss) && miss == UINT32_MAX; i++)
                miss = nearest.miss[i];
        r = add_place(s, nearest.first);
        if (r >= 0 && nearest.most != nearest.first)
                r = add_place(s, nearest.most);
        r = r < 0 ? r : add_place(s, miss);
        return r >= 0 && miss != UINT32_MAX && s->r->demand.n_vgpus > 1 ? add_tried(s, miss) : r;
}

/* All together */

static bool ranking_has_chosen(const Ranking *r) {
        for (size_t i = 0; i < r->n; i++)
                if (candidate_code(&r->candidates[i]) == ERROR_NONE)
                        return true;

        return false;
}

static int find_scores(Search *s, const AllocRequest *request) {
        Demand plain;
        int r;

        r = demand_init(&plain, request->vm, /* reservation= */ NULL);
        return r < 0 ? r : scores_get(s->s, &plain, &s->d);
}

int ranking_from_scores(Ranking *r, const Pool *pool, const AllocRequest *request) {
        Search s = {.r = r};
        int error;

        /* Which devices are free changes with each start, and few VMs want one: for these, and for a config
         * that few hosts allow, each host is evaluated. */
        if (request->only || vm_passes_functions(request->vm) || request->vm->objections)
                return 0;
        error = scores_refresh(pool, &s.s);
        if (error >= 0)
                error = find_scores(&s, request);
        if (error < 0 || !s.d)
                return error;

        mark_all_special(&s, pool, request);
        error = ranking_prepare(r, pool, request,
                FRONT + s.n_special + NEAREST_MAX + (request->vm->vgpus.n > 1 ? HOSTS_TRIED_MAX : 0));
        if (error >= 0)
                error = look_at_all(&s);
        if (error < 0)
                return error;

        add_front(&s);
        if (!ranking_has_chosen(r))
                error = add_nearest(&s);
        if (error < 0)
                return error;
        ranking_sort(r);
        return r->n > 0;
}
