/*
 * VM groups
 *
 * An anti-affine group spreads its VMs over hosts first; what the GPUs say orders hosts with equally many. It
 * never refuses a start. Random pools check the order against that of the same VM without its group.
 */

#include <stdio.h>

#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

static VmGroup *vm_group(World *w, VmPlacement placement) {
        Uuid id = world_id(w);
        VmGroup *g;

        assert_int_equal(pool_add_vm_group(w->pool, &id, 0, "web", placement, &g), 0);
        return g;
}

static Vm *member(World *w, VmGroup *g, const char *name, WorldType type) {
        Vm *vm = world_vm(w, name, type, END);

        assert_int_equal(pool_set_vm_group(w->pool, vm, g), 0);
        return vm;
}

static const Host *run(World *w, Vm *vm) {
        world_run(w, vm);
        return vm->scheduled_on;
}

/* depth-first would put all of them where the first went. */
static void hosts_with_few_members_come_first(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);
        Vm *a = member(p.w, g, "a", K100), *b = member(p.w, g, "b", K100), *c = member(p.w, g, "c", K140Q);
        const Host *first = run(p.w, a);

        assert_ptr_not_equal(run(p.w, b), first);
        /* As many on both: the GPUs decide, as for anyone. */
        assert_int_equal(pool_set_vm_group(p.w->pool, c, NULL), 0);
        {
                _cleanup_(allocation_done) Allocation alone = world_start(p.w, c), spread = {};

                assert_int_equal(pool_set_vm_group(p.w->pool, c, g), 0);
                spread = world_start(p.w, c);
                assert_ptr_equal(spread.host, alone.host);
                assert_ptr_equal(spread.pgpus[0], alone.pgpus[0]);
        }
}

static void one_that_runs_counts_as_one_that_starts(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);
        Vm *a = member(p.w, g, "a", K100), *b = member(p.w, g, "b", K100), *c = member(p.w, g, "c", K100);
        const Host *first = run(p.w, a), *second;

        world_settle(p.w, a);
        second = run(p.w, b);
        assert_ptr_not_equal(second, first);
        assert_int_equal(vm_group_members_on(c, first), 1);
        assert_int_equal(vm_group_members_on(b, second), 0);

        /* Where one has left there is room again. */
        assert_int_equal(pool_set_vgpu_resident(p.w->pool, a->vgpus.items[0], NULL), 0);
        assert_int_equal(pool_set_vm_resident(p.w->pool, a, NULL), 0);
        assert_ptr_equal(run(p.w, c), first);
}

static void a_normal_group_means_nothing(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_NORMAL);
        const Host *first = run(p.w, member(p.w, g, "a", K100));

        assert_ptr_equal(run(p.w, member(p.w, g, "b", K100)), first);
        g->placement = PLACEMENT_ANTI_AFFINITY;
        assert_ptr_not_equal(run(p.w, member(p.w, g, "c", K100)), first);
}

static void a_start_is_never_refused_for_its_group(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);

        for (size_t i = 0; i < 3; i++)
                assert_ptr_equal(run(p.w, member(p.w, g, "k2", K200)), p.beta);
        /* Memory, networks and storage are looked at tier by tier: the host with fewer cannot take it. */
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 0);
        assert_ptr_equal(run(p.w, member(p.w, g, "k1", K100)), p.beta);
}

/* Its group spreads a VM without GPUs too. */
static void vms_without_vgpus_are_spread(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);
        const Host *first = run(p.w, member(p.w, g, "a", END));

        pool_set_host_memory(p.w->pool, (Host *) first, 64 * GIB, 64 * GIB);
        assert_ptr_not_equal(run(p.w, member(p.w, g, "b", END)), first);
}

static void affinity_chooses_between_equals(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);
        Vm *a = member(p.w, g, "a", END), *b = member(p.w, g, "b", END);

        assert_int_equal(text_set(&a->affinity, "beta"), 1);
        assert_int_equal(text_set(&b->affinity, "beta"), 1);
        assert_ptr_equal(run(p.w, a), p.beta);
        assert_ptr_equal(run(p.w, b), p.alpha);
}

static void members_leave_a_group_that_goes(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);
        Vm *a = member(p.w, g, "a", K100), *b = member(p.w, g, "b", K100);

        pool_remove(p.w->pool, &b->object);
        assert_int_equal(g->vms.n, 1);
        world_drain(p.w);
        pool_remove(p.w->pool, &g->object);
        assert_null(a->group);
        assert_int_equal(a->object.changed, VM_GROUPS);
        assert_true(a->object.must_store);
}

