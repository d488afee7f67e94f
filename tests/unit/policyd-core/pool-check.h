#pragma once

/*
 * The invariants of the pool, for tests of whatever changes or rebuilds one (policyd/check)
 */

#include "policyd/pool/pool.h"

/* NULL when all is well; else the first finding, written into buf. */
const char *pool_check(const Pool *pool, char *buf, size_t size);
