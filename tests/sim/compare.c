/*
 * Comparing the algorithms
 */

#include <math.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "tests/sim/bound.h"
#include "tests/sim/compare.h"

static const char *const pools[COMPARE_POOLS] = {"even", "unequal"};
static const double loads[COMPARE_LOADS] = {0.9, 1.1};

/* Student's t at 97.5 %, by Fisher's expansion in 1/df. */
static double student_t(size_t df) {
        double z = 1.959964, n = (double) df;

        return z + (pow(z, 3) + z) / (4 * n) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n) +
               (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * n * n * n);
}

Mean mean_of(const double *values, size_t n) {
        double sum = 0, squares = 0, mean;

        for (size_t i = 0; i < n; i++)
                sum += values[i];
        mean = sum / (double) n;
        for (size_t i = 0; i < n; i++)
                squares += (values[i] - mean) * (values[i] - mean);

        return (Mean){
                .mean = mean,
                .half = n > 1 ? student_t(n - 1) * sqrt(squares / (double) (n - 1) / (double) n) : 0,
        };
}

/* Values of one scenario, a row for each seed's trace. */
typedef struct Samples {
        double arrivals[COMPARE_SEEDS_MAX], bound[COMPARE_SEEDS_MAX];
        struct {
                double refused[COMPARE_SEEDS_MAX], refused_size[COMPARE_SEEDS_MAX],
                        stranded[COMPARE_SEEDS_MAX], opened[COMPARE_SEEDS_MAX], openings[COMPARE_SEEDS_MAX];
        } algorithms[_GROUP_ALGORITHM_MAX];
} Samples;

static int sample_seed(const Shape *s, const Scenario *scenario, size_t i, Samples *samples) {
        _cleanup_trace_ Trace t = {};
        int r;

        r = mix_generate(scenario->mix, s, scenario->load, i + 1, &t);
        if (r >= 0)
                r = refusal_bound(s, &t, &samples->bound[i]);
        if (r < 0)
                return r;

        samples->arrivals[i] = (double) t.n;
        samples->bound[i] *= 100 / (double) t.n;
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                Outcome o;

                r = replay(s, &t, a, NULL, &o);
                if (r < 0)
                        return r;
                samples->algorithms[a].refused[i] = 100 * (double) o.n_refused / (double) t.n;
                samples->algorithms[a].refused_size[i] = 100 * o.refused_size / o.asked_size;
                samples->algorithms[a].stranded[i] = o.stranded;
                samples->algorithms[a].opened[i] = o.opened;
                samples->algorithms[a].openings[i] = (double) o.n_openings;
        }

        return 0;
}

static void summarize(const Samples *samples, size_t n, Scenario *ret) {
        const double *best = samples->algorithms[ALGORITHM_BEST_FIT].refused;
        double differences[COMPARE_SEEDS_MAX];

        ret->n_seeds = n;
        ret->arrivals = mean_of(samples->arrivals, n);
        ret->bound = mean_of(samples->bound, n);
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                for (size_t i = 0; i < n; i++)
                        differences[i] = best[i] - samples->algorithms[a].refused[i];
                ret->algorithms[a] = (AlgorithmResult){
                        .refused = mean_of(samples->algorithms[a].refused, n),
                        .refused_size = mean_of(samples->algorithms[a].refused_size, n),
                        .stranded = mean_of(samples->algorithms[a].stranded, n),
                        .opened = mean_of(samples->algorithms[a].opened, n),
                        .openings = mean_of(samples->algorithms[a].openings, n),
                        .difference = mean_of(differences, n),
                };
        }
}

static int compare_scenario(const Shape *s, size_t n_seeds, Scenario *scenario) {
        _cleanup_free_ Samples *samples = calloc(1, sizeof(Samples));
        int r = samples ? 0 : -ENOMEM;

        for (size_t i = 0; i < n_seeds && r >= 0; i++)
                r = sample_seed(s, scenario, i, samples);
        if (r >= 0)
                summarize(samples, n_seeds, scenario);
        return r;
}

int compare_all(size_t n_seeds, Scenario ret[static COMPARE_SCENARIOS]) {
        size_t n = 0;

        for (size_t p = 0; p < COMPARE_POOLS; p++) {
                const char *text = shape_text(pools[p]);
                _cleanup_shape_ Shape s = {};
                char error[256];
                int r;

                r = shape_parse(text, strlen(text), &s, error, sizeof(error));
                for (Mix m = 0; m < _MIX_MAX && r >= 0; m++)
                        for (size_t l = 0; l < COMPARE_LOADS && r >= 0; l++) {
                                ret[n] = (Scenario){.pool = pools[p], .mix = m, .load = loads[l]};
                                r = compare_scenario(&s, n_seeds, &ret[n++]);
                        }
                if (r < 0)
                        return r;
        }

        return 0;
}

