/*
 * A clock that stands before 1970, as that of a machine without a battery does; and one that was ahead
 */

#include "policyd/service/objects/policy-private.h"
#include "tests/unit/policyd-service/world.h"

#define TODAY UINT64_C(1780000000000000) /* 2026 */
#define DAY UINT64_C(86400000000)

static void nothing_expires_before_1970(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1),
             other = world_create_vm_with(w, "b", "GRID K100", 1), id;
        Vgpu *v = world_vm(w, &vm)->vgpus.items[0];
        Reservation *reservation;

        assert_int_equal(reservations_create(
                                 w->policy, "r", v->group, v->type, 1, 60, "me", &reservation, &w->refusal),
                0);
        id = reservation->object.id;
        world_run(w);

        sim_loop_set_realtime(w->sim, 0);
        world_restart(w);
        world_run(w);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        world_restart(w);
        assert_int_equal(world_start_vm(w, &other, NULL), ERROR_NONE);
        world_run(w);
        sim_loop_set_realtime(w->sim, TODAY);
        assert_non_null(pool_get(policy_pool(w->policy), CLASS_RESERVATION, &id));
        assert_string_equal(world_vm_state(w, &other), "running");
}

static void assert_lasts(World *w, const Uuid *id, uint64_t seconds) {
        const Reservation *v = pool_get(policy_pool(w->policy), CLASS_RESERVATION, id);
        uint64_t left = v->expires - loop_now(sim_loop_of(w->sim), LOOP_REALTIME);

        assert_true(left <= seconds * 1000000 && left > seconds * 1000000 - 30 * UINT64_C(1000000));
}

/* Made in 2106, it would last until then. */
static void a_reservation_lasts_no_longer_than_it_was_made_for(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), ids[2];
        Vgpu *v = world_vm(w, &vm)->vgpus.items[0];
        Reservation *reservation;

        sim_loop_set_realtime(w->sim, TODAY + 80 * 365 * DAY);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(reservations_create(w->policy, i ? "s" : "r", v->group, v->type, 1, 3600, "me",
                                         &reservation, &w->refusal),
                        0);
                ids[i] = reservation->object.id;
        }
        world_run(w);
        assert_lasts(w, &ids[0], 3600);
        sim_loop_set_realtime(w->sim, TODAY);
        reservations_expire(w->policy);
        assert_lasts(w, &ids[0], 3600);
        world_run(w);

        sim_loop_set_realtime(w->sim, TODAY + 40 * DAY);
        reservations_expire(w->policy); /* a clock that is ahead ends them: it may be right */
        assert_null(pool_get(policy_pool(w->policy), CLASS_RESERVATION, &ids[1]));
        assert_int_equal(reservations_create(
                                 w->policy, "t", v->group, v->type, 1, 3600, "me", &reservation, &w->refusal),
                0);
        ids[0] = reservation->object.id;
        world_run(w);
        sim_loop_set_realtime(w->sim, TODAY);
        world_restart(w);
        world_run(w);
        assert_lasts(w, &ids[0], 3600);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_expires_before_1970),
                cmocka_unit_test(a_reservation_lasts_no_longer_than_it_was_made_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
