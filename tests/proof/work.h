#pragma once

/*
 * A workload: calls of policyd's interface, by chance, in states where they make sense and where they do not
 */

#include "tests/proof/world.h"

void work_begin(World *w); /* the hosts are added */
void work_call(World *w);  /* one call */
