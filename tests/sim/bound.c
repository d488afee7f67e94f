/*
 * Lower bounds on refusals
 *
 * The moments that matter are those of arrivals: nothing grows in between. With a price y[m] at moment m,
 * capacity P and sizes s[v]:  accepted <= P * sum(y) + sum over v of max(0, 1 - s[v] * sum of y over v's
 * stay).
 */

#include "tests/sim/bound.h"

#define N_STEPS 300

typedef struct Stay {
        size_t from, to; /* moments [from, to) */
        double size;
} Stay;

typedef struct Prices {
        Stay *stays;
        double *price, *sums, *use; /* sums[m]: prices before m; use[m]: size of what is worth keeping at m */
        size_t n;
        double capacity;
} Prices;

static void prices_done(Prices *p) {
        free(p->stays);
        free(p->price);
        free(p->sums);
        free(p->use);
}

static int compare_at(const void *key, const void *member) {
        double at = *(const double *) key, m = *(const double *) member;

        return at < m ? -1 : at > m;
}

/* The stays of one group; moments are its own arrivals. */
static int prices_init(Prices *p, const Shape *s, const Trace *t, size_t group) {
        _cleanup_free_ double *moments = calloc(t->n + 1, sizeof(double));
        size_t n = 0;

        p->stays = calloc(t->n + 1, sizeof(Stay));
        p->price = calloc(t->n + 1, sizeof(double));
        p->sums = calloc(t->n + 2, sizeof(double));
        p->use = calloc(t->n + 2, sizeof(double));
        if (!moments || !p->stays || !p->price || !p->sums || !p->use)
                return -ENOMEM;

        p->capacity = shape_group_pgpus(s, group);
        for (size_t i = 0; i < t->n; i++) {
                const Arrival *a = &t->items[i];

                if (a->n_vgpus == 0 || a->vgpus[0].group != group)
                        continue;
                p->stays[n] = (Stay){.from = n, .size = arrival_size(s, a)};
                moments[n++] = a->at;
        }
        p->n = n;

        for (size_t i = 0, k = 0; i < t->n; i++) {
                const Arrival *a = &t->items[i];
                double end = a->at + a->stay;
                size_t low = k, high = n;

                if (a->n_vgpus == 0 || a->vgpus[0].group != group)
                        continue;
                while (low < high) {
                        size_t middle = (low + high) / 2;

                        if (compare_at(&end, &moments[middle]) > 0)
                                low = middle + 1;
                        else
                                high = middle;
                }
                p->stays[k].to = MAX_OF(low, k + 1);
                k++;
        }

        return 0;
}

/* The bound on what is accepted at the present prices; fills in use. */
static double prices_evaluate(Prices *p) {
        double accepted;

        for (size_t m = 0; m < p->n; m++) {
                p->sums[m + 1] = p->sums[m] + p->price[m];
                p->use[m] = 0;
        }
        p->use[p->n] = 0;

        accepted = p->capacity * p->sums[p->n];
        for (size_t i = 0; i < p->n; i++) {
                const Stay *v = &p->stays[i];
                double gain = 1 - v->size * (p->sums[v->to] - p->sums[v->from]);

                if (gain <= 0)
                        continue;
                accepted += gain;
                p->use[v->from] += v->size;
                p->use[v->to] -= v->size;
        }

        for (size_t m = 1; m < p->n; m++)
                p->use[m] += p->use[m - 1];
        return accepted;
}

static double group_bound(Prices *p) {
        double least = (double) p->n;

        for (size_t step = 0; step < N_STEPS; step++) {
                double accepted = prices_evaluate(p), norm = 0, length;

                least = MIN_OF(least, accepted);
                for (size_t m = 0; m < p->n; m++) {
                        double over = p->use[m] - p->capacity;

                        if (over < 0 && p->price[m] <= 0)
                                continue;
                        norm += over * over;
                }
                if (norm <= 0)
                        break;

                /* Polyak's step towards a guess a little better than the best so far. */
                length = (accepted - least + 0.02 * least / (1 + (double) step / 20)) / norm;
                for (size_t m = 0; m < p->n; m++)
                        p->price[m] = MAX_OF(0.0, p->price[m] + length * (p->use[m] - p->capacity));
        }

        return (double) p->n - least;
}

int refusal_bound(const Shape *s, const Trace *t, double *ret) {
        double sum = 0;

        for (size_t g = 0; g < s->n_cards; g++) {
                _cleanup_(prices_done) Prices p = {};
                int r;

                if (s->cards[g].group != g)
                        continue;
                r = prices_init(&p, s, t, g);
                if (r < 0)
                        return r;
                sum += group_bound(&p);
        }

        *ret = sum;
        return 0;
}
