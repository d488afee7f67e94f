/*
 * Hosts that say different things of a type, as while their drivers are updated one after another
 */

#include "tests/unit/policyd-service/world.h"

#define K100_OF(id, size)                                                                                    \
        "{\"identifier\":\"0001:nvidia,0ff2,,0fe7,101e\",\"implementation\":\"nvidia\",\"vendor_name\":"     \
        "\"NVIDIA Corporation\",\"model_name\":\"GRID K100\",\"framebuffer_size\":268435456,\"max_heads\":"  \
        "2,\"max_resolution_x\":1920,\"max_resolution_y\":1200,\"size\":" size ",\"internal_config\":{"      \
        "\"type_id\":\"" id "\",\"config_file\":\"/new/grid_k100.conf\"},\"compatible_types_on_pgpu\":["     \
        "\"0001:nvidia,0ff2,,0fe7,101e\"]}"

static Pgpu *pgpu_of(World *w, const char *host, size_t i) {
        return world_host(w, host)->pgpus.items[i];
}

static uint32_t room_on(World *w, const char *host) {
        return pgpu_capacity(pgpu_of(w, host, 0), world_type(w, "GRID K100"));
}

/* Beta has the new driver: other ids, other files, half as many. */
static World *world_of_two_drivers(FakeHost **ret_a, FakeHost **ret_b) {
        World *w = world_of_two_k1(ret_a, ret_b);

        (*ret_b)->k100 = K100_OF("44", "262144");
        fake_inventory_changed(*ret_b);
        world_run(w);
        return w;
}

static void an_order_says_what_its_host_says(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_drivers(&a, &b);
        Uuid old = world_create_vm_with(w, "old", "GRID K100", 1),
             new = world_create_vm_with(w, "new", "GRID K100", 1);

        assert_int_equal(world_start_vm_on(w, &old, "alpha", NULL), ERROR_NONE);
        assert_int_equal(world_start_vm_on(w, &new, "beta", NULL), ERROR_NONE);
        world_run(w);
        assert_non_null(strstr(a->last_order, "\"type_id\":\"11\""));
        assert_non_null(strstr(a->last_order, "/usr/share/nvidia/vgx/grid_k100.conf"));
        assert_non_null(strstr(b->last_order, "\"type_id\":\"44\""));
        assert_non_null(strstr(b->last_order, "/new/grid_k100.conf"));
}

static void each_host_counts_by_its_own(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_drivers(&a, &b);

        assert_int_equal(room_on(w, "alpha"), 8);
        assert_int_equal(room_on(w, "beta"), 4);
        assert_int_equal(world_type(w, "GRID K100")->size, 131072);
        assert_non_null(strstr(world_host(w, "beta")->problems[0],
                "Type GRID K100 has 4 instances on a PGPU here and 8 on host alpha"));
        assert_null(world_host(w, "alpha")->problems[0]);

        /* The other driver too: they agree again. */
        a->k100 = b->k100;
        fake_inventory_changed(a);
        world_run(w);
        assert_int_equal(room_on(w, "alpha"), 4);
        assert_int_equal(world_type(w, "GRID K100")->size, 262144);
        assert_null(world_host(w, "beta")->problems[0]);
}

/* Each report says again what its host said before: nothing is stored, announced or logged. */
static void reports_in_turn_change_nothing(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_drivers(&a, &b);
        size_t n;

        fake_inventory_changed(a);
        fake_inventory_changed(b);
        world_run(w);
        n = w->n_changed;
        for (int i = 0; i < 3; i++) {
                fake_inventory_changed(a);
                fake_inventory_changed(b);
                world_run(w);
        }
        assert_int_equal(w->n_changed, n);
}

/* Beta is away when policyd starts anew, and when alpha's driver changes: what it said last still counts. */
static void what_a_host_said_outlives_a_restart(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_drivers(&a, &b);
        const HostType *f;

        b->down = true;
        world_crash(w);
        f = host_find_type(world_host(w, "beta"), world_type(w, "GRID K100"));
        assert_non_null(f);
        assert_int_equal(f->size, 262144);
        assert_non_null(strstr(f->internal_config, "44"));
        assert_int_equal(room_on(w, "alpha"), 8);

        a->k100 = K100_OF("44", "65536");
        fake_inventory_changed(a);
        world_run(w);
        assert_int_equal(world_type(w, "GRID K100")->size, 65536);
        world_crash(w);
        assert_int_equal(room_on(w, "alpha"), 16);
        assert_int_equal(host_find_type(world_host(w, "beta"), world_type(w, "GRID K100"))->size, 262144);
}

/* Beta said what alpha said, so nothing of its own is stored; alpha's word changes while it is away. */
static void who_agreed_keeps_what_it_said(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        b->down = true;
        world_crash(w);
        assert_int_equal(host_find_type(world_host(w, "beta"), world_type(w, "GRID K100"))->size, 131072);
        a->k100 = K100_OF("44", "262144");
        fake_inventory_changed(a);
        world_run(w);
        world_crash(w);
        assert_int_equal(world_type(w, "GRID K100")->size, 262144);
        assert_int_equal(host_find_type(world_host(w, "beta"), world_type(w, "GRID K100"))->size, 131072);
        b->down = false;
        fake_lose(b, "");
        world_run(w);
        assert_int_equal(room_on(w, "beta"), 8);
        assert_int_equal(room_on(w, "alpha"), 4);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_order_says_what_its_host_says),
                cmocka_unit_test(each_host_counts_by_its_own),
                cmocka_unit_test(reports_in_turn_change_nothing),
                cmocka_unit_test(what_a_host_said_outlives_a_restart),
                cmocka_unit_test(who_agreed_keeps_what_it_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
