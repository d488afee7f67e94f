/*
 * The pool itself: names, keys, changes, removal
 */

#include <stdio.h>

#include "common/base/text.h"
#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

static void objects_are_found_by_uuid_and_name(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *alpha = world_host(w, "alpha"), *beta = world_host(w, "beta");
        Pgpu *a = world_pgpu(w, alpha, K1), *a2 = world_pgpu(w, alpha, K1);
        Vm *vm = world_vm(w, "web", K100, END);
        Object *o = NULL;

        world_pgpu(w, beta, K1);
        assert_int_equal(pool_find(w->pool, CLASS_HOST, "alpha", &o), 0);
        assert_ptr_equal(o, alpha);
        assert_int_equal(pool_find(w->pool, CLASS_HOST, UUID_TEXT(&beta->object.id), &o), 0);
        assert_ptr_equal(o, beta);
        assert_int_equal(pool_find(w->pool, CLASS_VGPU_TYPE, "GRID K100", &o), 0);
        assert_ptr_equal(o, w->types[K100]);
        assert_int_equal(pool_find(w->pool, CLASS_GPU_GROUP, "K1 group", &o), 0);
        assert_int_equal(pool_find(w->pool, CLASS_VM, "web", &o), 0);
        assert_ptr_equal(o, vm);

        assert_int_equal(pool_find(w->pool, CLASS_PGPU, "alpha/0000:80:00.0", &o), 0);
        assert_ptr_equal(o, a);
        assert_int_equal(pool_find(w->pool, CLASS_PGPU, "0000:81:00.0", &o), 0);
        assert_ptr_equal(o, a2);
        assert_int_equal(pool_find(w->pool, CLASS_PGPU, "0000:80:00.0", &o), -EEXIST);

        assert_int_equal(pool_find(w->pool, CLASS_HOST, "gamma", &o), -ENOENT);
        assert_int_equal(pool_find(w->pool, CLASS_HOST, "", &o), -ENOENT);
        assert_int_equal(pool_find(w->pool, CLASS_VM, UUID_TEXT(&beta->object.id), &o), -ENOENT);
        world_vm(w, "web", END);
        assert_int_equal(pool_find(w->pool, CLASS_VM, "web", &o), -EEXIST);

        assert_string_equal(object_name(vm->vgpus.items[0]), "");
        assert_ptr_equal(pool_type_by_identifier(w->pool, "0001:passthrough"), w->types[PASSTHROUGH]);
        assert_null(pool_type_by_identifier(w->pool, ""));
        assert_null(pool_type_by_identifier(w->pool, "0001:else"));
}

static void an_id_is_taken_once(void **state) {
        _cleanup_world_ World *w = world_new();
        Uuid id = world_host(w, "alpha")->object.id;
        Host *h = NULL;

        assert_int_equal(pool_add_host(w->pool, &id, 0, "beta", "unix:path=/x", &h), -EEXIST);
        assert_null(h);
}

