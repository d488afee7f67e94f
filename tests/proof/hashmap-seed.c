/*
 * Tables in one order in every run (common/base/hashmap-seed.c)
 */

#include "common/base/hashmap.h"

uint64_t hashmap_seed(const HashMap *m) {
        return UINT64_C(0x5eed);
}
