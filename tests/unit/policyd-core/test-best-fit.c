/*
 * best-fit against XenServer's two algorithms
 *
 * A simulation that anyone can run: VMs of mixed types come to a pool of K2 hosts, stay for a while and
 * leave. Some PGPUs have some types disabled, as in pools that people have tuned by hand. The same arrivals
 * are given to each algorithm, at loads around what the pool can hold; the table says how many VMs were
 * refused. best-fit must refuse fewer than either of the others in each mix.
 */

#include <stdio.h>

#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX
#define N_HOSTS 8
#define N_PGPUS 4 /* on each host: two K2 cards */
#define N_ARRIVALS 1500
#define N_TRACES 6
#define N_VMS_MAX 320

typedef struct Mix {
        const char *name;
        uint32_t shares[_WORLD_TYPE_MAX]; /* of 100 */
        uint32_t stay;                    /* arrivals that a VM stays for, on average */
} Mix;

static const Mix mixes[] = {
        {"desktops and some designers", {[K200] = 60, [K240Q] = 30, [K260Q] = 10}, 150},
        {"designers", {[K200] = 20, [K240Q] = 40, [K260Q] = 40}, 90},
        {"all kinds, whole GPUs too", {[K200] = 40, [K240Q] = 30, [K260Q] = 22, [PASSTHROUGH] = 8}, 90},
};

static World *simulation_pool(GroupAlgorithm algorithm) {
        World *w = world_new();
        Dice d = {.state = 2013};

        pool_set_group_algorithm(w->pool, w->groups[K2], algorithm);
        for (size_t i = 0; i < N_HOSTS; i++) {
                char name[8];
                Host *h;

                snprintf(name, sizeof(name), "host%zu", i);
                h = world_host(w, name);
                pool_set_host_memory(w->pool, h, 1024 * GIB, 1024 * GIB);
                for (size_t j = 0; j < N_PGPUS; j++) {
                        Pgpu *p = world_pgpu(w, h, K2);

                        for (WorldType t = K200; t <= PASSTHROUGH; t++)
                                if (roll(&d, 4) == 0)
                                        world_disable_type(w, p, t);
                }
        }
        return w;
}

static WorldType pick_type(const Mix *mix, Dice *d) {
        uint32_t n = roll(d, 100), sum = 0;

        for (WorldType t = 0; t < END; t++) {
                sum += mix->shares[t];
                if (n < sum)
                        return t;
        }

        return K200;
}

/* What comes and how long it stays does not depend on the algorithm: the dice are rolled alike, placed or
 * not. */
static uint32_t count_refused(const Mix *mix, GroupAlgorithm algorithm, uint64_t seed) {
        _cleanup_world_ World *w = simulation_pool(algorithm);
        struct {
                Vm *vm;
                uint32_t leaves;
        } there[N_VMS_MAX] = {};
        Dice d = {.state = seed};
        uint32_t n_refused = 0;

        for (uint32_t now = 0; now < N_ARRIVALS; now++) {
                WorldType type = pick_type(mix, &d);
                uint32_t leaves = now + 1 + roll(&d, mix->stay) + roll(&d, mix->stay);
                Vm *vm = world_vm(w, "vm", END);
                Allocation a;
                size_t free = N_VMS_MAX;

                for (size_t i = 0; i < N_VMS_MAX; i++) {
                        if (there[i].vm && there[i].leaves <= now) {
                                pool_remove(w->pool, &there[i].vm->object);
                                there[i].vm = NULL;
                        }
                        if (!there[i].vm)
                                free = i;
                }

                world_vgpu(w, vm, w->groups[K2], w->types[type]);
                demand_note(w->pool, vm);
                a = world_start(w, vm);
                if (a.refusal.code == ERROR_NONE) {
                        assert_int_equal(allocation_apply(w->pool, vm, NULL, &a), 0);
                        assert_true(free < N_VMS_MAX);
                        there[free].vm = vm;
                        there[free].leaves = leaves;
                } else {
                        n_refused++;
                        pool_remove(w->pool, &vm->object);
                }
                allocation_done(&a);
                world_drain(w);
        }

        return n_refused;
}

static void best_fit_refuses_fewer(void **state) {
        const Mix *mix = *state;
        uint32_t n_refused[_GROUP_ALGORITHM_MAX] = {};

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                for (uint64_t trace = 1; trace <= N_TRACES; trace++)
                        n_refused[a] += count_refused(mix, a, trace * 104729);
                printf("%-30s %-14s refused %5u of %u\n", mix->name, group_algorithm_to_string(a),
                        n_refused[a], N_TRACES * N_ARRIVALS);
        }

        assert_true(n_refused[ALGORITHM_BEST_FIT] < n_refused[ALGORITHM_DEPTH_FIRST]);
        assert_true(n_refused[ALGORITHM_BEST_FIT] < n_refused[ALGORITHM_BREADTH_FIRST]);
}

int main(void) {
        struct CMUnitTest tests[ARRAY_SIZE(mixes)];

        for (size_t i = 0; i < ARRAY_SIZE(mixes); i++)
                tests[i] = (struct CMUnitTest){.name = mixes[i].name,
                        .test_func = best_fit_refuses_fewer,
                        .initial_state = (void *) &mixes[i]};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
