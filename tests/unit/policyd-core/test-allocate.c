/*
 * Which host and PGPU a start gets, what reservations change, and what an explanation tells
 */

#include <stdio.h>
#include <time.h>

#include "policyd/decide/verdict.h"
#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX

#define _cleanup_allocation_ _cleanup_(allocation_done)

static void depth_first_fills_the_fullest(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        world_resident(p.w, p.a[2], K100);
        assert_ptr_equal(pair_start(&p, K100), p.a[2]);
        assert_ptr_equal(pair_start(&p, K100), p.a[2]);
        /* Another type opens the first free PGPU of the host with the least capacity for it: alpha again. */
        assert_ptr_equal(pair_start(&p, K140Q), p.a[0]);
}

static void breadth_first_spreads(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        pool_set_group_algorithm(p.w->pool, p.w->groups[K1], ALGORITHM_BREADTH_FIRST);
        world_resident(p.w, p.a[0], K100);
        assert_ptr_equal(pair_start(&p, K100), p.b[0]);
        assert_ptr_equal(pair_start(&p, K100), p.a[1]);
        assert_ptr_equal(pair_start(&p, K100), p.b[1]);
}

static void best_fit_joins_before_it_opens(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        pool_set_group_algorithm(p.w->pool, p.w->groups[K1], ALGORITHM_BEST_FIT);
        world_resident(p.w, p.b[3], K100);
        world_resident(p.w, p.b[2], K140Q);
        assert_ptr_equal(pair_start(&p, K140Q), p.b[2]);
        assert_ptr_equal(pair_start(&p, K100), p.b[3]);
        /* Of two that are opened already, the fuller. */
        world_resident(p.w, p.a[1], K100);
        assert_ptr_equal(pair_start(&p, K100), p.b[3]);
}

static void best_fit_opens_what_strands_least(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        pool_set_group_algorithm(p.w->pool, p.w->groups[K1], ALGORITHM_BEST_FIT);
        /* On beta's last PGPU only K100 is enabled, so that opening it for K100 takes nothing from others. */
        assert_int_equal(pool_set_pgpu_enabled(p.w->pool, p.b[3], &p.w->types[K100], 1), 0);
        assert_ptr_equal(pair_start(&p, K100), p.b[3]);
}

static void best_fit_weighs_by_demand(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VgpuType *with_k140q[] = {p.w->types[K100], p.w->types[K140Q]},
                 *with_passthrough[] = {p.w->types[K100], p.w->types[PASSTHROUGH]};

        pool_set_group_algorithm(p.w->pool, p.w->groups[K1], ALGORITHM_BEST_FIT);
        for (size_t i = 0; i < 4; i++) {
                assert_int_equal(pool_set_pgpu_enabled(p.w->pool, p.a[i], with_k140q, 2), 0);
                assert_int_equal(pool_set_pgpu_enabled(p.w->pool, p.b[i], with_passthrough, 2), 0);
        }

        /* Four K140Q are lost on alpha, one passthrough on beta: beta, unless passthrough is what people ask
         * for. */
        p.w->types[PASSTHROUGH]->demand = 90;
        p.w->types[K140Q]->demand = 10;
        assert_ptr_equal(pair_start(&p, K100), p.a[0]);

        p.w->types[PASSTHROUGH]->demand = 0;
        p.w->types[K140Q]->demand = 10;
        p.w->types[K100]->demand = 10;
        for (size_t i = 0; i < 7; i++)
                world_resident(p.w, p.a[0], K100);
        assert_ptr_equal(pair_start(&p, K100), p.b[0]);
}

/* Placing a K200 costs an empty K2 its four K240Q, two K260Q and one passthrough, each at its type's share. */
static void what_is_stranded_is_weighed_in_millionths(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        p.w->types[K240Q]->demand = 30;
        p.w->types[K260Q]->demand = 10;
        assert_int_equal(pgpu_stranding(p.k2[0], p.w->types[K200], NULL), 4 * 750000 + 2 * 250000);
        world_resident(p.w, p.k2[0], K200);
        assert_int_equal(pgpu_stranding(p.k2[0], p.w->types[K200], NULL), 0);
}

