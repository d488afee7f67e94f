/*
 * Objects that clients make: VMs, VGPUs, groups, reservations; and what they are told about them
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/pool/property.h"
#include "protocol/vm-record.h"

static void a_vm_without_memory_is_refused_with_the_path(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        static const struct {
                const char *record, *path;
        } cases[] = {
                {"{\"name_label\":\"a\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{}}}",
                        "config.b_info.max_memkb"},
                {"{\"config\":{}}", "name_label"},
                {"{\"name_label\":\"a\"}", "config"},
                {"{\"name_label\":", ""},
                {"[]", ""},
                {"", ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Vm *vm;

                assert_int_equal(vms_create(w->policy, cases[i].record, &vm, fresh(w)), 0);
                assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
                assert_non_null(strstr(w->refusal.message, cases[i].path));
        }
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_VM].n, 0);
}

static void a_uuid_is_given_once_and_names_may_repeat(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        const char *record =
                "{\"uuid\":\"22222222-2222-4222-8222-222222222222\",\"name_label\":\"a\"," VM_CONFIG "}";
        Object *o;
        Vm *vm;

        assert_int_equal(vms_create(w->policy, record, &vm, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(vms_create(w->policy, record, &vm, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_ALREADY_EXISTS);
        world_create_vm(w, "a");
        assert_int_equal(pool_find(policy_pool(w->policy), CLASS_VM, "a", &o), -EEXIST);
}

static void devices_follow_the_rules(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm(w, "a");

        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", "-1"), ERROR_INVALID_DEVICE);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", NULL), ERROR_NONE);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", "3"), ERROR_NONE);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", "3"), ERROR_DEVICE_ALREADY_EXISTS);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID K100", NULL), ERROR_VGPU_TYPE_NOT_COMPATIBLE);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", ""), ERROR_NONE);
        assert_int_equal(world_vgpu(w, &vm, 1)->device, 1);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(fake_vm(h, &vm)->order.n_vgpus, 3);
        assert_int_equal(fake_vm(h, &vm)->order.vgpus[2].nvidia.virtual_pci_address.dev, 14);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", NULL), ERROR_VM_BAD_POWER_STATE);
        vgpus_destroy(w->policy, world_vgpu(w, &vm, 0), fresh(w));
        assert_int_equal(w->refusal.code, ERROR_VM_BAD_POWER_STATE);
}

/* A vGPU needs 16 MiB of video memory, which the placement must know. */
static void memory_follows_the_vgpus(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm(w, "a");
        uint64_t before = world_vm(w, &vm)->memory;

        world_create_vgpu(w, &vm, "GRID K100", NULL);
        assert_true(world_vm(w, &vm)->memory > before);
        vgpus_destroy(w->policy, world_vgpu(w, &vm, 0), fresh(w));
        assert_true(world_vm(w, &vm)->memory == before);
}

