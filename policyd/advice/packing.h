#pragma once

/*
 * What a group could hold if it were packed otherwise
 *
 * The difference between what is free now and what would be free in a perfectly packed pool is fragmentation. Both
 * count usable PGPUs with the type enabled.
 */

#include "policyd/decide/allocate.h"

/*
 * How many instances of t would be free if the group's VGPUs and held instances could be moved at will among the PGPUs that have their
 * types enabled; now: how many are free. Exact if types do not share a PGPU; else what the sum of the free room would give.
 */
uint64_t group_capacity_packed(const GpuGroup *g, const VgpuType *t, uint64_t now);

/* Finds usable PGPUs with nothing on them, one for each kind that supports and has enabled the same types;
 * returns how many. */
#define EMPTY_KINDS_MAX 16
size_t group_find_empty(const GpuGroup *g, Pgpu *ret[static EMPTY_KINDS_MAX]);
/* How many instances of `of` are free in its group after the PGPU `empty` was given to t, and t was enabled there; now:
 * how many are free before. */
uint64_t capacity_after(uint64_t now, const Pgpu *empty, const VgpuType *t, const VgpuType *of);