static void old_demand_fades(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END), *other = world_vm(p.w, "other", K140Q, END);

        for (size_t i = 0; i < 2000; i++)
                demand_note(p.w->pool, other);
        for (size_t i = 0; i < 4096; i++)
                demand_note(p.w->pool, vm);
        assert_int_equal(p.w->types[K100]->demand, 2048);
        assert_int_equal(p.w->types[K140Q]->demand, 1000);
}

static void all_vgpus_or_none(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *two = world_vm(p.w, "two", K260Q, K260Q, K240Q, END),
           *three = world_vm(p.w, "three", K260Q, K240Q, K200, END);
        _cleanup_allocation_ Allocation refused = {};

        world_run(p.w, two);
        assert_ptr_equal(((Vgpu *) two->vgpus.items[0])->scheduled_on, p.k2[0]);
        assert_ptr_equal(((Vgpu *) two->vgpus.items[1])->scheduled_on, p.k2[0]);
        assert_ptr_equal(((Vgpu *) two->vgpus.items[2])->scheduled_on, p.k2[1]);
        assert_int_equal(allocation_release(p.w->pool, two), 0);
        assert_null(two->scheduled_on);

        /* Three types need three PGPUs. */
        refused = world_start(p.w, three);
        assert_refused(&refused.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY,
                "beta cannot take 1 x GRID K260Q, 1 x GRID K240Q and 1 x GRID K200 at once",
                "2 hosts: 1 full, 1 without a GPU of the group", NULL);
        assert_null(refused.pgpus);
}

static void whole_gpus_are_counted_in_a_refusal(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *three = world_vm(p.w, "three", END);
        _cleanup_allocation_ Allocation some = {}, none = {};

        for (size_t i = 0; i < 3; i++)
                world_vgpu(p.w, three, p.w->groups[K2], p.w->types[PASSTHROUGH]);
        some = world_start(p.w, three);
        assert_refused(&some.refusal, ERROR_VM_REQUIRES_GPU, "beta has 2 of 2 whole GPUs free, and 3 are wanted", NULL);
        world_resident(p.w, p.k2[0], K200);
        world_resident(p.w, p.k2[1], K200);
        none = world_start(p.w, three);
        assert_refused(&none.refusal, ERROR_VM_REQUIRES_GPU, "beta has 0 of 2 whole GPUs free, and 3 are wanted: 0000:", NULL);
}

static void a_greedy_choice_is_taken_back(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K200, K260Q, END);

        /* K260Q is possible on the first only; K200, which comes first and likes the first, must make way. */
        world_disable_type(p.w, p.k2[1], K260Q);
        world_run(p.w, vm);
        assert_ptr_equal(((Vgpu *) vm->vgpus.items[0])->scheduled_on, p.k2[1]);
        assert_ptr_equal(((Vgpu *) vm->vgpus.items[1])->scheduled_on, p.k2[0]);
}

static void memory_decides_inside_a_tier(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 10 * GIB);
        assert_ptr_equal(pair_start(&p, K100), p.b[0]);

        /* A better tier goes before more memory. */
        world_resident(p.w, p.a[0], K100);
        world_resident(p.w, p.a[0], K100);
        assert_ptr_equal(pair_start(&p, K100), p.a[0]);
}

static void memory_that_comes_back_is_found(void **state) {
        for (GroupAlgorithm algorithm = 0; algorithm < _GROUP_ALGORITHM_MAX; algorithm++) {
                _cleanup_pair_ Pair p = pair_new();
                Vm *vm = world_vm(p.w, "vm", K100, END);
                _cleanup_(allocation_done) Allocation a = {};

                pool_set_group_algorithm(p.w->pool, p.w->groups[K1], algorithm);
                pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 512 * MIB);
                pool_set_host_memory(p.w->pool, p.beta, 64 * GIB, 512 * MIB);
                a = world_start(p.w, vm);
                assert_int_equal(a.refusal.code, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY);

                pool_set_host_memory(p.w->pool, p.beta, 64 * GIB, 2 * GIB);
                world_run(p.w, vm);
                assert_ptr_equal(vm->scheduled_on, p.beta);
        }
}

#define N_CROWD 1300

