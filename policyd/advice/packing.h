#pragma once

/*
 * What a group could hold if it were packed otherwise
 *
 * The difference between what is free now and what would be free in a perfectly packed pool is fragmentation. Both
 * count usable PGPUs with the type enabled.
 */

#include "policyd/decide/allocate.h"

/*
 * Of now free instances of t, how many would be if the group's VGPUs and held instances could be moved at will among the PGPUs that have their types
 * enabled. Exact where types do not share a PGPU; where they do, what the free room in sum would give.
 */
uint64_t group_capacity_packed(const GpuGroup *g, const VgpuType *t, uint64_t now);

/* The usable PGPUs with nothing on them, one for those that support and have enabled the same types; how many. */
#define EMPTY_KINDS_MAX 16
size_t group_find_empty(const GpuGroup *g, Pgpu *ret[static EMPTY_KINDS_MAX]);
/* Of now free instances of `of` in its group, how many are once `empty` was given to t, enabled there where it was not. */
uint64_t capacity_after(uint64_t now, const Pgpu *empty, const VgpuType *t, const VgpuType *of);
