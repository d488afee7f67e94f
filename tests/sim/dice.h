#pragma once

/*
 * Dice with a seed
 *
 * splitmix64: the same seed rolls the same numbers on every machine.
 */

#include <math.h>
#include <stdint.h>

typedef struct Dice {
        uint64_t state;
} Dice;

static inline uint64_t dice_next(Dice *d) {
        uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

/* In [0, 1). */
static inline double dice_uniform(Dice *d) {
        return (double) (dice_next(d) >> 11) * 0x1p-53;
}

static inline double dice_exponential(Dice *d, double mean) {
        return -mean * log1p(-dice_uniform(d));
}
