/*
 * Quotas
 *
 * What an owner may start, what the refusal says, and what changes hands when owners, reservations and limits
 * change. Random histories (test-histories.c) check the counting itself.
 */

#include "policyd/decide/quota.h"
#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

static Quota *quota(World *w, const char *owner, GpuGroup *g, uint64_t vgpus_max, uint64_t size_max) {
        Uuid id = world_id(w);
        Quota *q;

        assert_int_equal(pool_add_quota(w->pool, &id, 0, owner, g, &q), 0);
        pool_set_quota_limits(w->pool, q, vgpus_max, size_max);
        return q;
}

static Vm *owned_vm(World *w, const char *owner, const char *name, WorldType type) {
        Vm *vm = world_vm(w, name, type, END);

        assert_int_equal(pool_set_vm_owner(w->pool, vm, owner), 0);
        return vm;
}

static Vm *running_vm(World *w, const char *owner, const char *name, WorldType type) {
        Vm *vm = owned_vm(w, owner, name, type);

        world_run(w, vm);
        world_settle(w, vm);
        return vm;
}

static Reservation *reservation(World *w, const char *owner, Pgpu *p, WorldType type, uint32_t count) {
        Uuid id = world_id(w);
        Reservation *r;

        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "held", p->group, w->types[type], count, &r), 0);
        assert_int_equal(pool_set_reservation_owner(w->pool, r, owner), 0);
        for (uint32_t i = 0; i < count; i++)
                assert_int_equal(pool_hold(w->pool, r, p), 0);
        return r;
}

static ErrorCode start_with(World *w, Vm *vm, Reservation *r) {
        AllocRequest request = {.vm = vm, .reservation = r};
        _cleanup_(allocation_done) Allocation a = {};

        assert_int_equal(allocate_in_words(w->pool, &request, NULL, &a), 0);
        if (a.refusal.code == ERROR_NONE)
                assert_int_equal(allocation_apply(w->pool, vm, r, &a), 0);
        return a.refusal.code;
}

static void assert_use(const Quota *q, uint64_t vgpus, uint64_t size) {
        OwnerUse use = owner_use(q->owned_by, q->group);

        assert_int_equal(use.vgpus, vgpus);
        assert_int_equal(use.size, size);
}

static void the_one_too_many_is_refused(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *q = quota(p.w, "lab", p.w->groups[K1], 2, QUOTA_UNLIMITED);
        Vm *starting = owned_vm(p.w, "lab", "a", K100), *third = owned_vm(p.w, "lab", "c", K140Q);
        _cleanup_(allocation_done) Allocation refused = {}, granted = {};

        world_run(p.w, starting);
        running_vm(p.w, "lab", "b", K140Q);
        running_vm(p.w, "other", "x", K100);
        assert_use(q, 2, PGPU_SIZE / 8 + PGPU_SIZE / 4);

        refused = world_start(p.w, third);
        assert_refused(&refused.refusal, ERROR_QUOTA_EXCEEDED, "VM 'c' cannot start",
                "owner 'lab' may use 2 VGPUs in GPU group 'K1 group' and uses 2", "this needs 1",
                "Shut down one of its VMs 'a' (1) and 'b' (1)", UUID_TEXT(&q->object.id), "to 3 VGPUs", NULL);
        assert_null(refused.host);

        assert_int_equal(allocation_release(p.w->pool, starting), 0);
        granted = world_start(p.w, third);
        assert_int_equal(granted.refusal.code, ERROR_NONE);
}

static void size_counts_and_passthrough_takes_a_whole_pgpu(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *q = quota(p.w, "lab", NULL, QUOTA_UNLIMITED, PGPU_SIZE + PGPU_SIZE / 2);
        _cleanup_(allocation_done) Allocation refused = {}, granted = {};

        running_vm(p.w, "lab", "whole", PASSTHROUGH);
        running_vm(p.w, "lab", "half", K240Q);
        assert_use(q, 2, PGPU_SIZE + PGPU_SIZE / 4);

        granted = world_start(p.w, owned_vm(p.w, "lab", "quarter", K140Q));
        assert_int_equal(granted.refusal.code, ERROR_NONE);
        refused = world_start(p.w, owned_vm(p.w, "lab", "too big", K260Q));
        assert_refused(&refused.refusal, ERROR_QUOTA_EXCEEDED, "may use 1.5 PGPUs in all GPU groups together",
                "uses 1.25", "needs 0.5", "one of its VMs 'whole' (1) and 'half' (0.25)", "to 1.75 PGPUs",
                NULL);
}

