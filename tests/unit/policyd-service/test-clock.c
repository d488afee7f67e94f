/*
 * A clock that stands before 1970, as that of a machine without a battery does: sd-event then says the end of
 * time
 */

#include "tests/unit/policyd-service/world.h"

static bool before_1970;

int __real_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);
int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);

int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret) {
        if (clock != CLOCK_REALTIME || !before_1970)
                return __real_sd_event_now(event, clock, ret);
        *ret = UINT64_MAX;
        return 0;
}

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

        before_1970 = true;
        world_restart(w);
        world_run(w);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        world_restart(w);
        assert_int_equal(world_start_vm(w, &other, NULL), ERROR_NONE);
        world_run(w);
        before_1970 = false;
        assert_non_null(pool_get(policy_pool(w->policy), CLASS_RESERVATION, &id));
        assert_string_equal(world_vm_state(w, &other), "running");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_expires_before_1970),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