/* The first of those with the most memory; PGPUs are taken nowhere, so that all stay one tier. */
static const Host *richest_of(const PtrArray *hosts) {
        const Host *best = NULL;

        for (size_t i = 0; i < hosts->n; i++) {
                const Host *h = hosts->items[i];

                if (!best || h->memory_free > best->memory_free ||
                        (h->memory_free == best->memory_free &&
                                strcmp(h->name_label, best->name_label) < 0))
                        best = h;
        }
        return best;
}

static void the_richest_of_many_hosts_is_found(void **state) {
        for (GroupAlgorithm algorithm = 0; algorithm < _GROUP_ALGORITHM_MAX; algorithm++) {
                _cleanup_world_ World *w = world_new();
                const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
                Vm *vm = world_vm(w, "vm", K200, END);
                uint32_t dice = 7;

                pool_set_group_algorithm(w->pool, w->groups[K2], algorithm);
                for (size_t i = 0; i < N_CROWD; i++) {
                        char name[16];

                        snprintf(name, sizeof(name), "host%04zu", i * 7 % N_CROWD);
                        world_pgpu(w, world_host(w, name), K2);
                }
                for (size_t i = 0; i < 500; i++) {
                        _cleanup_(allocation_done) Allocation a = {};

                        for (size_t k = 0; k < i % 8; k++) {
                                dice = dice * 1664525 + 1013904223;
                                pool_set_host_memory(w->pool, hosts->items[(dice >> 8) % N_CROWD], 96 * GIB,
                                        (48 + (dice >> 26) % 32) * GIB);
                        }
                        /* The richest loses: the next is to be found. */
                        pool_set_host_memory(
                                w->pool, (Host *) richest_of(hosts), 96 * GIB, (2 + i % 64) * GIB);
                        a = world_start(w, vm);
                        assert_ptr_equal(a.host, richest_of(hosts));
                }
        }
}

static void booked_memory_is_not_given_twice(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END);

        vm->memory = 40 * GIB;
        world_run(p.w, vm);
        assert_true(host_memory_available(p.alpha) == 24 * GIB);
        vm->memory_counted = true;
        assert_true(host_memory_available(p.alpha) == 64 * GIB);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);
        assert_false(vm->memory_counted);
        assert_true(host_memory_available(p.alpha) == 64 * GIB);

        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, GIB);
        world_run(p.w, vm);
        assert_ptr_equal(vm->scheduled_on, p.beta);
}

static void affinity_decides_inside_a_tier(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END);
        Uuid machine;

        pool_set_host_memory(p.w->pool, p.beta, 64 * GIB, 2 * GIB);
        assert_int_equal(text_set(&vm->affinity, "beta"), 1);
        world_run(p.w, vm);
        assert_ptr_equal(vm->scheduled_on, p.beta);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);

        assert_int_equal(text_set(&vm->affinity, UUID_TEXT(&p.beta->object.id)), 1);
        world_run(p.w, vm);
        assert_ptr_equal(vm->scheduled_on, p.beta);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);

        machine = world_id(p.w);
        pool_set_host_machine(p.w->pool, p.beta, &machine);
        assert_int_equal(text_set(&vm->affinity, UUID_TEXT(&p.beta->host_uuid)), 1);
        world_run(p.w, vm);
        assert_ptr_equal(vm->scheduled_on, p.beta);
}

static void a_vm_without_vgpus_goes_where_memory_is(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", END);
        _cleanup_allocation_ Allocation a = {};

        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, GIB);
        world_run(p.w, vm);
        assert_ptr_equal(vm->scheduled_on, p.beta);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);

        vm->memory = 65 * GIB;
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY, "beta is 1 GiB short", NULL);
}

static void runners_up_are_named(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_allocation_ Allocation a = world_start(p.w, world_vm(p.w, "vm", K100, END));

        assert_ptr_equal(a.host, p.alpha);
        assert_int_equal(a.score, 32);
        assert_int_equal(a.n_runners_up, 1);
        assert_ptr_equal(a.runners_up[0].host, p.beta);
        assert_int_equal(a.runners_up[0].score, 32);
        assert_int_equal(a.counts[ERROR_NONE], 2);
}

