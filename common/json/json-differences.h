#pragma once

/*
 * How two JSON objects differ, for people
 */

#include "common/base/strbuf.h"

/*
 * Adds "c_info.name 'a' → 'b', b_info.max_memkb 1024 → 2048" to b: at most n_max members that differ, each value short; of one that is
 * called a password only that it changed. Returns how many differ. Texts that are not JSON objects differ as one.
 */
size_t json_differences(const char *before, const char *after, size_t n_max, StrBuf *b);
