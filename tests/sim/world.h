#pragma once

/*
 * A pool of policyd/pool in the shape that a simulation wants
 *
 * Every host has memory, storage and networks enough, so that GPUs alone decide.
 */

#include "policyd/decide/allocate.h"
#include "tests/sim/shape.h"
#include "tests/sim/trace.h"

typedef struct SimWorld {
        Pool *pool;
        const Shape *shape;
        VgpuType *types[SHAPE_TYPES_MAX], *passthrough;
        GpuGroup *groups[SHAPE_CARDS_MAX]; /* at the index of the group's first card */
        uint64_t ids;
} SimWorld;

/* -ENOMEM. */
int sim_world_new(const Shape *shape, GroupAlgorithm algorithm, SimWorld *ret);
void sim_world_done(SimWorld *w);
#define _cleanup_sim_world_ _cleanup_(sim_world_done)

/* A halted VM as the arrival asks for. */
int sim_world_add_vm(SimWorld *w, const Arrival *a, Vm **ret);
/* Decides and books; *ret_refused when there is no room. */
int sim_world_start(SimWorld *w, Vm *vm, bool *ret_refused);
/* The VM goes, with what it had. */
void sim_world_remove_vm(SimWorld *w, Vm *vm);
/* What changed is nobody's business here. */
void sim_world_forget(SimWorld *w);
