#pragma once

/*
 * Dice of our own, so that every machine sees the same pools
 */

#include "tests/unit/policyd-core/world.h"

typedef struct Dice {
        uint64_t state; /* the seed; not 0 */
} Dice;

uint32_t roll(Dice *d, uint32_t sides); /* 0 … sides - 1 */

/* One to four VGPUs of any types, some of them pinned. */
Vm *random_vm(World *w, Dice *d);
