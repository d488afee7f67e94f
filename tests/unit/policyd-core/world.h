#pragma once

/*
 * Pools for tests
 *
 * A World is a pool with the types of K1 and K2 cards and passthrough, to which a test adds hosts, cards and
 * VMs in a few words. Everything is named and numbered in the order of its making, so that the same words
 * make the same pool. A step that fails ends the test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policyd/words/rules.h"
#include "tests/unit/policyd-core/pool-check.h"
#include "policyd/words/decision-words.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

typedef enum WorldType {
        K100,
        K140Q,
        K200,
        K240Q,
        K260Q,
        PASSTHROUGH,
        _WORLD_TYPE_MAX,
} WorldType;

typedef enum Card {
        K1,
        K2,
} Card;

typedef struct World {
        Pool *pool;
        VgpuType *types[_WORLD_TYPE_MAX];
        GpuGroup *groups[2]; /* of K1 and K2 PGPUs */
        uint32_t ids;
} World;

World *world_new(void);
World *world_free(World *w); /* checks the invariants first */
DEFINE_CLEANUP(World *, world_free)
#define _cleanup_world_ _cleanup_(world_freep)

Uuid world_id(World *w);
VgpuType *world_type_by_name(World *w, const char *name); /* "k140q"; NULL for "" */

/* An online host with 64 GiB, HVM, IOMMU, network xenbr0 and storage /images. */
Host *world_host(World *w, const char *name);
/* One PGPU of the card at the host's next bus, in the card's group. */
Pgpu *world_pgpu(World *w, Host *h, Card card);
GpuGroup *world_group(World *w, const char *name);

/* A halted VM of 1 GiB; VGPUs of the given types, ended by _WORLD_TYPE_MAX, each in the group of its card. */
Vm *world_vm(World *w, const char *name, ...);
Vgpu *world_vgpu(World *w, Vm *vm, GpuGroup *g, VgpuType *t);
/* A VM of its own with one VGPU that is resident, or scheduled, there. */
Vgpu *world_resident(World *w, Pgpu *p, WorldType type);
Vgpu *world_scheduled(World *w, Pgpu *p, WorldType type);

void world_disable_type(World *w, Pgpu *p, WorldType type);

/* As a start decides and words it; what a reservation would hold. */
int allocate_in_words(
        const Pool *pool, const AllocRequest *request, const AllocVisitor *visitor_or_null, Allocation *ret);
int holds_in_words(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus,
        Refusal *ret);

/* allocate_in_words(); the Allocation is kept by the caller. */
Allocation world_start(World *w, Vm *vm);
Allocation world_start_on(World *w, Vm *vm, const Host *h);
/* The scores that are kept give the answer that looking at every host gives; a visitor makes the decider
 * look. */
void assert_decided_alike(const World *w, const AllocRequest *request);
/* Starts and books; the start must succeed. */
void world_run(World *w, Vm *vm);
/* What is booked becomes resident. */
void world_settle(World *w, Vm *vm);

/* The hosts that could run the VM, best first, and their tiers. */
#define RANKED_MAX 64
typedef struct WorldRanking {
        const Host *hosts[RANKED_MAX];
        size_t tiers[RANKED_MAX], n;
} WorldRanking;

WorldRanking world_rank(const World *w, const AllocRequest *request);

/* Takes and forgets all changes; returns how many objects changed. */
size_t world_drain(World *w);
void assert_pool_is_sound(const World *w);
/* The refusal has the code, and its sentence all the words (ended by NULL). */
void assert_refused(const Refusal *r, ErrorCode code, ...);

/* Two hosts: alpha with one K1 card (four PGPUs), beta with one K1 and one K2 card. */
typedef struct Pair {
        World *w;
        Host *alpha, *beta;
        Pgpu *a[4], *b[4], *k2[2];
} Pair;

Pair pair_new(void);
void pair_done(Pair *p);
#define _cleanup_pair_ _cleanup_(pair_done)

/* A new VM with one VGPU, which must find room: where it is booked. */
Pgpu *pair_start(Pair *p, WorldType type);