static void loading_announces_nothing_and_keeps_the_order_of_keys(void **state) {
        _cleanup_world_ World *w = world_new();
        PciAddress pci = {.bus = 1};
        Host *a, *b, *c;
        Uuid ids[8];
        Reservation *r;
        GpuGroup *g;
        VgpuType *t;
        Vgpu *v;
        Pgpu *p;
        Job *j;
        Vm *vm;

        world_drain(w);
        for (size_t i = 0; i < 8; i++)
                ids[i] = world_id(w);
        assert_int_equal(pool_add_host(w->pool, &ids[0], 70, "c", "", &c), 0);
        assert_int_equal(pool_add_host(w->pool, &ids[1], 50, "a", "", &a), 0);
        assert_int_equal(pool_add_pgpu(w->pool, &ids[2], 51, a, &pci, "10de", "0ff2", &p), 0);
        assert_int_equal(pool_add_gpu_group(w->pool, &ids[3], 52, "g", &g), 0);
        assert_int_equal(
                pool_add_vgpu_type(w->pool, &ids[4], 53, "0001:gvt-g,041a,80,180,4", "Intel", "GVT-g", &t),
                0);
        assert_int_equal(pool_add_vm(w->pool, &ids[5], 54, "vm", &vm), 0);
        assert_int_equal(pool_add_vgpu(w->pool, &ids[6], 55, vm, g, t, 0, &v), 0);
        assert_int_equal(pool_add_reservation(w->pool, &ids[7], 56, "r", g, t, 1, &r), 0);
        ids[0] = world_id(w);
        assert_int_equal(pool_add_job(w->pool, &ids[0], 57, "start", &j), 0);

        assert_false(pool_has_changes(w->pool));
        assert_false(p->present);
        assert_int_equal(t->implementation, TYPE_GVT_G);
        assert_ptr_equal(w->pool->objects[CLASS_HOST].items[0], a);
        assert_ptr_equal(w->pool->objects[CLASS_HOST].items[1], c);
        assert_int_equal(w->pool->next_key, 71);

        b = world_host(w, "b");
        assert_int_equal(b->object.key, 71);
        assert_true(pool_has_changes(w->pool));
}

static void kinds_of_types_follow_from_identifiers(void **state) {
        static const struct {
                const char *identifier, *model_name;
                VgpuImplementation implementation;
        } cases[] = {
                {"0001:passthrough", "passthrough", TYPE_PASSTHROUGH},
                {"0001:mxgpu,6929,80000000", "S7150", TYPE_MXGPU},
                {"0001:gvt-g,041a,80,180,4", "GVT-g", TYPE_GVT_G},
                {"0001:nvidia,11bf,,118d,101d", "GRID K200", TYPE_NVIDIA},
                {"", "passthrough", TYPE_PASSTHROUGH},
                {"", "GRID K200", TYPE_NVIDIA},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_world_ World *w = world_new();
                Uuid id = world_id(w);
                VgpuType *t;

                assert_int_equal(
                        pool_add_vgpu_type(w->pool, &id, 0, cases[i].identifier, "", cases[i].model_name, &t),
                        0);
                assert_int_equal(t->implementation, cases[i].implementation);
        }
}

static void each_object_is_announced_once_in_order(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        Object *o;

        world_drain(w);
        pool_set_host_enabled(w->pool, h, false);
        pool_set_pgpu_present(w->pool, p, false);
        assert_int_equal(pool_set_pgpu_group(w->pool, p, NULL), 0);
        pool_set_host_memory(w->pool, h, 64 * GIB, GIB);
        pool_touch(w->pool, &p->object, PGPU_DISPLAY, /* store= */ true);

        o = pool_take_changes(w->pool);
        assert_ptr_equal(o, h);
        assert_true(o->must_store);
        assert_false(o->is_new);
        assert_int_equal(o->changed, HOST_ENABLED | HOST_MEMORY_FREE | HOST_MEMORY_COMPUTED);
        assert_ptr_equal(o->next_changed, w->groups[K1]);
        assert_int_equal(w->groups[K1]->object.changed, GROUP_PGPUS | GROUP_SUPPORTED | GROUP_ENABLED);
        /* Lists that others keep are not stored. */
        assert_false(w->groups[K1]->object.must_store);
        assert_ptr_equal(o->next_changed->next_changed, p);
        assert_int_equal(p->object.changed, PGPU_GPU_GROUP | PGPU_DISPLAY);
        assert_null(p->object.next_changed);

        while (o) {
                Object *next = o->next_changed;

                pool_forget(w->pool, o);
                o = next;
        }
        assert_int_equal(h->object.changed, 0);
        assert_false(pool_has_changes(w->pool));
}

