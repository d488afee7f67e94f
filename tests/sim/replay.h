#pragma once

/*
 * Replaying a trace
 *
 * Each arrival is one start; what finds no room goes away for good. VMs leave before others arrive at the
 * same moment. Means over time run from the first arrival to the last.
 */

#include "tests/sim/world.h"

typedef struct Outcome {
        size_t n_arrivals, n_refused;
        double asked_size, refused_size; /* sums of sizes, in PGPUs */
        double stranded; /* mean room on PGPUs that run VGPUs and are not full, in PGPUs: lost to other types
                          */
        double opened;   /* mean number of PGPUs that run anything */
        size_t opened_most;
        size_t n_openings;                           /* times that a VGPU went to an untouched PGPU */
        size_t refused_by_type[SHAPE_TYPES_MAX + 1]; /* last: passthrough; each VGPU of a refused VM */
} Outcome;

/* Told after each arrival, for plots. */
typedef struct ReplayWatcher {
        void (*step)(double at, size_t n_opened, size_t n_refused, void *userdata);
        void *userdata;
} ReplayWatcher;

int replay(const Shape *s, const Trace *t, GroupAlgorithm algorithm, const ReplayWatcher *watcher_or_null,
        Outcome *ret);
