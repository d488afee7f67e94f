/*
 * Scores that are kept: the hosts that changed, and what is more than can be kept
 */

#include <stdio.h>

#include "policyd/pool/pool-internal.h"
#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX

static void ask(World *w, const Vm *vm) {
        assert_decided_alike(w, &(AllocRequest){.vm = vm});
}

/* Starts it where the decider says, and asks for the same again. */
static void start(World *w, Vm *vm) {
        _cleanup_(allocation_done) Allocation a = world_start(w, vm);

        if (a.refusal.code == ERROR_NONE)
                assert_int_equal(allocation_apply(w->pool, vm, NULL, &a), 0);
}

static void take_notes(const Pool *pool) {
        while (pool_take_noted(pool, &(uint64_t){0}))
                ;
        pool->notes->all = false;
}

static void hosts_that_change_are_noted_once(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        uint64_t pgpus;
        Vm *vm = world_vm(p.w, "vm", K100, END);

        assert_true(p.w->pool->notes->all);
        take_notes(p.w->pool);
        pool_set_host_memory(p.w->pool, p.beta, 64 * GIB, 32 * GIB);
        pool_set_host_enabled(p.w->pool, p.beta, false);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.beta);
        assert_null(pool_take_noted(p.w->pool, &pgpus));

        /* Where a VM comes, and where it leaves. */
        assert_int_equal(pool_set_vm_scheduled(p.w->pool, vm, p.alpha), 0);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.alpha);
        assert_int_equal(pool_set_vm_scheduled(p.w->pool, vm, NULL), 0);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.alpha);
        assert_int_equal(pool_set_pgpu_disabling(p.w->pool, p.a[0], p.w->types, 1), 0);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.alpha);
        pool_touch(p.w->pool, &vm->object, VM_AFFINITY, /* store= */ true);
        assert_null(pool_take_noted(p.w->pool, &pgpus));
}

/* Nothing but what may offer something else is looked at again. */
static void the_pgpus_that_change_are_noted(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        uint64_t pgpus;
        Vgpu *v;

        take_notes(p.w->pool);
        v = world_scheduled(p.w, p.b[2], K100);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.beta);
        assert_int_equal(pgpus, PGPU_BIT(ptr_array_index(&p.beta->pgpus, p.b[2])));
        assert_int_equal(pool_set_vgpu_scheduled(p.w->pool, v, p.a[1]), 0);
        while (pool_take_noted(p.w->pool, &pgpus))
                assert_int_equal(pgpus & (pgpus - 1), 0);
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 32 * GIB);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.alpha);
        assert_int_equal(pgpus, 0);
        pool_set_host_enabled(p.w->pool, p.alpha, false);
        assert_ptr_equal(pool_take_noted(p.w->pool, &pgpus), p.alpha);
        assert_true(pgpus == PGPU_BITS_ALL);
        assert_false(p.w->pool->notes->all);
        world_pgpu(p.w, p.alpha, K1);
        assert_true(p.w->pool->notes->all);
}

static void a_host_that_goes_is_not_noted(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        uint64_t pgpus;

        take_notes(p.w->pool);
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 32 * GIB);
        pool_set_host_memory(p.w->pool, p.beta, 64 * GIB, 32 * GIB);
        pool_remove(p.w->pool, &p.beta->object);
        assert_null(pool_take_noted(p.w->pool, &pgpus));
        assert_true(p.w->pool->notes->all);
        ask(p.w, world_vm(p.w, "vm", K100, END));
}

static void say(World *w, Host *h, WorldType type, uint32_t instances) {
        const TypeFacts facts = {.size = PGPU_SIZE / instances, .internal_config = "{}"};

        assert_true(pool_set_host_type(w->pool, h, w->types[type], &facts) >= 0);
}

/* Each host counts the types in another way, so that no two PGPUs strand alike. */
static void more_fits_than_are_told_apart(void **state) {
        _cleanup_world_ World *w = world_new();
        Vm *vm;

        pool_set_group_algorithm(w->pool, w->groups[K2], ALGORITHM_BEST_FIT);
        for (uint32_t i = 0; i < 100; i++) {
                Host *h = world_host(w, "host");

                world_pgpu(w, h, K2);
                say(w, h, K200, 8 + i % 10);
                say(w, h, K240Q, 2 + i / 10);
        }
        for (uint32_t i = 0; i < 60; i++) {
                vm = world_vm(w, "vm", i % 2 ? K260Q : K240Q, END);
                ask(w, vm);
                start(w, vm);
        }
        ask(w, world_vm(w, "two", K260Q, K260Q, END));
}