static uint64_t changed_of(Pool *pool, const Host *h) {
        uint64_t changed = 0;

        for (Object *next, *o = pool_take_changes(pool); o; o = next) {
                next = o->next_changed;
                changed |= o == &h->object ? o->changed : 0;
                pool_forget(pool, o);
        }
        return changed;
}

/* Booked memory counts until the host's report knows it. */
static void available_memory_is_told_when_it_changes(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Vm *vm = world_vm(w, "web", _WORLD_TYPE_MAX);

        pool_set_host_memory(w->pool, h, 64 * GIB, 8 * GIB);
        world_drain(w);

        assert_int_equal(pool_set_vm_scheduled(w->pool, vm, h), 0);
        assert_int_equal(changed_of(w->pool, h), HOST_MEMORY_COMPUTED);
        assert_int_equal(host_memory_available(h), 7 * GIB);
        vm->memory_counted = true;
        pool_set_host_memory(w->pool, h, 64 * GIB, 7 * GIB);
        assert_int_equal(changed_of(w->pool, h), HOST_MEMORY_FREE);
        assert_int_equal(pool_set_vm_scheduled(w->pool, vm, NULL), 0);
        pool_set_host_memory(w->pool, h, 64 * GIB, 8 * GIB);
        assert_int_equal(changed_of(w->pool, h), HOST_MEMORY_FREE | HOST_MEMORY_COMPUTED);
}

static void pgpus_share_lists_of_types(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1), *other = world_pgpu(w, h, K1);
        void **all = p->enabled.items;
        size_t n = p->enabled.n;

        assert_ptr_equal(other->enabled.items, all);
        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, (VgpuType *const *) all, n - 1), 0);
        assert_ptr_not_equal(p->enabled.items, all);
        assert_int_equal(p->enabled.n, n - 1);
        assert_int_equal(other->enabled.n, n);
        assert_pool_is_sound(w);

        /* Another order is another list, and an equal list is the one that is there. */
        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, (VgpuType *[]){all[1], all[0]}, 2), 0);
        assert_ptr_equal(p->enabled.items[0], all[1]);
        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, (VgpuType *const *) all, n), 0);
        assert_ptr_equal(p->enabled.items, all);
        assert_pool_is_sound(w);
}

static void what_is_the_same_is_no_change(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        Vgpu *v = world_resident(w, p, K100);
        VgpuType *t = w->types[K100];
        Uuid id = world_id(w);
        Reservation *r;

        assert_int_equal(pool_add_reservation(w->pool, &id, 0, "r", w->groups[K1], t, 1, &r), 0);
        world_drain(w);
        pool_set_host_state(w->pool, h, HOST_ONLINE, NULL);
        pool_set_host_enabled(w->pool, h, true);
        pool_set_host_memory(w->pool, h, 64 * GIB, 64 * GIB);
        assert_int_equal(pool_set_pgpu_group(w->pool, p, p->group), 0);
        assert_int_equal(
                pool_set_pgpu_enabled(w->pool, p, (VgpuType *const *) p->enabled.items, p->enabled.n), 0);
        pool_set_group_algorithm(w->pool, p->group, ALGORITHM_DEPTH_FIRST);
        assert_int_equal(
                pool_set_group_gpu_types(w->pool, p->group, (const char *const[]){"10de/0ff2", NULL}), 0);
        assert_int_equal(pool_set_type_size(w->pool, t, t->size, t->implementation), 0);
        assert_int_equal(
                pool_set_type_compatible(w->pool, t, (const char *const *) t->compatible_on_pgpu, NULL), 0);
        assert_int_equal(pool_set_vgpu_resident(w->pool, v, p), 0);
        assert_int_equal(pool_set_vgpu_scheduled(w->pool, v, NULL), 0);
        pool_set_vgpu_attached(w->pool, v, false);
        assert_int_equal(pool_set_vm_resident(w->pool, v->vm, h), 0);
        pool_set_vm_power_state(w->pool, v->vm, POWER_RUNNING);
        pool_set_vm_booking(w->pool, v->vm, BOOKING_NONE, NULL);
        pool_unhold(w->pool, r, p);
        assert_false(pool_has_changes(w->pool));
}

