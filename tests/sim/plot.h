#pragma once

/*
 * Plots of the comparison, as SVG
 *
 * allocation-refused.svg: refused VMs for each pool, mix and load, with 95 % intervals and the bound.
 * allocation-opened.svg: how many PGPUs each algorithm has opened in the course of one morning.
 * allocation-stranded.svg: room that only the type that runs there can use.
 */

#include "tests/sim/compare.h"

/* 0, or a negative errno from writing. */
int plot_all(const Scenario *scenarios, size_t n, const char *folder);
