/*
 * What is refused before anything changes, and in which words
 */

#include <stdio.h>

#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

/* Creates the VGPU or returns the refusal's code; device is -1 then. */
static int create(World *w, Vm *vm, WorldType type, const char *device, Refusal *refusal) {
        uint32_t number = 99;

        refusal_done(refusal);
        assert_int_equal(rule_vgpu_create(w->pool, vm, w->groups[type <= K140Q ? K1 : K2], w->types[type],
                                 device, /* importing= */ false, &number, refusal),
                0);
        if (refusal->code != ERROR_NONE) {
                assert_int_equal(number, 99);
                return -1;
        }
        return (int) number;
}

/* Some types may stand in one VM several times, as newer NVIDIA ones may. */
static void allow_several(World *w, WorldType a, WorldType b) {
        const char *in_vm[] = {w->types[a]->identifier, w->types[b]->identifier, NULL};

        assert_int_equal(pool_set_type_compatible(w->pool, w->types[a],
                                 (const char *const *) w->types[a]->compatible_on_pgpu, in_vm),
                0);
        assert_int_equal(pool_set_type_compatible(w->pool, w->types[b],
                                 (const char *const *) w->types[b]->compatible_on_pgpu, in_vm),
                0);
}

static Vgpu *add_at(World *w, Vm *vm, WorldType type, uint32_t device) {
        Uuid id = world_id(w);
        Vgpu *v;

        assert_int_equal(pool_add_vgpu(w->pool, &id, 0, vm, w->groups[K1], w->types[type], device, &v), 0);
        return v;
}

static void devices_are_given_and_checked(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Vm *vm = world_vm(w, "web", END);

        allow_several(w, K100, K140Q);
        assert_int_equal(create(w, vm, K100, "", &refusal), 0);
        assert_int_equal(create(w, vm, K100, NULL, &refusal), 0);
        assert_int_equal(create(w, vm, K100, "0", &refusal), 0);
        assert_int_equal(create(w, vm, K100, "20", &refusal), 20);

        add_at(w, vm, K100, 0);
        add_at(w, vm, K100, 2);
        /* "0" is XenServer's default and means any. */
        assert_int_equal(create(w, vm, K140Q, "0", &refusal), 1);
        assert_int_equal(create(w, vm, K140Q, "", &refusal), 1);
        assert_int_equal(create(w, vm, K140Q, "2", &refusal), -1);
        assert_refused(&refusal, ERROR_DEVICE_ALREADY_EXISTS, "'web'", "GRID K100", "device 2", NULL);

        for (size_t i = 0; i < 5; i++) {
                static const char *const bad[] = {"21", "-1", "one", " 1", "4294967297"};

                assert_int_equal(create(w, vm, K140Q, bad[i], &refusal), -1);
                assert_refused(&refusal, ERROR_INVALID_DEVICE, bad[i], "0 to 20", NULL);
        }

        for (uint32_t device = 0; device <= 20; device++)
                if (device != 0 && device != 2)
                        add_at(w, vm, K100, device);
        assert_int_equal(create(w, vm, K100, "", &refusal), -1);
        assert_refused(&refusal, ERROR_VM_PCI_BUS_FULL, "all 21 devices", NULL);
}

static void types_in_one_vm_must_admit_each_other(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Vm *vm = world_vm(w, "web", K100, END);
        Pgpu *p;

        /* K1 and K2 types admit nothing: a second VGPU is always refused. */
        assert_int_equal(create(w, vm, K100, "", &refusal), -1);
        assert_refused(&refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE,
                "GRID K100 cannot stand in one VM with the GRID K100", "'web'", NULL);

        /* A host that knows why says so. */
        p = world_pgpu(w, world_host(w, "alpha"), K1);
        assert_int_equal(pool_set_host_problems(w->pool, p->host,
                                 (const char *const[]){"x.xml: " NVIDIA_ONE_VGPU ": NVIDIA's host driver is 430.43", NULL}),
                0);
        assert_int_equal(create(w, vm, K100, "", &refusal), -1);
        assert_refused(&refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE, "host alpha says: no VM gets several", "host driver is 430.43. Destroy", NULL);

        /* Both must list the other. */
        assert_int_equal(pool_set_type_compatible(w->pool, w->types[K100], NULL,
                                 (const char *const[]){w->types[K140Q]->identifier, NULL}),
                0);
        assert_int_equal(create(w, vm, K140Q, "", &refusal), -1);
        allow_several(w, K100, K140Q);
        assert_int_equal(create(w, vm, K140Q, "", &refusal), 1);
}