static void several_vgpus_are_granted_or_refused_together(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *q = quota(p.w, "lab", p.w->groups[K2], 2, QUOTA_UNLIMITED);
        Vm *vm = world_vm(p.w, "three", K200, K200, K200, END);
        _cleanup_(allocation_done) Allocation a = {};

        assert_int_equal(pool_set_vm_owner(p.w->pool, vm, "lab"), 0);
        a = world_start(p.w, vm);
        /* More than the limit: nothing that runs is in the way, so nothing is named. */
        assert_refused(&a.refusal, ERROR_QUOTA_EXCEEDED, "uses 0; this needs 3. Raise quota", NULL);

        pool_set_quota_limits(p.w->pool, q, 3, QUOTA_UNLIMITED);
        world_run(p.w, vm);
        assert_use(q, 3, 3 * PGPU_SIZE / 8);
}

static void a_quota_for_a_group_leaves_the_others_alone(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        quota(p.w, "lab", p.w->groups[K1], 0, QUOTA_UNLIMITED);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "lab", "a", K100), NULL), ERROR_QUOTA_EXCEEDED);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "lab", "b", K200), NULL), ERROR_NONE);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "", "c", K100), NULL), ERROR_NONE);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "lab", "without VGPUs", END), NULL), ERROR_NONE);
}

static void every_owner_has_the_default_for_itself(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_(allocation_done) Allocation a = {};
        Quota *own;

        quota(p.w, OWNER_ANY, NULL, 1, QUOTA_UNLIMITED);
        own = quota(p.w, "rich", NULL, 3, QUOTA_UNLIMITED);
        running_vm(p.w, "poor", "a", K100);
        running_vm(p.w, "new", "b", K100);
        running_vm(p.w, "rich", "c", K100);
        running_vm(p.w, "rich", "d", K100);
        running_vm(p.w, "", "nobody's", K100);
        running_vm(p.w, "", "nobody's either", K100);

        a = world_start(p.w, owned_vm(p.w, "poor", "e", K100));
        assert_refused(&a.refusal, ERROR_QUOTA_EXCEEDED,
                "owner 'poor', like every owner without a quota of its own, may use 1 VGPU", "its VM 'a'",
                NULL);

        pool_remove(p.w->pool, &own->object);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "rich", "f", K100), NULL), ERROR_QUOTA_EXCEEDED);
}

static void what_is_held_is_in_use_once(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *q = quota(p.w, "lab", p.w->groups[K1], 2, QUOTA_UNLIMITED);
        Reservation *own = reservation(p.w, "lab", p.a[0], K100, 2);
        Vm *first = owned_vm(p.w, "lab", "first", K100);
        _cleanup_(allocation_done) Allocation a = {};

        assert_use(q, 2, PGPU_SIZE / 4);
        a = world_start(p.w, first);
        assert_refused(&a.refusal, ERROR_QUOTA_EXCEEDED, "Destroy its reservation 'held' (2)", NULL);

        /* With the reservation it takes what is counted already. */
        assert_int_equal(start_with(p.w, first, own), ERROR_NONE);
        assert_use(q, 2, PGPU_SIZE / 4);
        assert_int_equal(allocation_release(p.w->pool, first), 0);
        assert_use(q, 2, PGPU_SIZE / 4);

        /* What another takes from it becomes the other's. */
        assert_int_equal(start_with(p.w, owned_vm(p.w, "guest", "g", K100), own), ERROR_NONE);
        assert_use(q, 1, PGPU_SIZE / 8);
}

/* Whose reservation it is does not change whose VM it is. */
static void anothers_reservation_spares_nothing(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Reservation *held = reservation(p.w, "lab", p.a[0], K100, 1);

        quota(p.w, "guest", p.w->groups[K1], 0, QUOTA_UNLIMITED);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "guest", "g", K100), held), ERROR_QUOTA_EXCEEDED);
}

