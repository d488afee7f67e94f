#pragma once

/*
 * A workload: calls of policyd's interface, by chance, in states where they make sense and where they do not
 */

#include "tests/proof/world.h"

void work_begin(World *w); /* the hosts are added */
void work_call(World *w);  /* one call */

/* Of a VM's record. */
#define WORK_CONFIG                                                                                          \
        "\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576,\"target_memkb\":"       \
        "1048576,\"max_vcpus\":1}}"
/* What came of the last call, to the history: it failed, was refused, or waits for its commit. Frees the refusal. */
void came_of(World *w, int r, Refusal *refusal);
