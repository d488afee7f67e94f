/*
 * What a reservation would hold
 *
 * Instances are chosen one after another, each as a placement would be: the host by the group's algorithm, then
 * the PGPU on it. Working counts stand in for the pool, which allocate_holds() does not change. A choice changes
 * one host only, so each host's best place is kept, and only that of the changed host is looked for again.
 */

#include "policyd/decide/denial.h"

typedef struct HostRoom HostRoom;

typedef struct Place {
        Pgpu *pgpu;
        HostRoom *host;
        uint32_t capacity;
        uint64_t stranding; /* nothing once the reservation itself has opened it */
        bool last;          /* starts failed there */
} Place;

struct HostRoom {
        uint64_t sum; /* capacity of all its places */
        Place *places, *best;
        size_t n;
};

/* As a placement would choose: the host by what it has left in sum, then the PGPU on it. */
static bool place_is_better(GroupAlgorithm algorithm, const Place *a, const Place *b) {
        bool most_first = algorithm == ALGORITHM_BREADTH_FIRST;

        if (a->last != b->last)
                return b->last;
        if (algorithm == ALGORITHM_BEST_FIT && a->stranding != b->stranding)
                return a->stranding < b->stranding;

        if (algorithm != ALGORITHM_BEST_FIT) {
                if (a->host->sum != b->host->sum)
                        return (a->host->sum < b->host->sum) != most_first;
                if (a->host != b->host)
                        return false;
        }

        return a->capacity != b->capacity && (a->capacity < b->capacity) != most_first;
}

/* The PGPUs with room; a group's PGPUs stand host by host. Returns on how many hosts. */
static size_t find_places(
        Place *places, HostRoom *hosts, const GpuGroup *g, const VgpuType *t, uint64_t *ret_possible) {
        size_t n_hosts = 0, n = 0;

        *ret_possible = 0;
        for (size_t i = 0; i < g->pgpus.n; i++) {
                Place place = {.pgpu = g->pgpus.items[i]};

                place.capacity = pgpu_capacity(place.pgpu, t);
                if (place.capacity == 0)
                        continue;
                if (!type_may_join(t, t))
                        place.capacity = 1;
                if (n == 0 || places[n - 1].pgpu->host != place.pgpu->host)
                        hosts[n_hosts++] = (HostRoom){.places = &places[n]};

                place.host = &hosts[n_hosts - 1];
                place.last = pgpu_standing(place.pgpu, NULL) != PLACE_GOOD;
                place.stranding = pgpu_stranding(place.pgpu, t, NULL);
                place.host->sum += place.capacity;
                place.host->n++;
                *ret_possible += place.capacity;
                places[n++] = place;
        }

        return n_hosts;
}

/* The better of two, of equals the earlier one; NULL is a host without room. */
static Place *better_place(GroupAlgorithm algorithm, Place *a, Place *b) {
        if (!a || a->capacity == 0)
                return b && b->capacity > 0 ? b : NULL;
        return b && b->capacity > 0 && place_is_better(algorithm, b, a) ? b : a;
}

static void host_find_best(HostRoom *h, GroupAlgorithm algorithm) {
        h->best = NULL;
        for (size_t i = 0; i < h->n; i++)
                h->best = better_place(algorithm, h->best, &h->places[i]);
}

static Pgpu *hold_next(HostRoom *hosts, size_t n_hosts, GroupAlgorithm algorithm) {
        Place *best = NULL;

        for (size_t i = 0; i < n_hosts; i++)
                best = better_place(algorithm, best, hosts[i].best);
        best->capacity--;
        best->host->sum--;
        best->stranding = 0;
        host_find_best(best->host, algorithm);
        return best->pgpu;
}

int allocate_holds(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus,
        HoldsDenial *ret_denial) {
        _cleanup_free_ Place *places = calloc(g->pgpus.n + 1, sizeof(Place));
        _cleanup_free_ HostRoom *hosts = calloc(g->pgpus.n + 1, sizeof(HostRoom));
        _cleanup_free_ Pgpu **chosen = NULL;
        HoldsDenial denial = {};
        size_t n_hosts;

        if (!places || !hosts)
                return -ENOMEM;

        n_hosts = find_places(places, hosts, g, t, &denial.possible);
        if (denial.possible < count) {
                (void) group_capacity(g, t, &denial.nearest);
                denial.code = denial.possible > 0 ? ERROR_PGPU_INSUFFICIENT_CAPACITY : denial.nearest.code;
                if (denial.nearest.pgpu)
                        pgpu_remedy(denial.nearest.pgpu, t, /* own= */ NULL, /* d= */ NULL, &denial.remedy);
                *ret_denial = denial;
                return 0;
        }

        chosen = calloc((size_t) count + 1, sizeof(Pgpu *));
        if (!chosen)
                return -ENOMEM;
        for (size_t i = 0; i < n_hosts; i++)
                host_find_best(&hosts[i], g->algorithm);
        for (uint32_t i = 0; i < count; i++)
                chosen[i] = hold_next(hosts, n_hosts, g->algorithm);

        *ret_pgpus = take_ptr(chosen);
        *ret_denial = denial;
        return 0;
}
