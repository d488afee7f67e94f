#pragma once

/*
 * A pool of policyd/pool in which VGPUs come and go
 *
 * Hosts of eight PGPUs that enable three types, or of sixteen that enable twenty, filled to a share; VMs that went are
 * kept, and start again.
 */

#include "tests/bench/bench.h"
#include "tests/sim/dice.h"
#include "tests/sim/world.h"

#define N_TYPES_MAX 20
#define VM_MEMORY (UINT64_C(4) << 30)

typedef struct VmList {
        Vm **items;
        size_t n, size;
} VmList;

typedef struct BenchPool {
        Shape shape;
        SimWorld world;
        Dice dice;
        size_t n_pgpus, n_types;
        VmList running, halted[N_TYPES_MAX];
        size_t n_running; /* to be kept */
} BenchPool;

/* percent of each PGPU on average; -ENOMEM. */
int bench_pool_make(BenchPool *b, size_t hosts, bool wide, uint32_t percent, GroupAlgorithm algorithm);
void bench_pool_done(BenchPool *b);

Pgpu *bench_pool_pgpu(const BenchPool *b, size_t i);
size_t dice_below(Dice *d, size_t n);

/* What one VM's coming and another's going took, in ns. */
typedef struct Turn {
        double decision, booking, leaving;
        bool refused;
} Turn;

/* A halted VM with one VGPU of a random type starts; then as many random ones stop as are too many. */
int bench_pool_turn(BenchPool *b, Turn *ret);
/* A new halted VM with one VGPU of the type; N_TYPES_MAX: passthrough. */
int bench_pool_add_vm(BenchPool *b, size_t type, Vm **ret);
/* Books it there by force, for what is not to be measured. */
int bench_pool_put(BenchPool *b, Vm *vm, Pgpu *p);