static void both_sides_of_a_placement_hear_of_it(void **state) {
        _cleanup_world_ World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "alpha"), K1);
        Vm *vm = world_vm(w, "web", K100, END);
        Vgpu *v = vm->vgpus.items[0];
        Uuid token = world_id(w);

        world_drain(w);
        world_run(w, vm);
        assert_int_equal(vm->object.changed, VM_SCHEDULED);
        assert_int_equal(v->object.changed, VGPU_SCHEDULED);
        assert_int_equal(p->object.changed, PGPU_SCHEDULED_VGPUS);
        assert_true(v->object.must_store && vm->object.must_store && !p->object.must_store);
        assert_int_equal(p->used, w->types[K100]->size);

        pool_set_vm_booking(w->pool, vm, BOOKING_SENT, &token);
        assert_true(uuid_equal(&vm->token, &token));
        pool_set_vm_booking(w->pool, vm, BOOKING_RESIDENT, NULL);
        assert_true(uuid_equal(&vm->token, &token));

        world_drain(w);
        world_settle(w, vm);
        pool_set_vgpu_attached(w->pool, v, true);
        assert_int_equal(v->object.changed, VGPU_SCHEDULED | VGPU_RESIDENT_ON | VGPU_FUNCTION | VGPU_ATTACHED);
        assert_int_equal(p->object.changed, PGPU_SCHEDULED_VGPUS | PGPU_RESIDENT_VGPUS);
        assert_int_equal(p->used, w->types[K100]->size);

        pool_set_vm_booking(w->pool, vm, BOOKING_NONE, NULL);
        assert_true(uuid_is_null(&vm->token));
}

static void a_removed_object_waits_until_it_is_forgotten(void **state) {
        _cleanup_world_ World *w = world_new();
        Vm *vm = world_vm(w, "web", K100, END);
        Uuid id = vm->object.id;
        size_t n_removed = 0;

        world_drain(w);
        pool_remove(w->pool, &vm->object);
        assert_null(pool_get(w->pool, CLASS_VM, &id));
        assert_int_equal(w->groups[K1]->object.changed, GROUP_VGPUS);

        for (Object *o = pool_take_changes(w->pool), *next; o; o = next) {
                next = o->next_changed;
                n_removed += o->removed;
                pool_forget(w->pool, o);
        }
        assert_int_equal(n_removed, 2);

        /* One that nobody forgets is freed with the pool. */
        vm = world_vm(w, "other", END);
        pool_remove(w->pool, &vm->object);
        (void) pool_take_changes(w->pool);
}

static void what_cannot_be_alone_goes_along(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1), *p2 = world_pgpu(w, h, K2);
        Vgpu *running = world_resident(w, p, K100), *starting = world_scheduled(w, p2, K200);
        Uuid id = world_id(w);
        Reservation *r;

        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "demo", w->groups[K2], w->types[K200], 2, &r), 0);
        assert_int_equal(pool_hold(w->pool, r, p2), 0);
        assert_int_equal(pool_hold(w->pool, r, p2), 0);
        starting->vm->reservation = r;

        /* A type takes its VGPUs and reservations with it, and leaves every list. */
        pool_remove(w->pool, &w->types[K200]->object);
        assert_int_equal(w->pool->objects[CLASS_RESERVATION].n, 0);
        assert_int_equal(p2->used, 0);
        assert_int_equal(p2->supported.n, 3);
        assert_int_equal(w->groups[K2]->supported.n, 3);
        assert_pool_is_sound(w);

        /* A group lets its PGPUs go. */
        pool_remove(w->pool, &w->groups[K2]->object);
        assert_null(p2->group);

        /* A host takes its PGPUs, and its VMs are nowhere. */
        pool_remove(w->pool, &h->object);
        assert_int_equal(w->pool->objects[CLASS_PGPU].n, 0);
        assert_null(running->resident_on);
        assert_null(running->vm->resident_on);
}