/* A reservation spares nothing that it does not hold where the VM goes. */
static void a_reservation_elsewhere_spares_nothing(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Reservation *own = reservation(p.w, "lab", p.a[0], K100, 1);

        quota(p.w, "lab", p.w->groups[K1], 1, QUOTA_UNLIMITED);
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 0);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "lab", "a", K100), own), ERROR_QUOTA_EXCEEDED);
}

/* Where types share a PGPU, a VGPU of another type does not use up what is held there. */
static void another_type_beside_it_leaves_the_hold(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Reservation *own = reservation(p.w, "lab", p.a[0], K100, 1);
        Vm *vm = world_vm(p.w, "vm", K140Q, K100, K100, _WORLD_TYPE_MAX);
        Pgpu *const pgpus[] = {p.a[0], p.a[0], p.a[0]};
        QuotaNeed needs[ARRAY_SIZE(pgpus)];

        assert_int_equal(pool_set_vm_owner(p.w->pool, vm, "lab"), 0);
        assert_int_equal(quota_vm_needs(vm, own, pgpus, needs), ARRAY_SIZE(pgpus));
        assert_int_equal(needs[0].vgpus, 1);
        assert_int_equal(needs[1].vgpus, 0);
        assert_int_equal(needs[2].vgpus, 1);
}

static void a_new_owner_takes_the_use_along(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *a = quota(p.w, "a", NULL, 1, QUOTA_UNLIMITED), *b = quota(p.w, "b", NULL, 0, QUOTA_UNLIMITED);
        Vm *vm = running_vm(p.w, "a", "vm", K140Q);

        world_drain(p.w);
        assert_int_equal(pool_set_vm_owner(p.w->pool, vm, "b"), 0);
        assert_use(a, 0, 0);
        assert_use(b, 1, PGPU_SIZE / 4);
        assert_int_equal(a->object.changed, QUOTA_VGPUS_USED | QUOTA_SIZE_USED);
        assert_int_equal(b->object.changed, QUOTA_VGPUS_USED | QUOTA_SIZE_USED);
        assert_false(a->object.must_store);

        assert_int_equal(vm->power_state, POWER_RUNNING);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "a", "again", K140Q), NULL), ERROR_NONE);
        assert_int_equal(start_with(p.w, owned_vm(p.w, "b", "more", K140Q), NULL), ERROR_QUOTA_EXCEEDED);
        assert_int_equal(pool_set_vm_owner(p.w->pool, vm, ""), 0);
        assert_use(b, 0, 0);
}

static void an_owner_has_one_quota_for_a_group(void **state) {
        _cleanup_world_ World *w = world_new();
        GpuGroup *g = world_group(w, "short-lived");
        Uuid id = world_id(w);
        Quota *q;

        quota(w, "lab", NULL, 1, QUOTA_UNLIMITED);
        quota(w, "lab", g, 1, QUOTA_UNLIMITED);
        assert_int_equal(pool_add_quota(w->pool, &id, 0, "lab", g, &q), -EEXIST);
        assert_int_equal(pool_add_quota(w->pool, &id, 0, "lab", NULL, &q), -EEXIST);
        assert_int_equal(pool_add_quota(w->pool, &id, 0, "", NULL, &q), -EINVAL);

        pool_remove(w->pool, &g->object);
        assert_int_equal(w->pool->objects[CLASS_QUOTA].n, 1);
        pool_remove(w->pool, w->pool->objects[CLASS_QUOTA].items[0]);
        assert_null(pool_find_owner(w->pool, "lab"));
}

