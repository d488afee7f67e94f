#pragma once

/*
 * NVIDIA's boards, as the emulated machine has them
 *
 * A board is a PCI Express switch with one GPU behind each of its ports, so that each is function 0 of a bus
 * of its own. A board for desks has the sound of its screens' cables too, as function 1 of the same slot.
 */

#include "tests/xen/machine/function.h"

typedef struct Board {
        const char *name;
        unsigned n_gpus;
        FunctionSpec gpu;
        FunctionSpec sound; /* no vendor: none */
} Board;

/* NULL when there is no such board. */
const Board *board_find(const char *name);
