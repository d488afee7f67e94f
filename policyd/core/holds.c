/*
 * What a reservation would hold
 *
 * Instances are chosen one after another, each as a placement would be: the host by the group's algorithm,
 * then the PGPU on it. Working counts stand in for the pool, which allocate_holds() does not change.
 */

#include "policyd/core/pool-internal.h"
#include "policyd/core/sentence.h"
#include "policyd/core/verdict.h"

typedef struct Place {
        Pgpu *pgpu;
        uint32_t capacity;
        uint64_t stranding; /* nothing once the reservation itself has opened it */
        uint64_t *host_sum; /* capacity of all places on its host */
} Place;

/* As a placement would choose: the host by what it has left in sum, then the PGPU on it. */
static bool place_is_better(GroupAlgorithm algorithm, const Place *a, const Place *b) {
        bool most_first = algorithm == ALGORITHM_BREADTH_FIRST;

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

static int refuse_holds(const GpuGroup *g, const VgpuType *t, uint32_t count, uint64_t possible,
        const PgpuVerdict *nearest, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};
        ErrorCode code = possible > 0 ? ERROR_PGPU_INSUFFICIENT_CAPACITY : nearest->code;

        strbuf_addf(&b, "Group '%s' has room for %llu %s, not for %u", g->name_label,
                (unsigned long long) possible, type_label(t), count);
        if (possible > 0)
                strbuf_add(&b, ". Reserve fewer, or shut down VMs in the group.");
        else if (!nearest->pgpu)
                strbuf_add(&b, ": it contains no PGPUs. Move PGPUs to it, or take another group.");
        else {
                strbuf_add(&b, ": ");
                sentence_verdict(&b, nearest, t);
                strbuf_add(&b, ". ");
                sentence_remedy(&b, nearest, t, /* own= */ NULL);
                strbuf_add(&b, ".");
        }
        return refusal_take(ret, code, &b);
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

                place.stranding = pgpu_stranding(place.pgpu, t, NULL);
                place.host_sum = sums;
                *sums += place.capacity;
                *ret_possible += place.capacity;
                places[n++] = place;
        }

        return n;
}

int allocate_holds(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus,
        Refusal *ret) {
        _cleanup_free_ Place *places = calloc(g->pgpus.n + 1, sizeof(Place));
        _cleanup_free_ uint64_t *sums = calloc(g->pgpus.n + 1, sizeof(uint64_t));
        _cleanup_free_ Pgpu **chosen = NULL;
        PgpuVerdict nearest;
        uint64_t possible;
        size_t n;

        if (!places || !sums)
                return -ENOMEM;

        n = places_init(places, sums, g, t, &possible);
        if (possible < count) {
                (void) group_capacity(g, t, &nearest);
                return refuse_holds(g, t, count, possible, &nearest, ret);
        }

        chosen = calloc((size_t) count + 1, sizeof(Pgpu *));
        if (!chosen)
                return -ENOMEM;

        for (uint32_t i = 0; i < count; i++) {
                Place *best = NULL;

                for (size_t j = 0; j < n; j++)
                        if (places[j].capacity > 0 &&
                                (!best || place_is_better(g->algorithm, &places[j], best)))
                                best = &places[j];

                chosen[i] = best->pgpu;
                best->capacity--;
                --*best->host_sum;
                best->stranding = 0;
        }

        *ret_pgpus = take_ptr(chosen);
        return 0;
}