static void a_host_that_refused_is_avoided(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        const Host *avoid[] = {p.alpha, p.beta};
        AllocRequest request = {.vm = world_vm(p.w, "vm", K100, END), .avoid = avoid, .n_avoid = 1};
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {};

        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &a), 0);
        assert_ptr_equal(a.host, p.beta);

        request.n_avoid = 2;
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &b), 0);
        assert_refused(&b.refusal, ERROR_NO_HOSTS_AVAILABLE, "2 refused it just now", NULL);

        request.only = p.alpha;
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &c), 0);
        assert_refused(&c.refusal, ERROR_NO_HOSTS_AVAILABLE,
                "cannot start on alpha: the host has refused it just now", NULL);
}

static void thirty_two_k100_fill_a_k1_and_no_more(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        _cleanup_allocation_ Allocation a = {};

        for (size_t i = 0; i < 4; i++)
                world_pgpu(w, h, K1);
        for (size_t i = 0; i < 32; i++) {
                Vm *vm = world_vm(w, "vm", K100, END);

                world_run(w, vm);
                world_settle(w, vm);
                assert_pool_is_sound(w);
        }

        a = world_start(w, world_vm(w, "one too many", K100, END));
        assert_refused(&a.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY, "VM 'one too many'",
                "GRID K100 needs 1/8 of a PGPU", "0000:80:00.0 of alpha is full",
                "Shut down one of the VMs there", "1 host: 1 full", NULL);
        assert_int_equal(a.nearest.code, ERROR_PGPU_INSUFFICIENT_CAPACITY);
}

/* Reservations */

static Reservation *reserve(World *w, const char *name, WorldType type, uint32_t count) {
        GpuGroup *g = w->groups[type == K100 || type == K140Q ? K1 : K2];
        _cleanup_free_ Pgpu **pgpus = NULL;
        _cleanup_refusal_ Refusal refusal = {};
        Uuid id = world_id(w);
        Reservation *r;

        assert_int_equal(holds_in_words(w->pool, g, w->types[type], count, &pgpus, &refusal), 0);
        if (refusal.code != ERROR_NONE)
                fail_msg("%s", refusal.message);
        assert_int_equal(pool_add_reservation(w->pool, &id, 0, name, g, w->types[type], count, &r), 0);
        for (uint32_t i = 0; i < count; i++)
                assert_int_equal(pool_hold(w->pool, r, pgpus[i]), 0);
        return r;
}

static void holds_count_as_used_for_others_only(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Reservation *r = reserve(p.w, "demo", K260Q, 4);
        Vm *vm = world_vm(p.w, "vm", K260Q, END);
        AllocRequest request = {.vm = vm, .reservation = r};
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {};

        assert_int_equal(pgpu_capacity(p.k2[0], p.w->types[K260Q]), 0);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY, "reservation 'demo'", NULL);
        b = world_start(p.w, world_vm(p.w, "other", K200, END));
        assert_refused(&b.refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE, "is kept for GRID K260Q",
                "Destroy reservation 'demo'. ", NULL);

        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &c), 0);
        assert_int_equal(c.refusal.code, ERROR_NONE);
        assert_int_equal(allocation_apply(p.w->pool, vm, r, &c), 0);
        assert_int_equal(r->holds.n, 3);
        assert_ptr_equal(vm->reservation, r);
        assert_pool_is_sound(p.w);

        /* A start that fails gives back what it used up. */
        assert_int_equal(allocation_release(p.w->pool, vm), 0);
        assert_int_equal(r->holds.n, 4);
        assert_null(vm->reservation);
}

