/*
 * Owners, their quotas, and VM groups, while hosts refuse, commits fail and policyd dies
 */

#include "tests/unit/policyd-service/world.h"

#define GROUP_K1 "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs"

static Uuid owned_vm(World *w, const char *name, const char *owner) {
        Uuid id = world_create_vm_with(w, name, "GRID K100", 1);

        assert_int_equal(vms_set_owner(w->policy, world_vm(w, &id), owner, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        policy_flush(w->policy);
        return id;
}

static Uuid quota(World *w, const char *owner, uint64_t vgpus_max) {
        Quota *q;

        assert_int_equal(quotas_create(w->policy, owner, NULL, vgpus_max, QUOTA_UNLIMITED, &q, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        policy_flush(w->policy);
        return q->object.id;
}

static uint64_t used(World *w, const char *owner) {
        return owner_use(pool_find_owner(policy_pool(w->policy), owner), NULL).vgpus;
}

static void a_start_that_goes_on_elsewhere_keeps_its_place(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = owned_vm(w, "a", "lab"), job;

        quota(w, "lab", 1);
        a->refuse = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        assert_int_equal(used(w, "lab"), 1);
        world_run(w);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "beta");
        assert_int_equal(used(w, "lab"), 1);
}

static void what_fails_is_used_no_more(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = owned_vm(w, "a", "lab"), other = owned_vm(w, "b", "lab");

        quota(w, "lab", 1);
        h->refuse = ERROR_INVALID_RECORD;
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_int_equal(world_start_vm(w, &other, NULL), ERROR_QUOTA_EXCEEDED);
        world_run(w);
        assert_int_equal(used(w, "lab"), 0);
        h->refuse = ERROR_NONE;
        assert_int_equal(world_start_vm(w, &other, NULL), ERROR_NONE);
}

static void what_was_not_stored_was_not_used(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = owned_vm(w, "a", "lab");
        StartOptions options = {};
        Job *j;

        quota(w, "lab", 1);
        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, fresh(w)), 0);
        assert_int_equal(used(w, "lab"), 1);
        world_fail_next_commit(w);
        assert_int_equal(used(w, "lab"), 0);
        world_run(w);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
}

/* Also where policyd dies with a limit below the use: the host's word stands, and counts. */
static void a_crash_changes_no_use(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = owned_vm(w, "a", "lab"), other = owned_vm(w, "b", "lab"), id = quota(w, "lab", 1);
        Quota *q;

        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        world_crash(w);
        assert_int_equal(used(w, "lab"), 1);
        world_run(w);
        q = pool_get(policy_pool(w->policy), CLASS_QUOTA, &id);
        assert_int_equal(quotas_set_limits(w->policy, q, 0, QUOTA_UNLIMITED, fresh(w)), 0);
        policy_flush(w->policy);
        world_crash(w);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(used(w, "lab"), 1);
        assert_int_equal(world_start_vm(w, &other, NULL), ERROR_QUOTA_EXCEEDED);
}

/* A VM that a host turns out to run is not asked whose it is. */
static void what_a_host_runs_counts(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = owned_vm(w, "a", "lab");

        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        h->down = true;
        fake_lose(h, "The cable is out.");
        world_run(w);
        assert_int_equal(hosts_declare_dead(w->policy, world_host(w, "alpha"), fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(used(w, "lab"), 0);
        quota(w, "lab", 0);

        h->down = false;
        world_restart(w);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(used(w, "lab"), 1);
}

static void an_export_has_its_owner(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = owned_vm(w, "a", "lab");
        _cleanup_free_ char *record = NULL;
        Vm *copy;

        quota(w, "lab", 0);
        assert_int_equal(vms_export(w->policy, world_vm(w, &vm), &record), 0);
        assert_int_equal(vms_destroy(w->policy, world_vm(w, &vm), fresh(w)), 0);
        assert_int_equal(vms_import(w->policy, record, &copy, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_string_equal(copy->owner, "lab");
        policy_flush(w->policy);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_QUOTA_EXCEEDED);
}

static void a_reservation_is_no_way_around(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        GpuGroup *g = world_group(w, GROUP_K1);
        Reservation *r;

        quota(w, "lab", 2);
        reservations_create(w->policy, "three", g, world_type(w, "GRID K100"), 3, 60, "lab", &r, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_QUOTA_EXCEEDED);
        assert_non_null(strstr(w->refusal.message, "Reservation 'three' cannot be made: owner 'lab'"));
        reservations_create(w->policy, "two", g, world_type(w, "GRID K100"), 2, 60, "lab", &r, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_NONE);
        policy_flush(w->policy);
        world_crash(w);
        assert_int_equal(used(w, "lab"), 2);
}

static void quotas_and_vm_groups_are_capped_and_checked(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        VmGroup *group;
        Quota *q;

        w->policy = policy_free(w->policy);
        w->options.limits[CLASS_QUOTA] = w->options.limits[CLASS_VM_GROUP] = 1;
        world_start(w);
        quotas_create(w->policy, "a\nb", NULL, 1, 1, &q, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
        quota(w, "lab", 1);
        quotas_create(w->policy, "lab", NULL, 1, 1, &q, fresh(w));
        assert_int_not_equal(w->refusal.code, ERROR_NONE);
        quotas_create(w->policy, "more", NULL, 1, 1, &q, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
        vm_groups_create(w->policy, "web", "", "anti_affinity", &group, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_NONE);
        vm_groups_create(w->policy, "more", "", NULL, &group, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
}

static void groups_outlive_a_crash(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid first = world_create_vm_with(w, "a", "GRID K100", 1),
             second = world_create_vm_with(w, "b", "GRID K100", 1);
        VmGroup *g;

        assert_int_equal(vm_groups_create(w->policy, "web", "", "anti_affinity", &g, fresh(w)), 0);
        vms_set_groups(w->policy, world_vm(w, &first), &g, 1, fresh(w));
        vms_set_groups(w->policy, world_vm(w, &second), &g, 1, fresh(w));
        policy_flush(w->policy);
        assert_int_equal(world_start_vm(w, &first, NULL), ERROR_NONE);
        world_run(w);
        world_crash(w);
        world_run(w);
        assert_int_equal(world_vm(w, &second)->group->vms.n, 2);
        assert_int_equal(world_start_vm(w, &second, NULL), ERROR_NONE);
        world_run(w);
        assert_ptr_not_equal(world_vm(w, &first)->resident_on, world_vm(w, &second)->resident_on);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_start_that_goes_on_elsewhere_keeps_its_place),
                cmocka_unit_test(what_fails_is_used_no_more),
                cmocka_unit_test(what_was_not_stored_was_not_used),
                cmocka_unit_test(a_crash_changes_no_use),
                cmocka_unit_test(what_a_host_runs_counts),
                cmocka_unit_test(an_export_has_its_owner),
                cmocka_unit_test(a_reservation_is_no_way_around),
                cmocka_unit_test(quotas_and_vm_groups_are_capped_and_checked),
                cmocka_unit_test(groups_outlive_a_crash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
