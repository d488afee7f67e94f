/*
 * VMs that leave a pool as records and come into one: what they bring along, and what is found there
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

static Vm *import(World *w, const char *record) {
        Vm *vm = NULL;

        assert_true(vms_import(w->policy, record, &vm, fresh(w)) >= 0);
        world_run(w);
        return vm;
}

static void note(World *w, Object *o, const char *property, const char *const *entries) {
        static const char *const none[] = {NULL};

        assert_int_equal(objects_change_entries(w->policy, o, property, &(EntriesChange){.set = entries, .remove = none}, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
}

static void an_export_is_imported_again(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID multi", 2), vgpu;
        _cleanup_free_ char *before = NULL, *after = NULL;

        vgpu = world_vgpu(w, &vm, 1)->object.id;
        /* What its users wrote beside it comes along. */
        assert_int_equal(vms_set_description(w->policy, world_vm(w, &vm), "two\nlines", fresh(w)), 0);
        note(w, &world_vm(w, &vm)->object, "OtherConfig", (const char *[]){"who", "anna", NULL});
        note(w, &world_vm(w, &vm)->object, "Tags", (const char *[]){"red", "lab", NULL});
        assert_int_equal(vgpus_set_extra_args(w->policy, world_vgpu(w, &vm, 0), "a=1", fresh(w)), 0);
        assert_int_equal(vms_export(w->policy, world_vm(w, &vm), &before), 0);
        assert_non_null(strstr(before, "\"other_config\":{\"who\":\"anna\"},\"tags\":[\"red\",\"lab\"]"));
        assert_non_null(strstr(before, "\"extra_args\":\"a=1\""));
        assert_null(import(w, before));
        assert_int_equal(w->refusal.code, ERROR_ALREADY_EXISTS);

        assert_int_equal(vms_destroy(w->policy, world_vm(w, &vm), fresh(w)), 0);
        assert_non_null(import(w, before));
        assert_true(uuid_equal(&world_vgpu(w, &vm, 1)->object.id, &vgpu));
        assert_int_equal(vms_export(w->policy, world_vm(w, &vm), &after), 0);
        assert_string_equal(before, after);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_GPU_GROUP].n, 1);
}

static Vm *add_to_group(World *w, const char *name, VmGroup *g) {
        Uuid id = world_create_vm(w, name);

        assert_int_equal(vms_set_groups(w->policy, world_vm(w, &id), (VmGroup *const[]){ g }, 1, fresh(w)), 0);
        return world_vm(w, &id);
}

static char *exported_and_gone(World *w, Vm *vm) {
        char *record;

        assert_int_equal(vms_export(w->policy, vm, &record), 0);
        assert_int_equal(vms_destroy(w->policy, vm, fresh(w)), 0);
        return record;
}

/* Two VMs that were kept apart are kept apart where they are imported, whatever became of their group there. */
static void an_import_brings_its_vm_group(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
        VmGroup *g = NULL;
        Uuid id;
        Vm *vm;

        assert_int_equal(vm_groups_create(w->policy, "web", "servers", "anti_affinity", &g, fresh(w)), 0);
        id = g->object.id;
        a = exported_and_gone(w, add_to_group(w, "a", g));
        b = exported_and_gone(w, add_to_group(w, "b", g));
        c = exported_and_gone(w, add_to_group(w, "c", g));

        /* It is there: nothing is made, and its own placement stands. */
        assert_int_equal(vm_groups_set_placement(w->policy, g, "normal", fresh(w)), 0);
        assert_int_equal(vm_groups_set_name_label(w->policy, g, "www", fresh(w)), 0);
        vm = import(w, a);
        assert_ptr_equal(vm->group, g);
        assert_int_equal(g->placement, PLACEMENT_NORMAL);

        /* It is not: made as it was, once. */
        assert_int_equal(vm_groups_destroy(w->policy, g, fresh(w)), 0);
        assert_null(vm->group);
        world_run(w);
        g = import(w, b)->group;
        assert_non_null(g);
        assert_true(uuid_equal(&g->object.id, &id));
        assert_string_equal(g->name_label, "web");
        assert_string_equal(g->name_description, "servers");
        assert_int_equal(g->placement, PLACEMENT_ANTI_AFFINITY);
        assert_ptr_equal(import(w, c)->group, g);
        assert_int_equal(g->vms.n, 2);

        /* In another pool one of that name will do. */
        vm = import(w, "{\"name_label\":\"d\"," VM_CONFIG ",\"groups\":[{\"name_label\":\"web\"}]}");
        assert_ptr_equal(vm->group, g);

        assert_null(import(w, "{\"name_label\":\"e\"," VM_CONFIG
                              ",\"groups\":[{\"name_label\":\"new\",\"placement\":\"together\"}]}"));
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
        assert_non_null(strstr(w->refusal.message, "'together' is no placement"));
        assert_null(import(w, "{\"name_label\":\"e\"," VM_CONFIG
                              ",\"groups\":[{\"name_label\":\"web\",\"placement\":\"together\"}]}"));
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_VM].n, 4);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_VM_GROUP].n, 1);
}

static const char import_k240q[] =
        "{\"name_label\":\"in\"," VM_CONFIG
        ",\"vgpus\":[{\"device\":\"0\",\"uuid\":\"33333333-3333-4333-8333-333333333333\","
        "\"gpu_group\":{\"name_label\":\"K2 cards\",\"gpu_types\":[\"10de/11bf\"]},"
        "\"type\":{\"identifier\":\"0001:nvidia,11bf,,11b0,101a\",\"implementation\":\"nvidia\",\"vendor_"
        "name\":\"NVIDIA Corporation\",\"model_name\":\"GRID K240Q\",\"size\":262144}}]}";

static void an_import_waits_for_its_hardware(void **state) {
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        FakeHost *b = fake_host_add("beta");
        Vm *vm = import(w, import_k240q);
        Uuid id;

        assert_non_null(vm);
        id = vm->object.id;
        assert_int_equal(world_type(w, "GRID K240Q")->size, 0);
        assert_int_equal(world_group(w, "K2 cards")->pgpus.n, 0);
        assert_int_not_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        assert_non_null(strstr(w->refusal.message, "K240Q"));

        fake_k2_add(b);
        world_add_host(w, b);
        assert_int_equal(world_type(w, "GRID K240Q")->size, 262144);
        assert_int_equal(world_group(w, "K2 cards")->pgpus.n, 2);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &id), "running");
}

static void a_refused_import_leaves_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_free_ char *record = NULL;
        size_t n[_CLASS_MAX];

        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                n[c] = policy_pool(w->policy)->objects[c].n;
        assert_true(asprintf(&record, "%.*s,%s", (int) strlen(import_k240q) - 2, import_k240q,
                            strstr(import_k240q, "{\"device\"")) > 0);
        assert_null(import(w, record));
        assert_int_equal(w->refusal.code, ERROR_ALREADY_EXISTS);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                assert_int_equal(policy_pool(w->policy)->objects[c].n, n[c]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_export_is_imported_again),
                cmocka_unit_test(an_import_brings_its_vm_group),
                cmocka_unit_test(an_import_waits_for_its_hardware),
                cmocka_unit_test(a_refused_import_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