/* More PGPUs on a host than a note tells apart, and more instances than a byte. */
static void more_than_notes_and_rooms_tell(void **state) {
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                _cleanup_world_ World *w = world_new();
                Dice dice = {.state = 5};
                PtrArray running = {};

                pool_set_group_algorithm(w->pool, w->groups[K2], a);
                for (uint32_t i = 0; i < 3; i++) {
                        Host *h = world_host(w, "host");

                        for (uint32_t n = 0; n < 70; n++)
                                world_pgpu(w, h, K2);
                        say(w, h, K200, 100 + 100 * i);
                }
                for (uint32_t i = 0; i < 400; i++) {
                        static const WorldType types[] = {K200, K240Q, K260Q, PASSTHROUGH};
                        Vm *vm = world_vm(w, "vm", END);

                        world_vgpu(w, vm, w->groups[K2], w->types[types[roll(&dice, 4)]]);
                        vm->memory = MIB;
                        ask(w, vm);
                        start(w, vm);
                        assert_int_equal(ptr_array_add(&running, vm), 0);
                        if (roll(&dice, 3) == 0)
                                assert_int_equal(allocation_release(w->pool, running.items[roll(&dice, (uint32_t) running.n)]), 0);
                }
                ptr_array_done(&running);
        }
}

/* So many of one type and so many of another, for more pairs than are kept. */
static void more_demands_than_are_kept(void **state) {
        static const WorldType types[2][2] = {{K100, K140Q}, {K200, K240Q}};
        _cleanup_world_ World *w = world_new();

        for (int i = 0; i < 4; i++) {
                Host *h = world_host(w, "host");

                for (int j = 0; j < 6; j++)
                        world_pgpu(w, h, j % 2 ? K1 : K2);
        }
        for (uint32_t n = 0; n < 200; n++) {
                const WorldType *t = types[n % 2];
                Vm *vm = world_vm(w, "vm", END);

                for (uint32_t i = 0; i < 1 + n / 2 % 10; i++)
                        world_vgpu(w, vm, w->groups[n % 2], w->types[t[0]]);
                for (uint32_t i = 0; i < n / 20; i++)
                        world_vgpu(w, vm, w->groups[n % 2], w->types[t[1]]);
                ask(w, vm);
                if (n % 16 == 0)
                        start(w, vm);
        }
}

/* Networks and memory in many sorts. */
static void hosts_lack_many_things(void **state) {
        _cleanup_world_ World *w = world_new();
        Dice dice = {.state = 11};
        char name[16];

        for (uint32_t i = 0; i < 80; i++) {
                Host *h = world_host(w, "host");
                const char *networks[] = {name, roll(&dice, 4) ? "common" : NULL, NULL};
                const HostFacts facts = {
                        .boot_id = "",
                        .networks = (char *const *) networks,
                        .storage = h->storage,
                        .hvm = roll(&dice, 6) > 0,
                        .iommu = true,
                };

                world_pgpu(w, h, K1);
                snprintf(name, sizeof(name), "net%u", i % 40);
                assert_int_equal(pool_set_host_facts(w->pool, h, &facts), 0);
                pool_set_host_memory(w->pool, h, 64 * GIB, roll(&dice, 8) * GIB);
        }
        for (uint32_t i = 0; i < 60; i++) {
                Vm *vm = world_vm(w, "vm", roll(&dice, 2) ? K100 : K140Q, END);

                snprintf(name, sizeof(name), "net%u", roll(&dice, 44));
                assert_true(strv_set(&vm->networks,
                                    (const char *const[]){roll(&dice, 2) ? name : "common", NULL}) >= 0);
                vm->memory = (1 + roll(&dice, 8)) * GIB;
                ask(w, vm);
                start(w, vm);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hosts_that_change_are_noted_once),
                cmocka_unit_test(the_pgpus_that_change_are_noted),
                cmocka_unit_test(a_host_that_goes_is_not_noted),
                cmocka_unit_test(more_fits_than_are_told_apart),
                cmocka_unit_test(more_than_notes_and_rooms_tell),
                cmocka_unit_test(more_demands_than_are_kept),
                cmocka_unit_test(hosts_lack_many_things),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