static Uuid platform_vm(World *w, const char *platform) {
        _cleanup_free_ char *record = NULL;
        Vm *vm = NULL;

        assert_true(asprintf(&record, "{\"name_label\":\"old\",\"platform\":%s," VM_CONFIG "}", platform) > 0);
        assert_int_equal(vms_create(w->policy, record, &vm, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        return vm->object.id;
}

static void the_platform_form_is_booked_like_any_other(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = platform_vm(w, "{\"vgpu_pci_id\":\"0000:09:00.0\",\"vgpu_config\":\"/usr/share/nvidia/vgx/"
                                 "grid_k140q.conf\",\"vgpu_extra_args\":\"foo=1\"}");

        assert_int_equal(world_vm(w, &vm)->vgpus.n, 1);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(world_vgpu(w, &vm, 0)->resident_on->pci.bus, 9);
        assert_string_equal(fake_vm(h, &vm)->order.vgpus[0].nvidia.type_id, "12");
        assert_string_equal(fake_vm(h, &vm)->order.vgpus[0].nvidia.extra_args, "foo=1");
}

/* Created before its hardware is known, so that the VGPU is made by a start, and by a start only. */
static void asking_about_the_platform_form_makes_nothing(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *hosts, *pgpus;
        _cleanup_free_ char *json = NULL;
        FakeHost *h;
        Job *job = NULL;
        size_t n_room = 0;
        Uuid vm;

        world_start(w);
        vm = platform_vm(w, "{\"vgpu_pci_id\":\"0000:09:00.0\",\"vgpu_config\":\"grid_k140q.conf\"}");
        h = fake_host_add("alpha");
        fake_k1_add(h);
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        assert_int_equal(world_vm(w, &vm)->vgpus.n, 0);

        assert_int_equal(
                vms_start(w->policy, world_vm(w, &vm), &(StartOptions){.dry_run = true}, &job, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(vms_explain(w->policy, world_vm(w, &vm), NULL, &json), 0);
        assert_null(job);
        assert_int_equal(world_vm(w, &vm)->vgpus.n, 0);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_VGPU].n, 0);
        assert_false(pool_has_changes(policy_pool(w->policy)));

        /* Only the PGPU that the platform names has room for it. */
        o = json_tokener_parse(json);
        assert_true(json_object_object_get_ex(o, "hosts", &hosts));
        assert_true(json_object_object_get_ex(json_object_array_get_idx(hosts, 0), "pgpus", &pgpus));
        assert_int_equal(json_object_array_length(pgpus), 4);
        for (size_t i = 0; i < 4; i++) {
                struct json_object *p = json_object_array_get_idx(pgpus, i);
                bool named =
                        streq(json_object_get_string(json_object_object_get(p, "pci_id")), "0000:09:00.0");

                assert_int_equal(json_object_get_int(json_object_object_get(p, "capacity")), named ? 4 : 0);
                assert_string_equal(json_object_get_string(json_object_object_get(p, "code")),
                        named ? "" : "VMRequiresVGPU");
                n_room += named;
        }
        assert_int_equal(n_room, 1);

        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_int_equal(world_vm(w, &vm)->vgpus.n, 1);
}

static void the_platform_form_says_what_is_missing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid nowhere =
                platform_vm(w, "{\"vgpu_pci_id\":\"0000:55:00.0\",\"vgpu_config\":\"grid_k100.conf\"}");
        Uuid foreign =
                platform_vm(w, "{\"vgpu_pci_id\":\"0000:07:00.0\",\"vgpu_config\":\"grid_k200.conf\"}");
        Uuid half = platform_vm(w, "{\"vgpu_pci_id\":\"0000:07:00.0\"}");
        Vm *vm;

        assert_int_equal(world_start_vm(w, &nowhere, NULL), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_non_null(strstr(w->refusal.message, "0000:55:00.0"));
        assert_int_equal(world_start_vm(w, &foreign, NULL), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_non_null(strstr(w->refusal.message, "grid_k200.conf"));
        assert_int_equal(world_start_vm(w, &half, NULL), ERROR_NONE);
        assert_int_equal(vms_create(w->policy,
                                 "{\"name_label\":\"x\",\"platform\":{\"vgpu_pci_id\":\"here\",\"vgpu_"
                                 "config\":\"f\"}," VM_CONFIG "}",
                                 &vm, fresh(w)),
                0);
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
}

static void a_call_repeated_gets_the_first_answer(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm(w, "a");
        _cleanup_free_ char *found = NULL, *again = NULL, *gone = NULL;
        const char *path = object_path(CLASS_VM, &vm, (char[OBJECT_PATH_MAX]){});

        assert_int_equal(
                policy_idempotency_find(w->policy, 0, "CreateVM", "k1", "args", &found, fresh(w)), 0);
        assert_int_equal(policy_idempotency_record(
                                 w->policy, 0, "CreateVM", "k1", "args", path, &world_vm(w, &vm)->object),
                0);
        policy_flush(w->policy);
        world_crash(w);
        assert_int_equal(
                policy_idempotency_find(w->policy, 0, "CreateVM", "k1", "args", &found, fresh(w)), 1);
        assert_string_equal(found, path);
        assert_int_equal(
                policy_idempotency_find(w->policy, 7, "CreateVM", "k1", "args", &again, fresh(w)), 0);
        assert_int_equal(
                policy_idempotency_find(w->policy, 0, "CreateVM", "k1", "others", &again, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
        assert_int_equal(policy_idempotency_find(w->policy, 0, "CreateVM", "", "args", &again, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);

        /* As long as its object. */
        vms_destroy(w->policy, world_vm(w, &vm), fresh(w));
        policy_flush(w->policy);
        assert_int_equal(policy_idempotency_find(w->policy, 0, "CreateVM", "k1", "args", &gone, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        world_crash(w);
        assert_int_equal(policy_idempotency_find(w->policy, 0, "CreateVM", "k1", "args", &gone, fresh(w)), 0);
}

static void a_reservation_holds_is_used_and_expires(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1),
             other = world_create_vm_with(w, "b", "GRID K140Q", 1), id;
        GpuGroup *g = world_group(w, "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs");
        StartOptions options = {};
        Reservation *r;
        Job *j;

        assert_int_equal(reservations_create(w->policy, "all", g, world_type(w, "GRID K100"), 33, 3600, "me",
                                 &r, fresh(w)),
                0);
        assert_int_equal(w->refusal.code, ERROR_PGPU_INSUFFICIENT_CAPACITY);
        assert_int_equal(reservations_create(
                                 w->policy, "all", g, world_type(w, "GRID K100"), 32, 3, "me", &r, fresh(w)),
                0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        id = r->object.id;
        world_run(w);
        assert_int_not_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_int_not_equal(world_start_vm(w, &other, NULL), ERROR_NONE);

        options.reservation = r;
        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(r->holds.n, 31);
        assert_false(((Vgpu *) world_vm(w, &vm)->vgpus.items[0])->used_hold);
        world_run_for(w, 3200000);
        assert_null(pool_get(policy_pool(w->policy), CLASS_RESERVATION, &id));
        assert_int_equal(world_start_vm(w, &other, NULL), ERROR_NONE);

        reservations_create(w->policy, "none", g, world_type(w, "GRID K100"), 0, 1, "me", &r, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
}

/* Clients never hear of what came and went before anything was committed. */
static void what_came_and_went_in_one_batch_is_not_told(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Vm *vm;

        world_run(w);
        w->n_changed = 0;
        assert_int_equal(vms_create(w->policy, "{\"name_label\":\"b\"," VM_CONFIG "}", &vm, fresh(w)), 0);
        assert_int_equal(vms_destroy(w->policy, vm, fresh(w)), 0);
        world_run(w);
        assert_int_equal(w->n_changed, 0);
}

static void what_clients_make_is_capped(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID multi", 1);
        GpuGroup *g;
        Vm *other;

        w->policy = policy_free(w->policy);
        w->options.limits[CLASS_VM] = w->options.limits[CLASS_VGPU] = w->options.limits[CLASS_GPU_GROUP] =
                w->options.limits[CLASS_HOST] = 1;
        world_start(w);
        assert_int_equal(world_create_vgpu(w, &vm, "GRID multi", NULL), ERROR_LIMIT_REACHED);
        vms_create(w->policy, "{\"name_label\":\"b\"," VM_CONFIG "}", &other, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
        groups_create(w->policy, "g", "", &g, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_LIMIT_REACHED);
        assert_int_equal(world_add_host(w, fake_host_add("beta")), ERROR_LIMIT_REACHED);
}

static void groups_by_hand(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Pgpu *pgpu = world_host(w, "alpha")->pgpus.items[0];
        GpuGroup *g, *automatic = pgpu->group;

        assert_int_equal(groups_create(w->policy, "mine", "words", &g, fresh(w)), 0);
        assert_int_equal(pgpus_set_group(w->policy, pgpu, g, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_string_equal(g->gpu_types[0], "10de/0ff2");
        assert_int_equal(automatic->pgpus.n, 3);
        groups_destroy(w->policy, g, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_GPU_GROUP_CONTAINS_PGPU);
        groups_set_algorithm(w->policy, g, "breadth_first", fresh(w));
        assert_int_equal(g->algorithm, ALGORITHM_BREADTH_FIRST);
        groups_set_algorithm(w->policy, g, "sideways", fresh(w));
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
        groups_set_names(w->policy, g, "ours", NULL, fresh(w));
        policy_flush(w->policy);
        world_crash(w);
        assert_int_equal(world_group(w, "ours")->pgpus.n, 1);
        pgpus_set_group(w->policy, world_group(w, "ours")->pgpus.items[0], NULL, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(groups_destroy(w->policy, world_group(w, "ours"), fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
}

/* JSON answers */

static struct json_object *parse(char *text) {
        struct json_object *o = json_tokener_parse(text);

        assert_non_null(o);
        free(text);
        return o;
}

static struct json_object *member(struct json_object *o, const char *name) {
        struct json_object *value;

        if (!json_object_object_get_ex(o, name, &value))
                fail_msg("There is no member %s in %s", name, json_object_to_json_string(o));
        return value;
}

static const char *text(struct json_object *o, const char *name) {
        return json_object_get_string(member(o, name));
}

static void lists_have_pages_and_filters(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        const ListFilter running = {"PowerState", "running", 's'}, unknown = {"Colour", "red", 's'};
        struct json_object *o;
        Uuid vm = UUID_NULL;
        char *json;

        for (int i = 0; i < 5; i++)
                vm = world_create_vm_with(w, "vm", "GRID K100", 1);
        world_start_vm(w, &vm, NULL);
        world_run(w);

        assert_int_equal(policy_list(w->policy, CLASS_VM, NULL, 0, 1, 2, &json, fresh(w)), 0);
        o = parse(json);
        assert_int_equal(json_object_get_int(member(o, "total")), 5);
        assert_int_equal(json_object_array_length(member(o, "objects")), 2);
        json_object_put(o);
        assert_int_equal(policy_list(w->policy, CLASS_VM, &running, 1, 0, 0, &json, fresh(w)), 0);
        o = parse(json);
        assert_int_equal(json_object_get_int(member(o, "total")), 1);
        assert_string_equal(text(json_object_array_get_idx(member(o, "objects"), 0), "uuid"), UUID_TEXT(&vm));
        json_object_put(o);
        assert_int_equal(policy_list(w->policy, CLASS_VM, &unknown, 1, 0, 0, &json, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);

        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                assert_int_equal(policy_list(w->policy, c, NULL, 0, 0, 0, &json, fresh(w)), 0);
                json_object_put(parse(json));
        }
}

static void capacity_adds_up(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        struct json_object *o, *group, *type;
        char *json;

        world_start_vm(w, &vm, NULL);
        world_run(w);
        assert_int_equal(policy_capacity(w->policy, &json), 0);
        o = parse(json);
        group = json_object_array_get_idx(member(o, "groups"), 0);
        assert_int_equal(json_object_array_length(member(group, "pgpus")), 4);
        for (size_t i = 0; i < json_object_array_length(member(group, "types")); i++) {
                type = json_object_array_get_idx(member(group, "types"), i);
                if (streq(text(type, "model_name"), "GRID K100")) {
                        assert_int_equal(json_object_get_int(member(type, "total")), 32);
                        assert_int_equal(json_object_get_int(member(type, "used")), 1);
                        assert_int_equal(json_object_get_int(member(type, "free")), 31);
                }
                if (streq(text(type, "model_name"), "GRID K140Q"))
                        assert_int_equal(json_object_get_int(member(type, "free")), 12);
        }
        json_object_put(o);

        h->down = true;
        fake_lose(h, "Gone.");
        world_run(w);
        assert_int_equal(policy_capacity(w->policy, &json), 0);
        o = parse(json);
        type = json_object_array_get_idx(
                member(json_object_array_get_idx(member(o, "groups"), 0), "types"), 0);
        assert_int_equal(json_object_get_int(member(type, "free")), 0);
        assert_true(strlen(text(member(type, "reason"), "message")) > 0);
        json_object_put(o);
}

static void explain_tells_every_host_and_pgpu(void **state) {
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        FakeHost *b = fake_host_add("beta");
        struct json_object *o, *host, *pgpu;
        Uuid vm;
        char *json;

        fake_k2_add(b);
        world_add_host(w, b);
        vm = world_create_vm_with(w, "a", "GRID K100", 1);
        assert_int_equal(vms_explain(w->policy, world_vm(w, &vm), NULL, &json), 0);
        o = parse(json);
        assert_string_equal(text(o, "verdict"), "placed");
        assert_string_equal(text(member(o, "placement"), "name_label"), "alpha");
        pgpu = json_object_array_get_idx(member(member(o, "placement"), "pgpus"), 0);
        assert_string_equal(text(pgpu, "pci_id"), "0000:07:00.0");
        assert_int_equal(json_object_array_length(member(o, "hosts")), 2);
        host = json_object_array_get_idx(member(o, "hosts"), 0);
        assert_true(strlen(text(host, "message")) > 0);
        pgpu = json_object_array_get_idx(member(host, "pgpus"), 0);
        assert_string_equal(text(pgpu, "type"), "GRID K100");
        assert_int_equal(json_object_get_int(member(member(o, "counts"), "fits")), 1);
        assert_int_equal(json_object_get_int(member(member(o, "counts"), "VMRequiresVGPU")), 1);
        assert_null(json_object_object_get(o, "nearest"));
        assert_null(json_object_object_get(o, "resident_on"));
        assert_null(json_object_object_get(o, "scheduled_to_be_resident_on"));
        json_object_put(o);

        world_start_vm(w, &vm, NULL);
        assert_int_equal(vms_explain(w->policy, world_vm(w, &vm), NULL, &json), 0);
        o = parse(json);
        assert_string_equal(text(o, "power_state"), "halted");
        assert_string_equal(text(member(o, "scheduled_to_be_resident_on"), "name_label"), "alpha");
        json_object_put(o);

        world_run(w);
        assert_int_equal(vms_explain(w->policy, world_vm(w, &vm), NULL, &json), 0);
        o = parse(json);
        assert_string_equal(text(member(o, "decision"), "name_label"), "alpha");
        json_object_put(o);
}

static void an_explained_refusal_has_its_numbers(void **state) {
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        Uuid vms[4], whole = world_create_vm_with(w, "whole", "passthrough", 1);
        struct json_object *o, *nearest;
        char *json;

        for (size_t i = 0; i < 4; i++) {
                vms[i] = world_create_vm_with(w, "a", "passthrough", 1);
                world_start_vm(w, &vms[i], NULL);
        }
        world_run(w);
        assert_int_equal(vms_explain(w->policy, world_vm(w, &whole), NULL, &json), 0);
        o = parse(json);
        assert_string_equal(text(o, "verdict"), "refused");
        assert_null(json_object_object_get(o, "placement"));
        assert_int_equal(json_object_object_length(member(o, "counts")), 1);
        nearest = member(o, "nearest");
        assert_string_equal(text(nearest, "name_label"), "alpha");
        assert_string_equal(text(nearest, "pci_id"), "0000:07:00.0");
        assert_string_equal(text(nearest, "code"), "VGPUTypeNotCompatibleWithRunningType");
        assert_int_equal(json_object_get_int(member(nearest, "need")), PGPU_SIZE);
        json_object_put(o);
}

static void set_config_is_checked(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm(w, "a");

        vms_set_config(w->policy, world_vm(w, &vm), "{\"b_info\":{}}", fresh(w));
        assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
        vms_set_config(w->policy, world_vm(w, &vm),
                "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":2097152}}", fresh(w));
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_true(world_vm(w, &vm)->memory > UINT64_C(2) << 30);
        vms_set_names(w->policy, world_vm(w, &vm), "renamed", "alpha", fresh(w));
        world_start_vm(w, &vm, NULL);
        world_run(w);
        vms_set_config(w->policy, world_vm(w, &vm), "{}", fresh(w));
        assert_int_equal(w->refusal.code, ERROR_VM_BAD_POWER_STATE);
        vms_destroy(w->policy, world_vm(w, &vm), fresh(w));
        assert_int_equal(w->refusal.code, ERROR_VM_BAD_POWER_STATE);
        assert_string_equal(fake_vm(h, &vm)->order.vm.name_label, "renamed");
}

/* A config of so many bytes, or so deep. */
static char *config_of(size_t size, unsigned depth) {
        static const char head[] = "{\"b_info\":{\"max_memkb\":65536},\"pad\":", tail[] = "}";
        char *text = malloc(size + 1), *p = text;

        assert_non_null(text);
        p = stpcpy(p, head);
        if (depth > 1) {
                memset(p, '[', depth - 1);
                memset(p + depth - 1, ']', depth - 1);
                p += 2 * (depth - 1);
        } else {
                memset(p, 'x', size - strlen(head) - strlen(tail));
                *p = text[size - 2] = '"';
                p = text + size - 1;
        }
        strcpy(p, tail);
        return text;
}

static ErrorCode create_with(World *w, const char *config) {
        _cleanup_free_ char *record = NULL;
        Vm *vm;

        assert_true(asprintf(&record, "{\"name_label\":\"fat\",\"config\":%s}", config) > 0);
        return world_request(w, vms_create(w->policy, record, &vm, fresh(w)));
}

/* What is acknowledged can be read again after a restart, however large or deep a client made it. */
static void what_is_stored_is_read_again(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_free_ char *large = config_of(VM_CONFIG_SIZE_MAX, 0), *larger = config_of(VM_CONFIG_SIZE_MAX + 1, 0),
                            *deep = config_of(4096, VM_CONFIG_DEPTH_MAX), *deeper = config_of(4096, VM_CONFIG_DEPTH_MAX + 1),
                            *text = malloc(4098);
        Uuid vm = world_create_vm(w, "a");
        GpuGroup *group;

        memset(text, 'x', 4097);
        text[4097] = 0;
        assert_int_equal(create_with(w, larger), ERROR_INVALID_RECORD);
        assert_int_equal(create_with(w, deeper), ERROR_INVALID_RECORD);
        assert_int_equal(create_with(w, large), ERROR_NONE);
        assert_int_equal(create_with(w, deep), ERROR_NONE);
        assert_int_equal(world_request(w, vms_set_config(w->policy, world_vm(w, &vm), larger, fresh(w))), ERROR_INVALID_RECORD);
        assert_int_equal(world_request(w, vms_set_config(w->policy, world_vm(w, &vm), deeper, fresh(w))), ERROR_INVALID_RECORD);
        assert_non_null(strstr(w->refusal.message, "config is nested more than"));
        assert_int_equal(world_request(w, vms_set_config(w->policy, world_vm(w, &vm), deep, fresh(w))), ERROR_NONE);
        assert_int_equal(world_request(w, groups_create(w->policy, "g", text, &group, fresh(w))), ERROR_INVALID_RECORD);
        assert_int_equal(
                world_request(w, vms_set_names(w->policy, world_vm(w, &vm), NULL, text, fresh(w))), ERROR_INVALID_RECORD);
        text[4096] = 0;
        assert_int_equal(world_request(w, groups_create(w->policy, "g", text, &group, fresh(w))), ERROR_NONE);

        world_restart(w);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_VM].n, 3);
        assert_string_equal(world_group(w, "g")->name_description, text);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_vm_without_memory_is_refused_with_the_path),
                cmocka_unit_test(a_uuid_is_given_once_and_names_may_repeat),
                cmocka_unit_test(devices_follow_the_rules),
                cmocka_unit_test(memory_follows_the_vgpus),
                cmocka_unit_test(the_platform_form_is_booked_like_any_other),
                cmocka_unit_test(asking_about_the_platform_form_makes_nothing),
                cmocka_unit_test(the_platform_form_says_what_is_missing),
                cmocka_unit_test(a_call_repeated_gets_the_first_answer),
                cmocka_unit_test(a_reservation_holds_is_used_and_expires),
                cmocka_unit_test(what_came_and_went_in_one_batch_is_not_told),
                cmocka_unit_test(what_clients_make_is_capped),
                cmocka_unit_test(groups_by_hand),
                cmocka_unit_test(lists_have_pages_and_filters),
                cmocka_unit_test(capacity_adds_up),
                cmocka_unit_test(explain_tells_every_host_and_pgpu),
                cmocka_unit_test(an_explained_refusal_has_its_numbers),
                cmocka_unit_test(set_config_is_checked),
                cmocka_unit_test(what_is_stored_is_read_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