static void a_whole_gpu_stands_beside_any_vgpu(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Vm *vm = world_vm(w, "web", K100, PASSTHROUGH, END);

        assert_int_equal(create(w, vm, PASSTHROUGH, "", &refusal), 2);
        assert_int_equal(create(w, world_vm(w, "one", PASSTHROUGH, END), K100, "", &refusal), 1);
        assert_int_equal(create(w, vm, K100, "", &refusal), -1);
        assert_refused(&refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE, "GRID K100 cannot stand in one VM with the GRID K100", NULL);
}

static void the_group_must_support_the_type(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Vm *vm = world_vm(w, "web", END);
        uint32_t device;

        /* A group without PGPUs cannot tell. */
        assert_int_equal(create(w, vm, K200, "", &refusal), 0);
        world_pgpu(w, world_host(w, "alpha"), K1);
        assert_int_equal(rule_vgpu_create(w->pool, vm, w->groups[K1], w->types[K200], "",
                                 /* importing= */ false, &device, &refusal),
                0);
        assert_refused(&refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                "No PGPU of group 'K1 group' supports GRID K200", "GRID K100, GRID K140Q and passthrough",
                NULL);

        refusal_done(&refusal);
        assert_int_equal(rule_vgpu_create(w->pool, vm, w->groups[K1], w->types[K200], "",
                                 /* importing= */ true, &device, &refusal),
                0);
        assert_int_equal(refusal.code, ERROR_NONE);
}

static void a_busy_vm_is_left_alone(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        Vgpu *running = world_resident(w, p, K100), *starting = world_scheduled(w, p, K100), *halted;
        Vm *vm = world_vm(w, "halted", K100, END);
        Refusal r = {};

        assert_int_equal(create(w, running->vm, K100, "", &r), -1);
        assert_refused(
                &r, ERROR_VM_BAD_POWER_STATE, "is running on alpha", "creating a VGPU needs it halted", NULL);
        assert_int_equal(create(w, starting->vm, K100, "", &r), -1);
        assert_refused(&r, ERROR_VM_BAD_POWER_STATE, "is starting on alpha", NULL);

        assert_int_equal(rule_vgpu_destroy(running, &r), 0);
        assert_refused(&r, ERROR_VM_BAD_POWER_STATE, "destroying one of its VGPUs", NULL);
        assert_int_equal(rule_vm_destroy(starting->vm, &r), 0);
        assert_refused(&r, ERROR_VM_BAD_POWER_STATE, "destroying it", NULL);
        assert_int_equal(rule_vm_set_config(running->vm, &r), 0);
        assert_refused(&r, ERROR_VM_BAD_POWER_STATE, "configuration", NULL);

        refusal_done(&r);
        halted = vm->vgpus.items[0];
        assert_int_equal(rule_vgpu_destroy(halted, &r), 0);
        assert_int_equal(rule_vm_destroy(vm, &r), 0);
        assert_int_equal(rule_vm_set_config(vm, &r), 0);
        assert_int_equal(r.code, ERROR_NONE);

        /* Booked, and nothing placed yet. */
        pool_set_vm_booking(w->pool, vm, BOOKING_RESERVED, NULL);
        assert_int_equal(rule_vm_destroy(vm, &r), 0);
        assert_refused(&r, ERROR_VM_BAD_POWER_STATE, "'halted' is starting;", NULL);
        refusal_done(&r);
}

static void types_are_enabled_where_they_are_supported(void **state) {
        _cleanup_world_ World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "alpha"), K1);
        _cleanup_refusal_ Refusal refusal = {};

        assert_int_equal(rule_pgpu_enable_type(p, w->types[K100], &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);

        assert_int_equal(text_set(&p->device_name, "GK107GL [GRID K1]"), 1);
        assert_int_equal(rule_pgpu_enable_type(p, w->types[K200], &refusal), 0);
        assert_refused(&refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                "0000:80:00.0 of alpha (GK107GL [GRID K1]) does not support GRID K200",
                "it supports GRID K100,", NULL);

        assert_int_equal(pool_set_pgpu_supported(w->pool, p, NULL, 0), 0);
        assert_int_equal(rule_pgpu_enable_type(p, w->types[K200], &refusal), 0);
        assert_null(strstr(refusal.message, "it supports"));
}