/* The largest are named, and how many there are besides. */
static void the_largest_users_are_named_first(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_(allocation_done) Allocation a = {};
        Host *h = world_host(w, "alpha");

        for (size_t i = 0; i < 8; i++)
                world_pgpu(w, h, K2);
        quota(w, "lab", NULL, QUOTA_UNLIMITED, 2 * PGPU_SIZE);
        running_vm(w, "lab", "small", K200);
        for (size_t i = 0; i < 3; i++)
                running_vm(w, "lab", "large", K260Q);
        running_vm(w, "lab", "middle", K240Q);

        /* Each of the large ones alone makes room; then none does. */
        a = world_start(w, owned_vm(w, "lab", "new", K260Q));
        assert_refused(&a.refusal, ERROR_QUOTA_EXCEEDED, "uses 1.875; this needs 0.5",
                "Shut down one of its VMs 'large' (0.5), 'large' (0.5) and 'large' (0.5), or", NULL);
        allocation_done(&a);
        a = world_start(w, owned_vm(w, "lab", "whole", PASSTHROUGH));
        assert_refused(&a.refusal, ERROR_QUOTA_EXCEEDED, "uses 1.875; this needs 1",
                "Shut down some of its VMs 'large' (0.5), 'large' (0.5), 'large' (0.5) and 2 more, or", NULL);
}

/* Thirds and sevenths have no end; what the quota is to be raised to is rounded up. */
static void raising_as_told_suffices(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *q = quota(p.w, "lab", p.w->groups[K2], QUOTA_UNLIMITED, 1);
        VgpuType *seventh = p.w->types[K200];

        assert_int_equal(pool_set_type_size(p.w->pool, seventh, PGPU_SIZE / 7, TYPE_NVIDIA), 0);
        for (size_t i = 0; i < 7; i++) {
                Vm *vm = owned_vm(p.w, "lab", "desk", K200);
                _cleanup_(allocation_done) Allocation refused = world_start(p.w, vm);
                const char *text = strstr(refused.refusal.message, "raise quota") ?: refused.refusal.message;
                double pgpus = strtod(strstr(text, " to ") + 4, NULL);

                assert_int_equal(refused.refusal.code, ERROR_QUOTA_EXCEEDED);
                pool_set_quota_limits(p.w->pool, q, QUOTA_UNLIMITED, (uint64_t) (pgpus * PGPU_SIZE));
                world_run(p.w, vm);
        }
}

/* Every limit that is in the way is named, and only who makes room under each. */
static void all_limits_in_the_way_are_named(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *all = quota(p.w, "lab", NULL, 3, PGPU_SIZE),
              *k2 = quota(p.w, "lab", p.w->groups[K2], 2, QUOTA_UNLIMITED);
        _cleanup_(allocation_done) Allocation refused = {};

        running_vm(p.w, "lab", "k1 only", K100);
        running_vm(p.w, "lab", "half", K260Q);
        running_vm(p.w, "lab", "small", K200);
        refused = world_start(p.w, owned_vm(p.w, "lab", "more", K260Q));
        assert_refused(&refused.refusal, ERROR_QUOTA_EXCEEDED,
                "owner 'lab' may use 3 VGPUs in all GPU groups together and uses 3; this needs 1. It may use "
                "1 "
                "PGPU in all GPU groups together and uses 0.75; this needs 0.5. It may use 2 VGPUs in GPU "
                "group "
                "'K2 group' and uses 2; this needs 1. Shut down its VM 'half', or raise quota",
                " to 4 VGPUs, quota ", " to 1.25 PGPUs and quota ", " to 3 VGPUs.", NULL);
        assert_non_null(strstr(refused.refusal.message, UUID_TEXT(&all->object.id)));
        assert_non_null(strstr(refused.refusal.message, UUID_TEXT(&k2->object.id)));
}

static void who_makes_too_little_room_is_not_named_alone(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Quota *q = quota(p.w, "lab", NULL, 9, QUOTA_UNLIMITED);
        Vm *vm = owned_vm(p.w, "lab", "b", K100);
        _cleanup_(allocation_done) Allocation one = {}, both = {};

        running_vm(p.w, "lab", "a", K100);
        reservation(p.w, "lab", p.b[0], K140Q, 2);
        pool_set_quota_limits(p.w->pool, q, 2, QUOTA_UNLIMITED);
        one = world_start(p.w, vm);
        assert_refused(&one.refusal, ERROR_QUOTA_EXCEEDED,
                "needs 1. Destroy its reservation 'held' (2), or raise quota", NULL);

        pool_set_quota_limits(p.w->pool, q, 1, QUOTA_UNLIMITED);
        both = world_start(p.w, vm);
        assert_refused(&both.refusal, ERROR_QUOTA_EXCEEDED,
                "Shut down its VM 'a' (1) and destroy its reservation 'held' (2), or raise quota", NULL);
}