static void a_reservation_that_goes_is_forgotten_by_its_starts(void **state) {
        _cleanup_world_ World *w = world_new();
        Vm *vm = world_vm(w, "web", K100, END);
        Uuid id = world_id(w);
        Reservation *r;

        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "demo", w->groups[K1], w->types[K100], 1, &r), 0);
        vm->reservation = r;
        pool_remove(w->pool, &r->object);
        assert_null(vm->reservation);
}

static void a_new_size_is_counted_where_the_type_is(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1), *q = world_pgpu(w, h, K1);
        Uuid id = world_id(w);
        Reservation *r;

        world_resident(w, p, K100);
        world_scheduled(w, p, K100);
        assert_int_equal(
                pool_add_reservation(w->pool, &id, 0, "demo", w->groups[K1], w->types[K100], 1, &r), 0);
        assert_int_equal(pool_hold(w->pool, r, q), 0);

        assert_int_equal(pool_set_type_size(w->pool, w->types[K100], PGPU_SIZE / 4, TYPE_NVIDIA), 0);
        assert_int_equal(p->used, PGPU_SIZE / 2);
        assert_int_equal(q->used, PGPU_SIZE / 4);
        assert_int_equal(w->types[K100]->object.changed & TYPE_SIZE, TYPE_SIZE);
}

static void jobs_end_once(void **state) {
        _cleanup_world_ World *w = world_new();
        Uuid id = world_id(w);
        Job *j;

        assert_int_equal(pool_add_job(w->pool, &id, 0, "start", &j), 0);
        pool_set_job_state(w->pool, j, JOB_RUNNING, "building the domain", 0.25, 1000);
        assert_int_equal(j->start_time, 1000);
        assert_int_equal(j->end_time, 0);
        assert_string_equal(j->stage, "building the domain");

        world_drain(w);
        pool_set_job_state(w->pool, j, JOB_RUNNING, NULL, 0.5, 2000);
        assert_int_equal(j->object.changed, JOB_PROGRESS);
        assert_false(j->object.must_store);

        pool_set_job_state(w->pool, j, JOB_DONE, "", -1, 3000);
        assert_int_equal(j->end_time, 3000);
        assert_true(j->progress >= 1);
        assert_true(j->object.must_store);

        world_drain(w);
        pool_set_job_state(w->pool, j, JOB_FAILED, "too late", 0, 4000);
        assert_int_equal(j->state, JOB_DONE);
        assert_false(pool_has_changes(w->pool));

        assert_int_equal(pool_set_job_error(w->pool, j, ERROR_DOMAIN_FAILED, "no"), 0);
        assert_int_equal(j->object.changed, JOB_ERROR);
}

/* Whoever made it: what is stored can be sent. */
static void a_jobs_error_is_a_text(void **state) {
        _cleanup_world_ World *w = world_new();
        char message[5000] = "x";
        Uuid id = world_id(w);
        Job *j;

        assert_int_equal(pool_add_job(w->pool, &id, 0, "start", &j), 0);
        for (size_t i = 1; i + 3 < sizeof(message); i += 2)
                memcpy(message + i, "é", 3);
        assert_int_equal(pool_set_job_error(w->pool, j, ERROR_DOMAIN_FAILED, message), 0);
        assert_true(strlen(j->error_message) > 4090 && strlen(j->error_message) <= 4096);
        assert_true(text_is_good(j->error_message, strlen(j->error_message), TEXT_LINE));
        assert_int_equal(pool_set_job_error(w->pool, j, ERROR_DOMAIN_FAILED, "cut \xc3"), 0);
        assert_string_equal(j->error_message, "cut \xef\xbf\xbd");
}

