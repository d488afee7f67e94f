/*
 * What a reservation would hold
 *
 * Instances are chosen one after another, each as a placement would be: the host by the group's algorithm,
 * then the PGPU on it. Working counts stand in for the pool, which allocate_holds() does not change.
 *
 * A choice changes one host only, so the hosts' best places play a tournament of which one path is played
 * again: many instances in a large group cost little more than looking at the group once.
 */

#include "policyd/decide/holds.h"

typedef struct Place {
        Pgpu *pgpu;
        uint32_t capacity;
        uint64_t stranding; /* nothing once the reservation itself has opened it */
        uint64_t *host_sum; /* capacity of all places on its host */
        size_t host;        /* among those with a place */
        bool last;          /* starts failed there */
} Place;

/* As a placement would choose: the host by what it has left in sum, then the PGPU on it. */
static bool place_is_better(GroupAlgorithm algorithm, const Place *a, const Place *b) {
        bool most_first = algorithm == ALGORITHM_BREADTH_FIRST;

        if (a->last != b->last)
                return b->last;
        if (algorithm == ALGORITHM_BEST_FIT && a->stranding != b->stranding)
                return a->stranding < b->stranding;

        if (algorithm != ALGORITHM_BEST_FIT) {
                if (*a->host_sum != *b->host_sum)
                        return (*a->host_sum < *b->host_sum) != most_first;
                if (a->host_sum != b->host_sum)
                        return false;
        }

        return a->capacity != b->capacity && (a->capacity < b->capacity) != most_first;
}

/* The PGPUs with room; a group's PGPUs stand host by host. Returns how many. */
static size_t places_init(
        Place *places, uint64_t *sums, const GpuGroup *g, const VgpuType *t, uint64_t *ret_possible) {
        const Host *host = NULL;
        size_t n = 0;

        *ret_possible = 0;
        for (size_t i = 0; i < g->pgpus.n; i++) {
                Place place = {.pgpu = g->pgpus.items[i]};

                if (host && place.pgpu->host != host)
                        sums++;
                host = place.pgpu->host;

                place.capacity = pgpu_capacity(place.pgpu, t);
                if (place.capacity == 0)
                        continue;
                if (!type_may_join(t, t))
                        place.capacity = 1;

                place.last = pgpu_standing(place.pgpu, NULL) != PLACE_GOOD;
                place.stranding = pgpu_stranding(place.pgpu, t, NULL);
                place.host_sum = sums;
                *sums += place.capacity;
                *ret_possible += place.capacity;
                places[n++] = place;
        }

        return n;
}

/* A host's places, and the tree of winners: leaves from n_leaves on, in the order of hosts, and the winner of
 * all at 1. */
typedef struct Tournament {
        GroupAlgorithm algorithm;
        Place *places;
        size_t *first; /* of each host, and one past the last */
        size_t n_leaves;
        Place **winners;
} Tournament;

static void tournament_done(Tournament *t) {
        free(t->first);
        free(t->winners);
}

/* The earlier of equals, as a walk through all of them would find; NULL has no room. */
static Place *better_place(const Tournament *t, Place *a, Place *b) {
        if (!a || a->capacity == 0)
                return b && b->capacity > 0 ? b : NULL;
        return b && b->capacity > 0 && place_is_better(t->algorithm, b, a) ? b : a;
}

static void tournament_play(Tournament *t, size_t host) {
        size_t at = t->n_leaves + host;

        t->winners[at] = NULL;
        for (size_t i = t->first[host]; i < t->first[host + 1]; i++)
                t->winners[at] = better_place(t, t->winners[at], &t->places[i]);
        for (at /= 2; at > 0; at /= 2)
                t->winners[at] = better_place(t, t->winners[2 * at], t->winners[2 * at + 1]);
}

static int tournament_init(Tournament *t, GroupAlgorithm algorithm, Place *places, size_t n) {
        size_t n_hosts = 0;

        *t = (Tournament){.algorithm = algorithm, .places = places, .n_leaves = 1};
        t->first = calloc(n + 1, sizeof(size_t));
        if (!t->first)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                if (i == 0 || places[i].host_sum != places[i - 1].host_sum)
                        t->first[n_hosts++] = i;
                places[i].host = n_hosts - 1;
        }
        t->first[n_hosts] = n;

        while (t->n_leaves < n_hosts)
                t->n_leaves *= 2;
        t->winners = calloc(2 * t->n_leaves, sizeof(Place *));
        if (!t->winners)
                return -ENOMEM;
        for (size_t i = 0; i < n_hosts; i++)
                tournament_play(t, i);
        return 0;
}

int allocate_holds(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus,
        HoldsDenial *ret_denial) {
        _cleanup_free_ Place *places = calloc(g->pgpus.n + 1, sizeof(Place));
        _cleanup_free_ uint64_t *sums = calloc(g->pgpus.n + 1, sizeof(uint64_t));
        _cleanup_(tournament_done) Tournament tournament = {};
        _cleanup_free_ Pgpu **chosen = NULL;
        HoldsDenial denial = {};
        size_t n;
        int r;

        if (!places || !sums)
                return -ENOMEM;

        n = places_init(places, sums, g, t, &denial.possible);
        if (denial.possible < count) {
                (void) group_capacity(g, t, &denial.nearest);
                denial.code = denial.possible > 0 ? ERROR_PGPU_INSUFFICIENT_CAPACITY : denial.nearest.code;
                if (denial.nearest.pgpu)
                        pgpu_remedy(denial.nearest.pgpu, t, /* own= */ NULL, /* d= */ NULL, &denial.remedy);
                *ret_denial = denial;
                return 0;
        }

        chosen = calloc((size_t) count + 1, sizeof(Pgpu *));
        r = chosen ? tournament_init(&tournament, g->algorithm, places, n) : -ENOMEM;
        if (r < 0)
                return r;

        for (uint32_t i = 0; i < count; i++) {
                Place *best = tournament.winners[1];

                chosen[i] = best->pgpu;
                best->capacity--;
                --*best->host_sum;
                best->stranding = 0;
                tournament_play(&tournament, best->host);
        }

        *ret_pgpus = take_ptr(chosen);
        *ret_denial = denial;
        return 0;
}
