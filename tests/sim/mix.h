#pragma once

/*
 * The three mixes of arrivals
 *
 * morning  VDI: K100 60 %, K140Q 30 %, K200 5 %, K260Q 5 %, arrivals spread over one hour, stays of 8 h
 * churn    all five types equally, Poisson arrivals over 48 h, exponential stays of 2 h on average
 * bursts   churn with a request for a whole PGPU for every tenth arrival, in a group by its number of PGPUs
 *
 * The load is that of the group that is asked for most: what is there at once on average (morning: at the
 * end of the hour), over what the group holds. The same seed gives the same trace.
 */

#include "tests/sim/trace.h"

typedef enum Mix {
        MIX_MORNING,
        MIX_CHURN,
        MIX_BURSTS,
        _MIX_MAX,
        _MIX_INVALID = -EINVAL,
} Mix;

const char *mix_to_string(Mix m);
Mix mix_from_string(const char *text);

/* -EINVAL: the pool lacks a type of the mix. */
int mix_generate(Mix m, const Shape *s, double load, uint64_t seed, Trace *ret);