static void what_is_held_goes_first(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Reservation *r;
        Vm *vm = world_vm(p.w, "vm", K100, K100, END);
        AllocRequest request = {.vm = vm};
        _cleanup_allocation_ Allocation a = {};
        Uuid id = world_id(p.w);

        /* Held on two PGPUs of beta; depth-first alone would take the fullest, which is on alpha. */
        assert_int_equal(
                pool_add_reservation(p.w->pool, &id, 0, "demo", p.w->groups[K1], p.w->types[K100], 2, &r), 0);
        assert_int_equal(pool_hold(p.w->pool, r, p.b[1]), 0);
        assert_int_equal(pool_hold(p.w->pool, r, p.b[2]), 0);
        for (size_t i = 0; i < 4; i++)
                world_resident(p.w, p.a[0], K100);

        request.reservation = r;
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &a), 0);
        assert_ptr_equal(a.pgpus[0], p.b[1]);
        assert_ptr_equal(a.pgpus[1], p.b[2]);
        assert_int_equal(allocation_apply(p.w->pool, vm, r, &a), 0);
        assert_int_equal(r->holds.n, 0);

        /* Once resident, what was used up is spent. */
        world_settle(p.w, vm);
        pool_set_vm_booking(p.w->pool, vm, BOOKING_RESIDENT, NULL);
        assert_null(vm->reservation);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);
        assert_int_equal(r->holds.n, 0);
}

/* Where types share a PGPU, what is held for one stays closed to the other, and opens as it is used. */
static void holds_of_types_that_share_a_pgpu(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        const char *both[] = {p.w->types[K200]->identifier, p.w->types[K240Q]->identifier, NULL};
        Vm *fits = world_vm(p.w, "fits", K200, K240Q, K240Q, K240Q, END),
           *does_not = world_vm(p.w, "does not", K200, K200, K200, K240Q, K240Q, K240Q, END);
        AllocRequest request = {.vm = fits};
        _cleanup_allocation_ Allocation a = {}, b = {};
        Uuid id = world_id(p.w);
        Reservation *r;

        assert_int_equal(pool_set_type_compatible(p.w->pool, p.w->types[K200], both, NULL), 0);
        assert_int_equal(pool_set_type_compatible(p.w->pool, p.w->types[K240Q], both, NULL), 0);
        pool_set_pgpu_present(p.w->pool, p.k2[1], false);
        assert_int_equal(
                pool_add_reservation(p.w->pool, &id, 0, "demo", p.w->groups[K2], p.w->types[K200], 2, &r), 0);
        assert_int_equal(pool_hold(p.w->pool, r, p.k2[0]), 0);
        assert_int_equal(pool_hold(p.w->pool, r, p.k2[0]), 0);

        request.reservation = r;
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &a), 0);
        assert_int_equal(a.refusal.code, ERROR_NONE);
        assert_int_equal(allocation_apply(p.w->pool, fits, r, &a), 0);
        assert_int_equal(r->holds.n, 1);
        assert_int_equal(p.k2[0]->used, PGPU_SIZE);
        assert_pool_is_sound(p.w);
        assert_int_equal(allocation_release(p.w->pool, fits), 0);
        assert_int_equal(r->holds.n, 2);

        request.vm = does_not;
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &b), 0);
        assert_refused(
                &b.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY, "3 x GRID K200 and 3 x GRID K240Q", NULL);
}

static void holds_are_placed_as_the_algorithm_says(void **state) {
        static const GroupAlgorithm algorithms[] = {
                ALGORITHM_DEPTH_FIRST, ALGORITHM_BREADTH_FIRST, ALGORITHM_BEST_FIT};
        static const size_t n_pgpus[] = {1, 8, 1};

        for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
                _cleanup_pair_ Pair p = pair_new();
                size_t used = 0;

                pool_set_group_algorithm(p.w->pool, p.w->groups[K1], algorithms[i]);
                reserve(p.w, "demo", K100, 8);
                for (size_t j = 0; j < 4; j++)
                        used += (p.a[j]->used > 0) + (p.b[j]->used > 0);
                assert_int_equal(used, n_pgpus[i]);
        }
}

