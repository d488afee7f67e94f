#pragma once

/*
 * A loop over an array of the pool
 *
 *   for_each(const Host, h, hosts) {…}                     each item in turn, as h; break and continue do as they should
 *   for_each_while(r == 0, const Vgpu, v, &vm->vgpus) {…}  the same, as long as the condition holds
 *
 * The array is looked at anew for each item, so it may grow in the meantime.
 */

#include "policyd/pool/pool.h"

/* The inner loop runs once for each item; one that was left by break leaves "go" set, which ends the outer one. */
#define for_each_while(condition, T, item, array)                                                            \
        for (size_t item##_i = 0, item##_go = 1;                                                             \
                item##_go && item##_i < (array)->n && (condition); item##_go = !item##_go, item##_i++)       \
                for (T *item = (array)->items[item##_i]; item##_go; item##_go = !item##_go)
#define for_each(T, item, array) for_each_while(true, T, item, array)
