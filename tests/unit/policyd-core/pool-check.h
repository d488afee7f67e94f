#pragma once

/*
 * The invariants of the pool
 *
 * For tests of whatever changes or rebuilds a pool. Looks at everything, so it costs what the pool is big.
 */

#include "policyd/pool/pool.h"

/*
 * NULL when all is well; else a sentence that names the object and what is wrong with it, written into buf.
 * Lists agree both ways, sums of sizes agree, nothing is over its capacity, a PGPU runs only types that may
 * be together, unions of groups are the unions.
 */
const char *pool_check(const Pool *pool, char *buf, size_t size);