bool scenario_is_met(const Scenario *s) {
        double best = s->algorithms[ALGORITHM_BEST_FIT].refused.mean;

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                double other = s->algorithms[a].refused.mean;

                if (a != ALGORITHM_BEST_FIT && (s->mix == MIX_MORNING ? best > other : best >= other))
                        return false;
        }

        return true;
}

void compare_print(const Scenario *scenarios, size_t n) {
        printf("%-8s %-8s %4s  %-14s %15s %15s %13s %8s %9s  %18s\n", "pool", "mix", "load", "algorithm",
                "refused VMs, %", "refused size, %", "stranded", "opened", "openings", "best-fit less it");
        for (size_t i = 0; i < n; i++) {
                const Scenario *s = &scenarios[i];

                for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                        const AlgorithmResult *r = &s->algorithms[a];

                        printf("%-8s %-8s %4.1f  %-14s %7.2f +- %4.2f %7.2f +- %4.2f %5.2f +- %4.2f %8.2f "
                               "%9.1f",
                                s->pool, mix_to_string(s->mix), s->load, group_algorithm_to_string(a),
                                r->refused.mean, r->refused.half, r->refused_size.mean, r->refused_size.half,
                                r->stranded.mean, r->stranded.half, r->opened.mean, r->openings.mean);
                        if (a != ALGORITHM_BEST_FIT)
                                printf("  %8.3f +- %5.3f", r->difference.mean, r->difference.half);
                        putchar('\n');
                }
                printf("%-8s %-8s %4.1f  %-14s %7.2f +- %4.2f   of %.0f arrivals, %zu seeds; best-fit %s\n\n",
                        s->pool, mix_to_string(s->mix), s->load, "nobody below", s->bound.mean, s->bound.half,
                        s->arrivals.mean, s->n_seeds, scenario_is_met(s) ? "is best" : "IS NOT BEST");
        }
}

static int add_mean(struct json_object *o, const char *member, const Mean *m) {
        struct json_object *value = json_object_new_object();

        if (!value)
                return -ENOMEM;
        if (json_add_double(value, "mean", m->mean) < 0 || json_add_double(value, "half", m->half) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return json_add(o, member, value);
}

static int add_algorithms(struct json_object *o, const Scenario *s) {
        struct json_object *all = json_object_new_object();
        int r = json_add(o, "algorithms", all);

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX && r >= 0; a++) {
                const AlgorithmResult *result = &s->algorithms[a];
                struct json_object *one = json_object_new_object();

                r = json_add(all, group_algorithm_to_string(a), one);
                if (r >= 0)
                        r = add_mean(one, "refused_percent", &result->refused);
                if (r >= 0)
                        r = add_mean(one, "refused_size_percent", &result->refused_size);
                if (r >= 0)
                        r = add_mean(one, "stranded_pgpus", &result->stranded);
                if (r >= 0)
                        r = add_mean(one, "opened_pgpus", &result->opened);
                if (r >= 0)
                        r = add_mean(one, "openings", &result->openings);
                if (r >= 0)
                        r = add_mean(one, "best_fit_less_this", &result->difference);
        }

        return r;
}

char *compare_to_json(const Scenario *scenarios, size_t n) {
        _cleanup_json_ struct json_object *all = json_object_new_object();
        struct json_object *list = json_object_new_array();

        if (json_add(all, "scenarios", list) < 0)
                return NULL;

        for (size_t i = 0; i < n; i++) {
                const Scenario *s = &scenarios[i];
                struct json_object *o = json_object_new_object();

                if (!o || json_object_array_add(list, o) < 0)
                        return NULL;
                if (json_add_string(o, "pool", s->pool) < 0 ||
                        json_add_string(o, "mix", mix_to_string(s->mix)) < 0 ||
                        json_add_double(o, "load", s->load) < 0 || json_add_u64(o, "seeds", s->n_seeds) < 0 ||
                        add_mean(o, "arrivals", &s->arrivals) < 0 ||
                        add_mean(o, "bound_percent", &s->bound) < 0 || add_algorithms(o, s) < 0 ||
                        json_add_bool(o, "met", scenario_is_met(s)) < 0)
                        return NULL;
        }

        return json_to_text(all);
}
