/*
 * Maps and sets that users keep with objects, and the platform of a VM
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#include "policyd/pool/property.h"

#define N 257 /* one more than an object keeps */

static void change(World *w, Object *o, const char *property, bool replace, const char *const *set, const char *const *gone) {
        static const char *const none[] = {NULL};

        assert_int_equal(objects_change_entries(w->policy, o, property,
                                 &(EntriesChange){.replace = replace, .set = set ?: none, .remove = gone ?: none}, fresh(w)),
                0);
        world_run(w);
}

/* Many, and then one that is too much in bytes; what was refused changed nothing. */
static void look_at_limits(World *w, Object *o, const char *property) {
        const Property *p = property_find(o->class, property);
        bool is_map = p->signature[1] == '{';
        const char *set[2 * N + 1] = {};
        static char keys[N][260], value[4096];

        memset(value, 'v', sizeof(value) - 1);
        for (size_t i = 0; i < N; i++) {
                snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
                set[is_map ? 2 * i : i] = keys[i];
                if (is_map)
                        set[2 * i + 1] = "v";
        }
        change(w, o, property, true, set, NULL);
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
        set[is_map ? 2 * (N - 1) : N - 1] = NULL;
        change(w, o, property, true, set, NULL);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        change(w, o, property, false, (const char *[]){"one more", is_map ? "" : NULL, NULL}, NULL);
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
        change(w, o, property, false, (const char *[]){"one more", is_map ? "" : NULL, NULL}, (const char *[]){"k0", NULL});
        assert_int_equal(w->refusal.code, ERROR_NONE);
        for (size_t i = 0; is_map && i < 17; i++)
                set[2 * i + 1] = value;
        change(w, o, property, true, set, NULL);
        assert_int_equal(w->refusal.code, is_map ? ERROR_LIMIT_REACHED : ERROR_NONE);
        change(w, o, property, true, NULL, NULL);
        assert_int_equal(w->refusal.code, ERROR_NONE);
}

static void no_object_keeps_more_than_so_much(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid id = world_create_vm_with(w, "a", "GRID K100", 1);
        Vm *vm = world_vm(w, &id);

        look_at_limits(w, &vm->object, "Platform");
        look_at_limits(w, &vm->object, "OtherConfig");
        look_at_limits(w, &vm->object, "Tags");
        look_at_limits(w, vm->vgpus.items[0], "OtherConfig");
        look_at_limits(w, &world_host(w, "alpha")->object, "OtherConfig");
        look_at_limits(w, &world_host(w, "alpha")->object, "Tags");
        look_at_limits(w, world_host(w, "alpha")->pgpus.items[0], "OtherConfig");
        look_at_limits(w, &((Vgpu *) vm->vgpus.items[0])->group->object, "OtherConfig");
}

/* The VGPU of the 6.x form follows the platform's keys. */
static void a_vgpu_follows_its_platform(void **state) {
        static const char *const form[] = {"vgpu_pci_id", "0000:09:00.0", "vgpu_config", "/usr/share/nvidia/vgx/grid_k100.conf", NULL};
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid id = world_create_vm(w, "a");
        Vm *vm = world_vm(w, &id);
        Vgpu *v;

        change(w, &vm->object, "Platform", false, form, NULL);
        assert_int_equal(vm->vgpus.n, 1);
        v = vm->vgpus.items[0];
        assert_true(v->pinned);
        change(w, &vm->object, "Platform", false, (const char *[]){"vgpu_extra_args", "a=1", NULL}, NULL);
        v = vm->vgpus.items[0];
        assert_string_equal(v->extra_args, "a=1");

        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        change(w, &vm->object, "Platform", false, NULL, (const char *[]){"vgpu_pci_id", NULL});
        assert_int_equal(w->refusal.code, ERROR_VM_BAD_POWER_STATE);
        assert_int_equal(vm->vgpus.n, 1);
        change(w, &vm->object, "Platform", false, (const char *[]){"vga", "std", NULL}, NULL);
        assert_int_equal(w->refusal.code, ERROR_NONE);

        assert_int_equal(world_shutdown(w, &id, true, NULL), ERROR_NONE);
        world_run(w);
        change(w, &vm->object, "Platform", false, NULL, (const char *[]){"vgpu_pci_id", NULL});
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(vm->vgpus.n, 0);
        assert_null(strstr(vm->platform, "vgpu_pci_id"));
}

/* Refused in the end, all is as it was. */
static void a_platform_is_changed_as_a_whole(void **state) {
        static const char record[] = "{\"name_label\":\"v\",\"platform\":{\"vgpu_pci_id\":\"0000:09:00.0\",\"vgpu_config\":\"grid_k100.conf\"},"
                                     "\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576},\"pcidevs\":[{\"bus\":132}]}}";
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        PolicyOptions options = w->options;
        _cleanup_free_ char *before = NULL;
        FakeHost *other = fake_host_add("beta");
        Uuid id, vgpu;
        Vm *vm;

        /* The GPU that its config names comes later. */
        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(vm->vgpus.n, 1);
        vgpu = world_vgpu(w, &id, 0)->object.id;
        fake_k2_add(other);
        assert_int_equal(world_add_host(w, other), ERROR_NONE);
        vm = world_vm(w, &id);
        before = strdup(vm->platform);
        options.limits[CLASS_VGPU] = 1;
        policy_set_limits(w->policy, &options);
        change(w, &vm->object, "Platform", false, (const char *[]){"vgpu_config", "grid_k140q.conf", NULL}, NULL);
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
        vm = world_vm(w, &id);
        assert_string_equal(vm->platform, before);
        assert_int_equal(vm->vgpus.n, 1);
        assert_true(uuid_equal(&world_vgpu(w, &id, 0)->object.id, &vgpu));

        options.limits[CLASS_VGPU] = 2;
        policy_set_limits(w->policy, &options);
        change(w, &vm->object, "Platform", false, (const char *[]){"vgpu_config", "grid_k140q.conf", NULL}, NULL);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(world_vm(w, &id)->vgpus.n, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_object_keeps_more_than_so_much),
                cmocka_unit_test(a_vgpu_follows_its_platform),
                cmocka_unit_test(a_platform_is_changed_as_a_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