static void too_large_a_reservation_is_refused(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_free_ Pgpu **pgpus = NULL;
        _cleanup_refusal_ Refusal a = {}, b = {}, c = {};

        assert_int_equal(holds_in_words(p.w->pool, p.w->groups[K2], p.w->types[K260Q], 5, &pgpus, &a), 0);
        assert_refused(&a, ERROR_PGPU_INSUFFICIENT_CAPACITY, "room for 4 GRID K260Q, not for 5", NULL);

        assert_int_equal(holds_in_words(p.w->pool, p.w->groups[K2], p.w->types[K100], 1, &pgpus, &b), 0);
        assert_refused(&b, ERROR_VGPU_TYPE_NOT_SUPPORTED, "does not support GRID K100", NULL);

        assert_int_equal(
                holds_in_words(p.w->pool, world_group(p.w, "empty"), p.w->types[K100], 1, &pgpus, &c), 0);
        assert_refused(&c, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, "contains no PGPUs", NULL);

        /* Passthrough joins nothing, itself included. */
        {
                _cleanup_refusal_ Refusal d = {};

                assert_int_equal(
                        holds_in_words(p.w->pool, p.w->groups[K2], p.w->types[PASSTHROUGH], 2, &pgpus, &d),
                        0);
                assert_int_equal(d.code, ERROR_NONE);
                assert_ptr_not_equal(pgpus[0], pgpus[1]);
        }
}

/* Explanations */

typedef struct Heard {
        size_t n_hosts, n_pgpus, n_possible;
        char text[4096];
} Heard;

static void hear_text(Heard *heard, const StrBuf *b) {
        snprintf(heard->text + strlen(heard->text), sizeof(heard->text) - strlen(heard->text), "%s|",
                strempty(b->text));
}

static void hear_pgpu(
        const Host *h, const Vgpu *vgpu, const PgpuVerdict *v, const PgpuRemedy *remedy, void *userdata) {
        _cleanup_strbuf_ StrBuf b = {};
        Heard *heard = userdata;

        heard->n_pgpus++;
        sentence_remedy(&b, remedy);
        hear_text(heard, &b);
}

static void hear_host(const HostVerdict *v, void *userdata) {
        _cleanup_strbuf_ StrBuf b = {};
        Heard *heard = userdata;

        heard->n_hosts++;
        heard->n_possible += v->code == ERROR_NONE;
        assert_int_equal(v->code == ERROR_NONE, v->pgpus != NULL);
        sentence_host_verdict(&b, v);
        hear_text(heard, &b);
}

static Heard explain(World *w, const AllocRequest *request) {
        Heard heard = {};
        AllocVisitor visitor = {.host = hear_host, .pgpu = hear_pgpu, .userdata = &heard};
        _cleanup_allocation_ Allocation a = {}, plain = {};

        assert_int_equal(allocate_in_words(w->pool, request, &visitor, &a), 0);
        assert_int_equal(allocate_in_words(w->pool, request, NULL, &plain), 0);
        assert_int_equal(a.refusal.code, plain.refusal.code);
        assert_ptr_equal(a.host, plain.host);
        return heard;
}

static void assert_heard(const Heard *heard, const char *words) {
        if (!strstr(heard->text, words))
                fail_msg("'%s' is not in: %s", words, heard->text);
}

static void equal_vgpus_are_told_together(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K260Q, K260Q, K240Q, END),
           *twins = world_vm(p.w, "twins", K260Q, K260Q, END);
        _cleanup_allocation_ Allocation refused = {};
        Heard heard = explain(p.w, &(AllocRequest){.vm = vm});

        assert_heard(&heard, "would be chosen: 2 x GRID K260Q at ");
        assert_heard(&heard, ", GRID K240Q at ");

        world_resident(p.w, p.k2[0], K200);
        world_resident(p.w, p.k2[1], K200);
        refused = world_start(p.w, twins);
        assert_refused(&refused.refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                "VM 'twins' cannot start: 2 x GRID K260Q need half of a PGPU each; ", NULL);
}

static void every_host_and_pgpu_is_explained(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Host *gamma = world_host(p.w, "gamma"), *delta = world_host(p.w, "delta"),
             *epsilon = world_host(p.w, "epsilon");
        Vm *vm = world_vm(p.w, "vm", K100, END);
        AllocRequest request = {.vm = vm};
        Heard heard;

        world_pgpu(p.w, delta, K1);
        world_pgpu(p.w, epsilon, K1);
        pool_set_host_memory(p.w->pool, epsilon, 64 * GIB, 512 * MIB);
        pool_set_host_enabled(p.w->pool, delta, false);
        for (size_t i = 0; i < 4; i++)
                world_resident(p.w, p.a[i], K140Q);

        heard = explain(p.w, &request);
        assert_int_equal(heard.n_hosts, 5);
        assert_int_equal(heard.n_pgpus, 10);
        assert_int_equal(heard.n_possible, 1);
        assert_heard(&heard, "beta would be chosen: GRID K100 at 0000:80:00.0.");
        assert_heard(&heard, "0000:80:00.0 of alpha runs GRID K140Q for VM 'vm-");
        assert_heard(&heard, "delta is disabled.");
        assert_heard(&heard,
                "gamma has no PGPU of group 'K1 group'. The group has 0000:80:00.0 of alpha and 9 more.");
        assert_heard(&heard, "epsilon is 512 MiB short of memory");

        request.avoid = (const Host *const[]){p.beta};
        request.n_avoid = 1;
        heard = explain(p.w, &request);
        assert_heard(&heard, "beta has refused this start just now.");
        assert_non_null(gamma);
}

