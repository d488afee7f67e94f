/*
 * Cards that stand in another slot, where more hangs on them than their uuid
 */

#include <stdio.h>

#include "policyd/pool/each.h"
#include "policyd/pool/former-card.h"
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

/* A host that left the pool and comes back, and its cards with it */

static void set_up(World *w, Pgpu *pgpu, const char *group, Uuid *ret) {
        GpuGroup *g;

        assert_int_equal(world_request(w, groups_create(w->policy, group, "", &g, fresh(w))), ERROR_NONE);
        assert_int_equal(world_request(w, pgpus_set_group(w->policy, pgpu, world_group(w, group), fresh(w))), ERROR_NONE);
        *ret = pgpu->object.id;
}

static void remove_host(World *w, const char *name) {
        assert_int_equal(world_request(w, hosts_remove(w->policy, world_host(w, name), fresh(w))), ERROR_NONE);
        world_run(w);
}

static void ids_of(World *w, const char *host, Uuid *ret) {
        for_each(Pgpu, p, &world_host(w, host)->pgpus)
                *ret++ = p->object.id;
}

static void a_host_that_is_added_again_has_its_cards(void **state) {
        for (unsigned crash = 0; crash < 2; crash++) {
                FakeHost *h;
                _cleanup_world_ World *w = world_of_one_k1(&h);
                Uuid first, before[4], after[4], vm = world_create_vm(w, "a");
                char affinity[UUID_TEXT_MAX];
                ErrorCode code = _ERROR_MAX;

                set_up(w, pgpu_at(w, "alpha", "0000:07:00.0"), "mine", &first);
                assert_int_equal(pgpus_change_enabled(w->policy, pgpu_at(w, "alpha", "0000:08:00.0"), world_type(w, "GRID K140Q"),
                                         false, done_types, &code, fresh(w)),
                        0);
                world_run(w);
                uuid_to_string(&world_host(w, "alpha")->object.id, affinity);
                assert_int_equal(world_request(w, vms_set_names(w->policy, world_vm(w, &vm), NULL, affinity, fresh(w))), ERROR_NONE);
                ids_of(w, "alpha", before);
                remove_host(w, "alpha");
                assert_int_equal(policy_pool(w->policy)->objects[CLASS_PGPU].n, 0);
                if (crash)
                        world_crash(w);
                /* The whole board stands elsewhere now. */
                for (size_t i = 0; i < 4; i++)
                        snprintf(h->cards[i].pci, sizeof(h->cards[i].pci), "0000:%zu7:00.0", i + 1);
                snprintf(h->name, sizeof(h->name), "gamma");
                assert_int_equal(world_add_host(w, h), ERROR_NONE);
                ids_of(w, "gamma", after);
                assert_memory_equal(before, after, sizeof(before));
                assert_ptr_equal(pgpu_at(w, "gamma", "0000:17:00.0")->group, world_group(w, "mine"));
                assert_ptr_equal(pgpu_at(w, "gamma", "0000:27:00.0")->group, world_group(w, "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs"));
                assert_int_equal(h->types_change, LINK_TYPES_SET);
                assert_int_equal(h->n_types_named, 3);
                assert_string_equal(world_vm(w, &vm)->affinity, UUID_TEXT(&world_host(w, "gamma")->object.id));
        }
}

/* What is not there yet may come, in whichever slot; and another machine has nothing of it. */
static void a_card_that_is_out_when_its_host_is_added_again_is_lost(void **state) {
        FakeHost *h, *other;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid first, second = pgpu_at(w, "alpha", "0000:08:00.0")->object.id;

        set_up(w, pgpu_at(w, "alpha", "0000:07:00.0"), "mine", &first);
        remove_host(w, "alpha");
        other = fake_host_add("beta");
        fake_k1_add(other);
        assert_int_equal(world_add_host(w, other), ERROR_NONE);
        assert_null(pool_get(policy_pool(w->policy), CLASS_PGPU, &first));
        h->cards[0].gone = h->cards[1].gone = true;
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        assert_int_equal(world_host(w, "alpha")->pgpus.n, 3);
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->health, PGPU_HEALTH_LOST);
        assert_false(pgpu_at(w, "alpha", "0000:07:00.0")->present);
        h->cards[0].gone = h->cards[1].gone = false;
        fake_inventory_changed(h);
        world_run(w);
        assert_true(uuid_equal(&pgpu_at(w, "alpha", "0000:07:00.0")->object.id, &first));
        assert_true(uuid_equal(&pgpu_at(w, "alpha", "0000:08:00.0")->object.id, &second));
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->health, PGPU_HEALTH_GOOD);
}

static void a_card_that_was_out_for_a_boot_is_the_same(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid before[4], after[4];

        ids_of(w, "alpha", before);
        for (unsigned moved = 0; moved < 2; moved++) {
                h->cards[2].gone = true;
                fake_reboot(h);
                world_run(w);
                assert_int_equal(world_host(w, "alpha")->pgpus.n, 3);
                world_restart(w);
                world_run(w);
                h->cards[2].gone = false;
                move(w, h, 2, moved ? "0000:09:01.0" : "0000:09:00.0");
                ids_of(w, "alpha", after);
                assert_memory_equal(before, after, sizeof(before));
        }
        assert_int_equal(policy_pool(w->policy)->former.n, 0);
}

/* Its group was destroyed meanwhile. */
static void a_card_whose_group_is_gone_joins_that_of_its_kind(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid first;

        set_up(w, pgpu_at(w, "alpha", "0000:07:00.0"), "mine", &first);
        remove_host(w, "alpha");
        assert_int_equal(world_request(w, groups_destroy(w->policy, world_group(w, "mine"), fresh(w))), ERROR_NONE);
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        assert_true(uuid_equal(&pgpu_at(w, "alpha", "0000:07:00.0")->object.id, &first));
        assert_ptr_equal(pgpu_at(w, "alpha", "0000:07:00.0")->group, pgpu_at(w, "alpha", "0000:08:00.0")->group);
}

/* The newest are kept. */
static void former_cards_are_capped(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid last = UUID_NULL;

        for (unsigned i = 0; i < FORMER_CARDS_MAX + 20; i++) {
                static const char *const types[] = {NULL};

                h->n_cards = 0;
                fake_card_add(h, "0000:07:00.0", "8086", "56c0", types);
                snprintf(h->cards[0].device, sizeof(h->cards[0].device), "%04x", i);
                fake_inventory_changed(h);
                world_run(w);
                last = pgpu_at(w, "alpha", "0000:07:00.0")->object.id;
        }
        remove_host(w, "alpha");
        world_crash(w);
        assert_int_equal(policy_pool(w->policy)->former.n, FORMER_CARDS_MAX);
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        assert_true(uuid_equal(&pgpu_at(w, "alpha", "0000:07:00.0")->object.id, &last));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(types_are_taken_along_by_the_hosts_names),
                cmocka_unit_test(new_types_stay_enabled),
                cmocka_unit_test(types_are_taken_along_later),
                cmocka_unit_test(an_adopted_card_keeps_what_is_suspect),
                cmocka_unit_test(a_config_follows_its_gpu_to_another_group),
                cmocka_unit_test(a_host_that_is_added_again_has_its_cards),
                cmocka_unit_test(a_card_that_is_out_when_its_host_is_added_again_is_lost),
                cmocka_unit_test(a_card_that_was_out_for_a_boot_is_the_same),
                cmocka_unit_test(a_card_whose_group_is_gone_joins_that_of_its_kind),
                cmocka_unit_test(former_cards_are_capped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
