#pragma once

/*
 * The comparison of the algorithms
 *
 * For each pool, mix and load the same traces go to each algorithm, one for each seed. Means come with the
 * half width of their 95 % interval (Student's t). The differences are paired: best-fit less the other on the
 * same trace.
 */

#include "policyd/pool/pool.h"
#include "tests/sim/mix.h"
#include "tests/sim/replay.h"

typedef struct Mean {
        double mean, half; /* mean +- half */
} Mean;

Mean mean_of(const double *values, size_t n);

typedef struct AlgorithmResult {
        Mean refused;      /* VMs, % of the arrivals */
        Mean refused_size; /* % of the size asked for */
        Mean stranded;     /* PGPUs */
        Mean opened;       /* PGPUs */
        Mean openings;
        Mean difference; /* VMs that best-fit refused less this one's, % of the arrivals */
} AlgorithmResult;

typedef struct Scenario {
        const char *pool;
        Mix mix;
        double load;
        size_t n_seeds;
        Mean arrivals, bound; /* bound: % of the arrivals */
        AlgorithmResult algorithms[_GROUP_ALGORITHM_MAX];
} Scenario;

#define COMPARE_LOADS 2
#define COMPARE_POOLS 2
#define COMPARE_SCENARIOS (COMPARE_POOLS * _MIX_MAX * COMPARE_LOADS)
#define COMPARE_SEEDS_MAX 1000

/* In the order of pools, mixes, loads. */
int compare_all(size_t n_seeds, Scenario ret[static COMPARE_SCENARIOS]);
/* best-fit refuses fewer than both others on average, or, in the morning, no more. */
bool scenario_is_met(const Scenario *s);

void compare_print(const Scenario *scenarios, size_t n);
/* JSON text; the caller frees it. */
char *compare_to_json(const Scenario *scenarios, size_t n);
