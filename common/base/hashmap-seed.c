/*
 * What a table's hash is keyed by: its own address, which nobody outside knows
 *
 * A file of its own, so that a program in which tables must have one order in every run links another function in its place.
 */

#include "common/base/hashmap.h"

uint64_t hashmap_seed(const HashMap *m) {
        return (uint64_t) (uintptr_t) m;
}