typedef struct Told {
        const Host *host;
        size_t n_members;
        bool said;
} Told;

static void hear(const HostVerdict *v, void *userdata) {
        _cleanup_strbuf_ StrBuf b = {};
        Told *told = userdata;

        if (v->host != told->host)
                return;
        sentence_host_verdict(&b, v);
        told->n_members = v->candidate->n_members;
        told->said = strstr(b.text, "; 2 VMs of group 'web' are there") != NULL;
}

static void explain_tells_how_many_are_there(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VmGroup *g = vm_group(p.w, PLACEMENT_ANTI_AFFINITY);
        AllocRequest request = {.vm = member(p.w, g, "new", K100)};
        Told told = {.host = p.beta};
        AllocVisitor visitor = {.host = hear, .userdata = &told};
        _cleanup_(allocation_done) Allocation a = {};

        for (size_t i = 0; i < 2; i++)
                run(p.w, member(p.w, g, "k2", K200));
        assert_int_equal(allocate_in_words(p.w->pool, &request, &visitor, &a), 0);
        assert_ptr_equal(a.host, p.alpha);
        assert_int_equal(told.n_members, 2);
        assert_true(told.said);
}

/* The order of the hosts is that of the VM alone, sorted by members and else left as it is. */

static uint32_t dice(uint64_t *state, uint32_t sides) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return (uint32_t) ((*state * UINT64_C(2685821657736338717)) >> 33) % sides;
}

static World *random_world(uint64_t *seed, VmGroup **ret) {
        World *w = world_new();
        char name[16];

        *ret = vm_group(w, PLACEMENT_ANTI_AFFINITY);
        pool_set_group_algorithm(w->pool, w->groups[K1], dice(seed, _GROUP_ALGORITHM_MAX));
        for (uint32_t i = 0; i < 8; i++) {
                Host *h;

                snprintf(name, sizeof(name), "host-%u", i);
                h = world_host(w, name);
                for (uint32_t n = dice(seed, 4); n > 0; n--) {
                        Pgpu *p = world_pgpu(w, h, K1);

                        for (uint32_t m = dice(seed, 4); m > 0; m--) {
                                Vgpu *v = dice(seed, 2) ? world_resident(w, p, K100)
                                                        : world_scheduled(w, p, K100);

                                if (dice(seed, 2))
                                        assert_int_equal(pool_set_vm_group(w->pool, v->vm, *ret), 0);
                        }
                }
        }
        return w;
}

static void check_order(World *w, VmGroup *g) {
        Vm *vm = world_vm(w, "new", K100, END);
        AllocRequest request = {.vm = vm};
        WorldRanking alone, spread;
        size_t at = 0;

        alone = world_rank(w, &request);
        assert_int_equal(pool_set_vm_group(w->pool, vm, g), 0);
        spread = world_rank(w, &request);

        assert_int_equal(alone.n, spread.n);
        for (size_t members = 0; at < alone.n; members++)
                for (size_t i = 0; i < alone.n; i++) {
                        if (vm_group_members_on(vm, alone.hosts[i]) != members)
                                continue;
                        assert_ptr_equal(spread.hosts[at], alone.hosts[i]);
                        if (at > 0 && vm_group_members_on(vm, spread.hosts[at - 1]) != members)
                                assert_int_equal(spread.tiers[at], spread.tiers[at - 1] + 1);
                        at++;
                }
}

static void the_order_is_by_members_and_then_as_without(void **state) {
        uint64_t seed = 0x5eed;

        for (size_t i = 0; i < 300; i++) {
                VmGroup *g;
                World *w = random_world(&seed, &g);

                check_order(w, g);
                world_free(w);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hosts_with_few_members_come_first),
                cmocka_unit_test(one_that_runs_counts_as_one_that_starts),
                cmocka_unit_test(a_normal_group_means_nothing),
                cmocka_unit_test(a_start_is_never_refused_for_its_group),
                cmocka_unit_test(vms_without_vgpus_are_spread),
                cmocka_unit_test(affinity_chooses_between_equals),
                cmocka_unit_test(members_leave_a_group_that_goes),
                cmocka_unit_test(explain_tells_how_many_are_there),
                cmocka_unit_test(the_order_is_by_members_and_then_as_without),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