/* The hardest of ordinary questions stays short. */
static void infeasible_by_one_is_decided_fast(void **state) {
        static const WorldType wanted[] = {K200, K240Q, K260Q};
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "h");
        Vm *vm = world_vm(w, "vm", END);
        _cleanup_allocation_ Allocation a = {};
        struct timespec before, after;
        int64_t best = INT64_MAX;

        /* 16 PGPUs: K260Q only on the first three, each with something else about it; the VM wants seven
         * K260Q and one K240Q. */
        for (size_t i = 0; i < 16; i++) {
                Pgpu *p = world_pgpu(w, h, K2);

                if (i >= 3)
                        world_disable_type(w, p, K260Q);
                if (i % 3 == 1)
                        world_disable_type(w, p, PASSTHROUGH);
                if (i >= 8)
                        world_resident(w, p, wanted[i % 2]);
        }
        for (size_t i = 0; i < 8; i++)
                world_vgpu(w, vm, w->groups[K2], w->types[i == 3 ? K240Q : K260Q]);

        for (size_t i = 0; i < 20; i++) {
                allocation_done(&a);
                clock_gettime(CLOCK_MONOTONIC, &before);
                a = world_start(w, vm);
                clock_gettime(CLOCK_MONOTONIC, &after);
                best = MIN_OF(best, (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + after.tv_nsec -
                                            before.tv_nsec);
        }
        assert_refused(&a.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY, "7 x GRID K260Q", NULL);
        print_message("refused in %.1f us\n", (double) best / 1000);
        /* 100 us in a release build; sanitizers take a multiple. */
        assert_true(best < 1000 * 1000);
}

static void too_many_vgpus_are_an_error(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", END);
        AllocRequest request = {.vm = vm};
        Allocation a;

        for (size_t i = 0; i < 22; i++)
                world_vgpu(p.w, vm, p.w->groups[K1], p.w->types[K100]);
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &a), -EINVAL);
}

static void only_a_placement_can_be_booked(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END);
        Allocation a = {};

        assert_int_equal(allocation_apply(p.w->pool, vm, NULL, &a), -EINVAL);
        assert_null(vm->scheduled_on);
}