static void a_type_in_use_stays_enabled(void **state) {
        _cleanup_world_ World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "alpha"), K1);
        Refusal r = {};
        Reservation *reservation;
        Uuid id = world_id(w);

        assert_int_equal(rule_pgpu_disable_type(p, w->types[K100], &r), 0);
        assert_int_equal(r.code, ERROR_NONE);

        for (size_t i = 0; i < 6; i++)
                world_resident(w, p, K100);
        world_scheduled(w, p, K100);
        assert_int_equal(rule_pgpu_disable_type(p, w->types[K140Q], &r), 0);
        assert_int_equal(r.code, ERROR_NONE);
        assert_int_equal(rule_pgpu_disable_type(p, w->types[K100], &r), 0);
        assert_refused(&r, ERROR_PGPU_IN_USE_BY_VM,
                "GRID K100 on 0000:80:00.0 of alpha is in use by VMs 'vm-", "and 3 more", NULL);

        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "demo", w->groups[K1], w->types[K100], 1, &reservation),
                0);
        assert_int_equal(pool_hold(w->pool, reservation, p), 0);
        assert_int_equal(rule_pgpu_disable_type(p, w->types[K100], &r), 0);
        assert_refused(&r, ERROR_PGPU_IN_USE_BY_VM, "and reservation 'demo'", NULL);
        refusal_done(&r);
}

static void a_reserved_pgpu_stays_too(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        Reservation *a, *b;
        Uuid id = world_id(w), id2 = world_id(w);
        Refusal r = {};

        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "demo", w->groups[K1], w->types[K100], 1, &a), 0);
        assert_int_equal(
                pool_add_reservation(w->pool, &id2, 0, "other", w->groups[K1], w->types[K100], 1, &b), 0);
        assert_int_equal(pool_hold(w->pool, a, p), 0);
        assert_int_equal(pool_hold(w->pool, b, p), 0);

        assert_int_equal(rule_pgpu_set_group(p, NULL, &r), 0);
        assert_refused(&r, ERROR_PGPU_IN_USE_BY_VM, "reservation 'demo' and 1 more",
                "once nothing is reserved there", NULL);
        assert_int_equal(rule_host_remove(h, &r), 0);
        assert_refused(&r, ERROR_HOST_IN_USE, "On host 'alpha', capacity of", "is held by reservation 'demo'", NULL);
        refusal_done(&r);

        /* To where it is already, it may always go. */
        assert_int_equal(rule_pgpu_set_group(p, w->groups[K1], &r), 0);
        assert_int_equal(r.code, ERROR_NONE);
}

static void groups_in_use_are_not_destroyed(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        GpuGroup *empty = world_group(w, "empty");
        Refusal r = {};

        world_pgpu(w, h, K1);
        world_vm(w, "web", K100, END);
        assert_int_equal(rule_group_destroy(w->groups[K1], &r), 0);
        assert_refused(&r, ERROR_GPU_GROUP_CONTAINS_VGPU, "has 1 VGPU, of VM 'web' (halted)", NULL);

        for (size_t i = 0; i < 6; i++)
                world_pgpu(w, h, K2);
        assert_int_equal(rule_group_destroy(w->groups[K2], &r), 0);
        assert_refused(
                &r, ERROR_GPU_GROUP_CONTAINS_PGPU, "has 6 PGPUs: alpha/0000:81:00.0, ", "and 2 more", NULL);
        refusal_done(&r);

        assert_int_equal(rule_group_destroy(empty, &r), 0);
        assert_int_equal(r.code, ERROR_NONE);
}

static void hosts_in_use_are_not_removed(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        _cleanup_refusal_ Refusal r = {};

        assert_int_equal(rule_host_remove(h, &r), 0);
        assert_int_equal(r.code, ERROR_NONE);
        world_scheduled(w, p, K100);
        assert_int_equal(rule_host_remove(h, &r), 0);
        assert_refused(&r, ERROR_HOST_IN_USE, "Host 'alpha' runs or starts 1 VM: vm-", NULL);
}

static void types_are_garbage_when_nothing_has_them(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        Vm *vm = world_vm(w, "web", K100, END);
        Reservation *r;
        Uuid id = world_id(w);

        assert_true(type_is_garbage(w->pool, w->types[K200]));
        assert_false(type_is_garbage(w->pool, w->types[K100]));
        pool_remove(w->pool, &p->object);
        assert_false(type_is_garbage(w->pool, w->types[K100]));
        pool_remove(w->pool, &vm->object);
        assert_true(type_is_garbage(w->pool, w->types[K100]));

        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "demo", w->groups[K1], w->types[K100], 1, &r), 0);
        assert_false(type_is_garbage(w->pool, w->types[K100]));
}

