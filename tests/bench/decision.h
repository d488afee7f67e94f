#pragma once

/*
 * The parts of the benchmark of decisions
 */

#include "tests/bench/bench.h"

/* Starts that are not just one VGPU anywhere, refusals, the hardest assignment, and memory. */
int bench_decision_cases(Report *r);