static void a_quota_is_not_all_that_is_in_the_way(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = owned_vm(p.w, "lab", "whole", PASSTHROUGH);
        _cleanup_(allocation_done) Allocation room = {}, none = {};

        quota(p.w, "lab", NULL, 0, QUOTA_UNLIMITED);
        room = world_start(p.w, vm);
        assert_refused(&room.refusal, ERROR_QUOTA_EXCEEDED, " to 1 VGPU.", NULL);
        assert_null(strstr(room.refusal.message, "no host"));

        for (size_t i = 0; i < 4; i++) {
                world_resident(p.w, p.a[i], K100);
                world_resident(p.w, p.b[i], K100);
        }
        none = world_start(p.w, vm);
        assert_refused(&none.refusal, ERROR_QUOTA_EXCEEDED,
                " to 1 VGPU. As things are, no host could take it either; vm-explain tells of each.", NULL);
}

/* What an owner holds counts for it, so the way in is to name it. */
static void its_own_reservation_lets_it_start(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = owned_vm(p.w, "lab", "a", K100), *large = owned_vm(p.w, "lab", "b", K140Q);
        Reservation *own = reservation(p.w, "lab", p.a[0], K100, 1);
        _cleanup_(allocation_done) Allocation with = {}, another = {}, without = {};

        quota(p.w, "lab", NULL, 1, QUOTA_UNLIMITED);
        with = world_start(p.w, vm);
        assert_refused(&with.refusal, ERROR_QUOTA_EXCEEDED,
                " to 2 VGPUs. With reservation 'held' it could start now.", NULL);
        another = world_start(p.w, large);
        assert_null(strstr(another.refusal.message, "With reservation"));
        assert_int_equal(start_with(p.w, vm, own), ERROR_NONE);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);

        /* Not where what it holds is out of reach. */
        pool_set_host_enabled(p.w->pool, p.alpha, false);
        without = world_start(p.w, vm);
        assert_refused(&without.refusal, ERROR_QUOTA_EXCEEDED, NULL);
        assert_null(strstr(without.refusal.message, "With reservation"));
}

static void see_host(const HostVerdict *v, void *userdata) {
        if (v->code == ERROR_NONE)
                ++*(unsigned *) userdata;
}

/* The hosts are told of although the quota is what refuses. */
static void an_explanation_still_shows_the_hosts(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        AllocRequest request = {.vm = owned_vm(p.w, "lab", "a", K100)};
        unsigned n = 0;
        AllocVisitor visitor = {.host = see_host, .userdata = &n};
        _cleanup_(allocation_done) Allocation a = {};

        quota(p.w, "lab", NULL, 0, QUOTA_UNLIMITED);
        assert_int_equal(allocate_in_words(p.w->pool, &request, &visitor, &a), 0);
        assert_int_equal(a.refusal.code, ERROR_QUOTA_EXCEEDED);
        assert_int_equal(n, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_one_too_many_is_refused),
                cmocka_unit_test(size_counts_and_passthrough_takes_a_whole_pgpu),
                cmocka_unit_test(several_vgpus_are_granted_or_refused_together),
                cmocka_unit_test(a_quota_for_a_group_leaves_the_others_alone),
                cmocka_unit_test(every_owner_has_the_default_for_itself),
                cmocka_unit_test(what_is_held_is_in_use_once),
                cmocka_unit_test(anothers_reservation_spares_nothing),
                cmocka_unit_test(a_reservation_elsewhere_spares_nothing),
                cmocka_unit_test(another_type_beside_it_leaves_the_hold),
                cmocka_unit_test(a_new_owner_takes_the_use_along),
                cmocka_unit_test(an_owner_has_one_quota_for_a_group),
                cmocka_unit_test(the_largest_users_are_named_first),
                cmocka_unit_test(raising_as_told_suffices),
                cmocka_unit_test(all_limits_in_the_way_are_named),
                cmocka_unit_test(who_makes_too_little_room_is_not_named_alone),
                cmocka_unit_test(a_quota_is_not_all_that_is_in_the_way),
                cmocka_unit_test(its_own_reservation_lets_it_start),
                cmocka_unit_test(an_explanation_still_shows_the_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