static void two_records_of_a_type_are_an_error(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        VgpuType *again, *found = NULL;
        Uuid id = world_id(w);

        assert_int_equal(pool_add_vgpu_type(w->pool, &id, 0, w->types[K100]->identifier, "NVIDIA Corporation",
                                 "GRID K100", &again),
                0);
        assert_int_equal(rule_find_type(w->pool, again->identifier, "", "", &found, &refusal), 0);
        assert_refused(&refusal, ERROR_INVALID_RECORD, "Two VGPU types match", UUID_TEXT(&id),
                UUID_TEXT(&w->types[K100]->object.id), NULL);
        assert_null(found);
}

static void records_without_identifier_are_found_by_names(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        VgpuType *old, *found = NULL;
        Uuid id = world_id(w);

        assert_int_equal(pool_add_vgpu_type(w->pool, &id, 0, "", "NVIDIA Corporation", "GRID K100", &old), 0);
        assert_int_equal(
                rule_find_type(w->pool, NULL, "NVIDIA Corporation", "GRID K100", &found, &refusal), 0);
        assert_ptr_equal(found, old);
        assert_int_equal(refusal.code, ERROR_NONE);
}

/* An old export names the K100 that the hardware has shown since; a second record of it could never run. */
static void names_alone_find_a_type_with_identifier(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        VgpuType *found = NULL, *again;
        Uuid id = world_id(w);

        assert_int_equal(rule_find_type(w->pool, "", "NVIDIA Corporation", "GRID K100", &found, &refusal), 0);
        assert_ptr_equal(found, w->types[K100]);
        assert_int_equal(rule_find_type(w->pool, "", "Another", "GRID K100", &found, &refusal), 0);
        assert_null(found);

        assert_int_equal(pool_add_vgpu_type(w->pool, &id, 0, "0001:nvidia,0ff2,1012,0fe7,101e",
                                 "NVIDIA Corporation", "GRID K100", &again),
                0);
        assert_int_equal(rule_find_type(w->pool, "", "NVIDIA Corporation", "GRID K100", &found, &refusal), 0);
        assert_refused(&refusal, ERROR_INVALID_RECORD, "Two VGPU types match", UUID_TEXT(&id), NULL);
}

static void a_pgpu_joins_the_group_of_exactly_its_kind(void **state) {
        _cleanup_world_ World *w = world_new();
        GpuGroup *mixed = world_group(w, "mixed"), *k1 = world_group(w, "K1s");

        assert_null(rule_group_for(w->pool, "10de/0ff2"));
        assert_int_equal(pool_set_group_gpu_types(
                                 w->pool, mixed, (const char *const[]){"10de/0ff2", "10de/11bf", NULL}),
                0);
        assert_null(rule_group_for(w->pool, "10de/0ff2"));
        assert_int_equal(pool_set_group_gpu_types(w->pool, k1, (const char *const[]){"10de/0ff2", NULL}), 0);
        assert_ptr_equal(rule_group_for(w->pool, "10de/0ff2"), k1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(devices_are_given_and_checked),
                cmocka_unit_test(types_in_one_vm_must_admit_each_other),
                cmocka_unit_test(a_whole_gpu_stands_beside_any_vgpu),
                cmocka_unit_test(the_group_must_support_the_type),
                cmocka_unit_test(a_busy_vm_is_left_alone),
                cmocka_unit_test(types_are_enabled_where_they_are_supported),
                cmocka_unit_test(a_type_in_use_stays_enabled),
                cmocka_unit_test(a_reserved_pgpu_stays_too),
                cmocka_unit_test(groups_in_use_are_not_destroyed),
                cmocka_unit_test(hosts_in_use_are_not_removed),
                cmocka_unit_test(types_are_garbage_when_nothing_has_them),
                cmocka_unit_test(two_records_of_a_type_are_an_error),
                cmocka_unit_test(records_without_identifier_are_found_by_names),
                cmocka_unit_test(names_alone_find_a_type_with_identifier),
                cmocka_unit_test(a_pgpu_joins_the_group_of_exactly_its_kind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
