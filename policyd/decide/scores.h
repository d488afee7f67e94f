#pragma once

/*
 * Scores, kept between decisions
 *
 * A decision asks the same of every host: can it be used, how much memory is free, what is there beside GPUs,
 * and which scores it has for what the VM wants. The answers are kept in arrays, one entry for each host in
 * the order of names, so that one pass over them finds the best hosts of the pool (search.c). The first three
 * are the same for all starts and stand in a Place; scores are kept for each demand (the types, groups and
 * pinned addresses of a VM's VGPUs) that was made so far.
 *
 * The pool notes the hosts that changed (pool->notes). Their places are read again before the next decision,
 * and stamped with its number. A host's scores are computed again when a pass finds that it was stamped after
 * the demand was last asked.
 *
 * Demands that are asked for often are kept current instead: most hosts change in one of their PGPUs, which the
 * pool notes too, so that for a demand of one VGPU that PGPU alone is looked at. What each PGPU offers is kept in a
 * byte. Boards of today have dozens of types and each start changes the scores of all: without these bytes a decision
 * took three times as long, and more than the 5 % of a commit of docs/performance.md.
 */

#include "policyd/decide/assign.h"
#include "policyd/decide/verdict.h"

#define PLACE_CONNECTING _ERROR_MAX /* in place of a code: not heard from yet */

typedef struct Place {
        const Host *host;
        uint64_t changed; /* number of the decision before which it last changed */
        uint64_t special; /* number of the last decision in which it ranks elsewhere than its scores say */
        uint64_t memory;  /* free and not booked */
        uint64_t facts;   /* hash of networks, storage, IOMMU and HVM */
        uint32_t first;   /* of its PGPUs, among those of all places */
        bool uneven;      /* starts failed there: it never ranks as its scores say */
        uint16_t code;    /* why it cannot be used; ERROR_NONE: it can */
} Place;

/*
 * With best-fit, scores change with every request, since each counts as demand for its types. What a VGPU
 * takes from other types on a PGPU does not change. There are few such fits, however many PGPUs there are; a
 * decision weighs each once.
 */
typedef struct Fit {
        uint32_t capacity;
        uint32_t n_losses;
        PgpuLoss *losses;
        uint64_t score; /* in this decision */
} Fit;

#define FITS_MAX 64 /* so many different fits are kept */

/*
 * What a PGPU offers to a demand of one VGPU. 0: it is not of the group; up to ROOM_NONE_MAX: nothing, for twice that code, and one more where a
 * reservation holds what is there; above: with best-fit the number of its fit, from 1, else how many fit there.
 */
typedef uint8_t Room;
#define ROOM_NONE_MAX 127
#define ROOM_MANY UINT8_MAX /* more than a byte tells: the host is asked */
_Static_assert(2 * _ERROR_MAX <= ROOM_NONE_MAX && ROOM_NONE_MAX + FITS_MAX < ROOM_MANY, "what a Room tells");

/* A key: lower is better. A host whose GPUs do not fit has one key, with this bit and the code in the low 16:
 * the nearest miss first. */
#define KEY_MISS (UINT64_C(1) << 63)
#define KEY_NO_PGPU (UINT64_C(1) << 40) /* of such: it has no PGPU of the group */

typedef struct DemandScores {
        Demand demand; /* without VM and reservation */
        bool best_fit;
        uint64_t asked;   /* number of the decision that last asked */
        uint64_t current; /* the scores are as of this one */
        Assigner *assigner;
        Room *rooms; /* for each PGPU, as Place.first says; NULL: not kept, for several VGPUs or a pinned one */
        uint64_t *keys; /* n_keys for each place, one for each kind of VGPU, and for several VGPUs the spread of their PGPUs */
        size_t n_keys;
        uint64_t *masks; /* with best-fit, for each place whose GPUs fit: bit i: it has fits[i]; 0: there are
                            too many, it is asked each time */
        Fit fits[FITS_MAX];
        size_t n_fits;
} DemandScores;

typedef struct Scores {
        Place *places;
        size_t n, n_pgpus;
        uint64_t now;     /* number of this decision */
        PtrArray demands; /* DemandScores */
} Scores;

/* Brings the scores up to date with the pool and begins a new decision. The pool is const, because nothing
 * that it shows changes. -ENOMEM. */
int scores_refresh(const Pool *pool, Scores **ret);
/* NULL in ret: none are kept for such a demand (different or pinned VGPUs with best-fit). d has no
 * reservation. */
int scores_get(Scores *s, const Demand *d, DemandScores **ret);

/* The keys of a place, from those PGPUs of the host (PGPU_BIT) and what is kept of the others; -ENOMEM. */
int scores_work_out(const Scores *s, DemandScores *d, size_t at, uint64_t pgpus);
uint64_t scores_ask_host(
        const DemandScores *d, const Host *h); /* best-fit's score where there are too many fits */

/* The keys of a place that can be used are brought up to date: where it changed since they were, and always
 * with best-fit. -ENOMEM. */
static inline int scores_ask(const Scores *s, DemandScores *d, size_t at) {
        const Place *p = &s->places[at];
        uint64_t *key = d->keys + at * d->n_keys, least = UINT64_MAX;
        int r;

        if (p->changed > d->current) {
                r = scores_work_out(s, d, at, PGPU_BITS_ALL);
                if (r < 0)
                        return r;
        }
        if (!d->best_fit || *key & KEY_MISS)
                return 0;
        for (uint64_t rest = d->masks[at]; rest; rest &= rest - 1)
                least = MIN_OF(least, d->fits[__builtin_ctzll(rest)].score);
        *key = d->masks[at] ? least : scores_ask_host(d, p->host);
        return 0;
}

/* The scores of the VGPUs that the keys stand for. */
void demand_scores_of(const DemandScores *d, const uint64_t *keys, uint64_t *ret_scores);
uint32_t demand_spread_of(const DemandScores *d, const uint64_t *keys);

/* For the checker: whether what is kept of a host is what it would be if it were worked out anew. It is then; -ENOMEM. */
int scores_check(const Pool *pool, const Host *h, bool *ret_same);
