/*
 * Cards that stand in another slot, where more hangs on them than their uuid
 */

#include <stdio.h>

#include "policyd/pool/each.h"
#include "tests/unit/policyd-service/world.h"

#define OWN_NAME "0001:nvidia,0ff2,1012,0fe7,101e"
#define K100_OF_BOARD                                                                                        \
        "{\"identifier\":\"" OWN_NAME "\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA "           \
        "Corporation\",\"model_name\":\"GRID K100\",\"framebuffer_size\":268435456,\"max_heads\":2,"         \
        "\"max_resolution_x\":1920,\"max_resolution_y\":1200,\"size\":131072,\"internal_config\":{"          \
        "\"type_id\":\"11\"},\"compatible_types_on_pgpu\":[\"" OWN_NAME "\"]}"

static void done_types(ErrorCode code, const char *message, void *userdata) {
        *(ErrorCode *) userdata = code;
}

static Pgpu *pgpu_at(World *w, const char *host, const char *pci) {
        for_each(Pgpu, p, &world_host(w, host)->pgpus)
                if (streq(PCI_TEXT(&p->pci), pci))
                        return p;
        return NULL;
}

static void move(World *w, FakeHost *h, size_t card, const char *pci) {
        snprintf(h->cards[card].pci, sizeof(h->cards[card].pci), "%s", pci);
        fake_inventory_changed(h);
        world_run(w);
}

/* The pool's name of a type need not be that of its host. */
static void types_are_taken_along_by_the_hosts_names(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        _cleanup_refusal_ Refusal refusal = {};
        ErrorCode code = _ERROR_MAX;
        VgpuType *k140q;
        Pgpu *pgpu;
        Uuid id;

        b->k100 = K100_OF_BOARD;
        b->k100_identifier = OWN_NAME;
        fake_inventory_changed(b);
        world_run(w);
        pgpu = pgpu_at(w, "beta", "0000:07:00.0");
        id = pgpu->object.id;
        assert_int_equal(pgpu->enabled.n, 4);
        assert_true(ptr_array_contains(&pgpu->enabled, world_type(w, "GRID K100")));
        k140q = world_type(w, "GRID K140Q");
        assert_int_equal(pgpus_change_enabled(w->policy, pgpu, k140q, false, done_types, &code, &refusal), 0);
        world_run(w);
        assert_int_equal(code, ERROR_NONE);

        b->types_named[0] = '\0';
        move(w, b, 0, "0000:17:00.0");
        pgpu = pgpu_at(w, "beta", "0000:17:00.0");
        assert_true(uuid_equal(&pgpu->object.id, &id));
        assert_int_equal(b->types_change, LINK_TYPES_SET);
        assert_int_equal(b->n_types_named, 3);
        assert_non_null(strstr(b->types_named, OWN_NAME));
}

/* With the move came another driver: what it has new is not switched off. */
static void new_types_stay_enabled(void **state) {
        static const char *const newer[] = {"k100", "k140q", "k240q", NULL}, *const other[] = {"k240q", NULL};
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_refusal_ Refusal refusal = {};
        ErrorCode code = _ERROR_MAX;

        assert_int_equal(pgpus_change_enabled(w->policy, pgpu_at(w, "alpha", "0000:07:00.0"), world_type(w, "GRID K140Q"), false,
                                 done_types, &code, &refusal),
                0);
        world_run(w);
        h->cards[0].types = newer;
        h->cards[1].types = other;
        move(w, h, 0, "0000:17:00.0");
        assert_int_equal(h->n_types_named, 2);
        assert_non_null(strstr(h->types_named, ",11b0,")); /* k240q */
        h->types_named[0] = '\0';
        move(w, h, 1, "0000:18:00.0");
        assert_string_equal(h->types_named, "");
}