static void words_go_both_ways(void **state) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                assert_int_equal(object_class_from_string(object_class_to_string(c)), c);
        for (JobState s = 0; s < _JOB_STATE_MAX; s++)
                assert_int_equal(job_state_from_string(job_state_to_string(s)), s);
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                assert_int_equal(group_algorithm_from_string(group_algorithm_to_string(a)), a);

        assert_string_equal(host_state_to_string(HOST_CONNECTING), "connecting");
        assert_null(host_state_to_string(_HOST_STATE_MAX));
        assert_int_equal(object_class_from_string("pgpus"), _CLASS_INVALID);
        assert_int_equal(object_class_from_string(NULL), _CLASS_INVALID);
        assert_true(job_state_is_final(JOB_FAILED) && !job_state_is_final(JOB_RUNNING));
}

/* The checker must see what it is for. */
static void the_checker_finds_what_is_broken(void **state) {
        World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "alpha"), K1);
        Vgpu *v = world_resident(w, p, K100);
        char buf[256];

        p->used++;
        assert_non_null(strstr(pool_check(w->pool, buf, sizeof(buf)), "PGPU 'alpha/0000:80:00.0'"));
        p->used--;
        assert_null(pool_check(w->pool, buf, sizeof(buf)));

        v->resident_on = NULL;
        assert_non_null(pool_check(w->pool, buf, sizeof(buf)));
        v->resident_on = p;

        w->groups[K1]->supported.n--;
        assert_non_null(strstr(pool_check(w->pool, buf, sizeof(buf)), "union of supported"));
        w->groups[K1]->supported.n++;

        for (size_t i = 0; i < 8; i++)
                world_resident(w, p, K100);
        assert_non_null(strstr(pool_check(w->pool, buf, sizeof(buf)), "over its capacity"));
        pool_free(w->pool);
        free(w);
}

/* As it is when the pool is read anew. */
static void a_vgpu_has_the_function_of_a_card_that_moved(void **state) {
        World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p = world_pgpu(w, h, K1);
        Vgpu *v = world_resident(w, p, K100);
        PciAddress to = p->pci;

        to.bus++;
        assert_string_equal(v->function, PCI_TEXT(&p->pci));
        assert_true(pool_set_pgpu_pci(w->pool, p, &to) >= 0);
        assert_string_equal(v->function, PCI_TEXT(&to));
        /* One that has a virtual function keeps it. */
        assert_int_equal(pool_set_vgpu_function(w->pool, v, "0000:83:00.2"), 0);
        to.bus++;
        assert_true(pool_set_pgpu_pci(w->pool, p, &to) >= 0);
        assert_string_equal(v->function, "0000:83:00.2");
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_vgpu_has_the_function_of_a_card_that_moved),
                cmocka_unit_test(objects_are_found_by_uuid_and_name),
                cmocka_unit_test(an_id_is_taken_once),
                cmocka_unit_test(loading_announces_nothing_and_keeps_the_order_of_keys),
                cmocka_unit_test(kinds_of_types_follow_from_identifiers),
                cmocka_unit_test(each_object_is_announced_once_in_order),
                cmocka_unit_test(available_memory_is_told_when_it_changes),
                cmocka_unit_test(pgpus_share_lists_of_types),
                cmocka_unit_test(what_is_the_same_is_no_change),
                cmocka_unit_test(both_sides_of_a_placement_hear_of_it),
                cmocka_unit_test(a_removed_object_waits_until_it_is_forgotten),
                cmocka_unit_test(what_cannot_be_alone_goes_along),
                cmocka_unit_test(a_reservation_that_goes_is_forgotten_by_its_starts),
                cmocka_unit_test(a_new_size_is_counted_where_the_type_is),
                cmocka_unit_test(jobs_end_once),
                cmocka_unit_test(a_jobs_error_is_a_text),
                cmocka_unit_test(words_go_both_ways),
                cmocka_unit_test(the_checker_finds_what_is_broken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