static void a_type_that_stands_alone_is_held_apart(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_free_ Pgpu **pgpus = NULL;
        _cleanup_refusal_ Refusal refusal = {};

        assert_int_equal(pool_set_type_compatible(
                                 p.w->pool, p.w->types[K100], (const char *const[]){NULL}, NULL),
                0);
        assert_int_equal(
                holds_in_words(p.w->pool, p.w->groups[K1], p.w->types[K100], 2, &pgpus, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_ptr_not_equal(pgpus[0], pgpus[1]);
}

/* Hosts and PGPUs that are alike are taken in their order, so that the same pool always gives the same answer. */
static void of_equals_the_first_is_held(void **state) {
        for (GroupAlgorithm algorithm = 0; algorithm < _GROUP_ALGORITHM_MAX; algorithm++) {
                _cleanup_pair_ Pair p = pair_new();
                _cleanup_free_ Pgpu **pgpus = NULL;
                _cleanup_refusal_ Refusal refusal = {};

                pool_set_group_algorithm(p.w->pool, p.w->groups[K1], algorithm);
                assert_int_equal(
                        holds_in_words(p.w->pool, p.w->groups[K1], p.w->types[K100], 1, &pgpus, &refusal), 0);
                assert_ptr_equal(pgpus[0], p.a[0]);
        }
}

/* Many at once stand where they would stand if they were asked for one after another. */
static void holding_many_is_holding_one_by_one(void **state) {
        Dice d = {.state = 20};

        for (size_t round = 0; round < 60; round++) {
                _cleanup_pair_ Pair p = pair_new();
                _cleanup_free_ Pgpu **many = NULL;
                GpuGroup *g = p.w->groups[K1];
                VgpuType *t = p.w->types[(const WorldType[]){K100, K140Q, PASSTHROUGH}[roll(&d, 3)]];
                _cleanup_refusal_ Refusal refusal = {};
                uint32_t n;

                pool_set_group_algorithm(p.w->pool, g, (GroupAlgorithm) roll(&d, _GROUP_ALGORITHM_MAX));
                for (size_t i = 0; i < 8; i++) {
                        Pgpu *pgpu = i < 4 ? p.a[i] : p.b[i - 4];
                        WorldType runs = roll(&d, 2) ? K100 : K140Q;

                        for (uint32_t used = roll(&d, 4); used > 0; used--)
                                world_resident(p.w, pgpu, runs);
                        if (roll(&d, 5) == 0)
                                world_disable_type(p.w, pgpu, K140Q);
                }

                n = (uint32_t) group_capacity(g, t, NULL);
                assert_int_equal(holds_in_words(p.w->pool, g, t, n, &many, &refusal), 0);
                for (uint32_t i = 0; i < n; i++) {
                        _cleanup_free_ Pgpu **one = NULL;
                        Uuid id = world_id(p.w);
                        Reservation *r;

                        assert_int_equal(holds_in_words(p.w->pool, g, t, 1, &one, &refusal), 0);
                        assert_ptr_equal(one[0], many[i]);
                        assert_int_equal(pool_add_reservation(p.w->pool, &id, 0, "one", g, t, 1, &r), 0);
                        assert_int_equal(pool_hold(p.w->pool, r, one[0]), 0);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(depth_first_fills_the_fullest),
                cmocka_unit_test(breadth_first_spreads),
                cmocka_unit_test(best_fit_joins_before_it_opens),
                cmocka_unit_test(best_fit_opens_what_strands_least),
                cmocka_unit_test(best_fit_weighs_by_demand),
                cmocka_unit_test(what_is_stranded_is_weighed_in_millionths),
                cmocka_unit_test(old_demand_fades),
                cmocka_unit_test(all_vgpus_or_none),
                cmocka_unit_test(whole_gpus_are_counted_in_a_refusal),
                cmocka_unit_test(a_greedy_choice_is_taken_back),
                cmocka_unit_test(memory_decides_inside_a_tier),
                cmocka_unit_test(memory_that_comes_back_is_found),
                cmocka_unit_test(the_richest_of_many_hosts_is_found),
                cmocka_unit_test(booked_memory_is_not_given_twice),
                cmocka_unit_test(affinity_decides_inside_a_tier),
                cmocka_unit_test(a_vm_without_vgpus_goes_where_memory_is),
                cmocka_unit_test(runners_up_are_named),
                cmocka_unit_test(a_host_that_refused_is_avoided),
                cmocka_unit_test(thirty_two_k100_fill_a_k1_and_no_more),
                cmocka_unit_test(holds_count_as_used_for_others_only),
                cmocka_unit_test(what_is_held_goes_first),
                cmocka_unit_test(holds_of_types_that_share_a_pgpu),
                cmocka_unit_test(holds_are_placed_as_the_algorithm_says),
                cmocka_unit_test(too_large_a_reservation_is_refused),
                cmocka_unit_test(equal_vgpus_are_told_together),
                cmocka_unit_test(every_host_and_pgpu_is_explained),
                cmocka_unit_test(infeasible_by_one_is_decided_fast),
                cmocka_unit_test(too_many_vgpus_are_an_error),
                cmocka_unit_test(only_a_placement_can_be_booked),
                cmocka_unit_test(a_type_that_stands_alone_is_held_apart),
                cmocka_unit_test(of_equals_the_first_is_held),
                cmocka_unit_test(holding_many_is_holding_one_by_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