/* The order is lost with the connection, or with policyd itself. */
static void types_are_taken_along_later(void **state) {
        for (unsigned crash = 0; crash < 2; crash++) {
                FakeHost *h;
                _cleanup_world_ World *w = world_of_one_k1(&h);
                _cleanup_refusal_ Refusal refusal = {};
                ErrorCode code = _ERROR_MAX;

                assert_int_equal(pgpus_change_enabled(w->policy, pgpu_at(w, "alpha", "0000:07:00.0"), world_type(w, "GRID K140Q"), false,
                                         done_types, &code, &refusal),
                        0);
                world_run(w);
                assert_int_equal(code, ERROR_NONE);
                h->deaf = true;
                move(w, h, 0, "0000:17:00.0");
                assert_int_equal(pgpu_at(w, "alpha", "0000:17:00.0")->enabled.n, 4);
                h->types_named[0] = '\0';
                h->deaf = false;
                if (crash)
                        world_crash(w);
                else
                        fake_lose(h, "Cut.");
                world_run(w);
                assert_int_equal(h->n_types_named, 3);
                assert_string_not_equal(h->types_named, "");
                assert_null(pgpu_at(w, "alpha", "0000:17:00.0")->keeping);

                /* Once it has answered, no more. */
                h->types_named[0] = '\0';
                fake_inventory_changed(h);
                world_run(w);
                assert_string_equal(h->types_named, "");
        }
}

/* Two are out and one is back: which one is a person's word, and it is what its host says of it. */
static void an_adopted_card_keeps_what_is_suspect(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Pgpu *absent = pgpu_at(w, "alpha", "0000:07:00.0");
        GpuGroup *g;
        Uuid id = absent->object.id;

        assert_int_equal(world_request(w, groups_create(w->policy, "mine", "", &g, fresh(w))), ERROR_NONE);
        assert_int_equal(world_request(w, pgpus_set_group(w->policy, absent, g, fresh(w))), ERROR_NONE);
        h->cards[1].gone = true;
        h->cards[0].n_functions = 4;
        h->cards[0].n_suspect = 1;
        move(w, h, 0, "0000:17:00.0");
        absent = pool_get(policy_pool(w->policy), CLASS_PGPU, &id);
        assert_non_null(absent);
        assert_int_equal(absent->health, PGPU_HEALTH_LOST);
        assert_int_equal(pgpu_at(w, "alpha", "0000:17:00.0")->suspect, PGPU_SIZE / 4);

        assert_int_equal(world_request(w, pgpus_adopt(w->policy, absent, pgpu_at(w, "alpha", "0000:17:00.0"), fresh(w))), ERROR_NONE);
        absent = pgpu_at(w, "alpha", "0000:17:00.0");
        assert_true(uuid_equal(&absent->object.id, &id));
        assert_ptr_equal(absent->group, world_group(w, "mine"));
        assert_int_equal(absent->health, PGPU_HEALTH_SUSPECT);
        assert_string_equal(absent->health_reason, "Some do not reset.");
        assert_int_equal(absent->n_suspect, 1);
        assert_int_equal(absent->suspect, PGPU_SIZE / 4);
}

/* What a config names is a VGPU of the group in which its PGPU stands, also after a person moved that. */
static void a_config_follows_its_gpu_to_another_group(void **state) {
        static const char record[] = "{\"name_label\":\"gpu\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":"
                                     "{\"max_memkb\":1048576},\"pcidevs\":[{\"bus\":7}]}}";
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        GpuGroup *g;
        Uuid id;
        Vm *vm;

        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(vm->vgpus.n, 1);
        assert_int_equal(world_request(w, groups_create(w->policy, "mine", "", &g, fresh(w))), ERROR_NONE);
        assert_int_equal(world_request(w, pgpus_set_group(w->policy, world_host(w, "alpha")->pgpus.items[0], world_group(w, "mine"), fresh(w))),
                ERROR_NONE);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &id), "running");
        assert_int_equal(world_vm(w, &id)->vgpus.n, 1);
        assert_ptr_equal(world_vgpu(w, &id, 0)->group, world_group(w, "mine"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(types_are_taken_along_by_the_hosts_names),
                cmocka_unit_test(new_types_stay_enabled),
                cmocka_unit_test(types_are_taken_along_later),
                cmocka_unit_test(an_adopted_card_keeps_what_is_suspect),
                cmocka_unit_test(a_config_follows_its_gpu_to_another_group),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
