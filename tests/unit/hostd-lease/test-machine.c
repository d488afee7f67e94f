/*
 * The machine of one monitored unit, without a world
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostd/core/lease.h"

static LeaseAction step(LeaseUnit *u, LeaseInput input) {
        LeaseAction action;

        lease_unit_step(u, input, &action);
        return action;
}

#define assert_step(u, input, action) assert_int_equal(step(u, LEASE_INPUT_##input), LEASE_ACTION_##action)

static void one_caller_stops_and_starts_it(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, RUNNING, STOP);
        assert_true(u.restart);
        assert_step(&u, INACTIVE, GRANT);
        assert_int_equal(u.n_inside, 1);
        assert_step(&u, LEAVE, START);
        assert_step(&u, STARTED, FORGET);
        assert_int_equal(u.stage, LEASE_IDLE);
        assert_false(u.restart);
}

static void what_does_not_run_is_left_alone(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, INACTIVE, GRANT);
        assert_step(&u, LEAVE, FORGET);
        assert_int_equal(u.stage, LEASE_IDLE);
}

static void callers_share_one_stop(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, ENTER, NONE);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, ENTER, NONE);
        assert_step(&u, INACTIVE, GRANT);
        assert_int_equal(u.n_inside, 3);
        assert_step(&u, LEAVE, NONE);
        assert_step(&u, ENTER, GRANT);
        assert_step(&u, LEAVE, NONE);
        assert_step(&u, LEAVE, NONE);
        assert_step(&u, LEAVE, START);
}

static void who_comes_while_it_starts_waits_for_that(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, INACTIVE, GRANT);
        assert_step(&u, LEAVE, START);
        assert_step(&u, ENTER, NONE);
        assert_step(&u, STARTED, LOOK);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, INACTIVE, GRANT);
}

static void a_unit_that_someone_else_stops_is_not_started(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, ENDING, AWAIT);
        assert_step(&u, INACTIVE, GRANT);
        assert_step(&u, LEAVE, FORGET);
}

static void a_unit_that_does_not_stop_refuses_all_that_wait(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, ENTER, NONE);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, TIMEOUT, REFUSE);
        assert_int_equal(u.n_waiting, 0);
        assert_int_equal(u.stage, LEASE_STUCK);
        /* It obeys late: the start that it is owed waits for the next callers. */
        assert_step(&u, INACTIVE, NONE);
        assert_int_equal(u.stage, LEASE_IDLE);
        assert_step(&u, ENTER, LOOK);
        assert_step(&u, INACTIVE, GRANT);
        assert_step(&u, LEAVE, START);
}

static void who_comes_after_a_refusal_tries_again(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, TIMEOUT, REFUSE);
        assert_step(&u, ENTER, LOOK);
        assert_step(&u, ENDING, AWAIT);
        assert_step(&u, INACTIVE, GRANT);
        assert_step(&u, LEAVE, START); /* the first stop was ours */
}

static void who_gives_up_leaves_no_trace(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, GIVE_UP, NONE);
        assert_step(&u, RUNNING, FORGET);
        assert_int_equal(u.stage, LEASE_IDLE);

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, GIVE_UP, NONE);
        assert_step(&u, INACTIVE, START);
}

/* Asked to stop by us, it may do so when nobody waits for it any more: watched, it is not forgotten. */
static void a_late_end_is_watched_for(void **state) {
        LeaseUnit u = {};

        assert_step(&u, ENTER, LOOK);
        assert_step(&u, RUNNING, STOP);
        assert_step(&u, TIMEOUT, REFUSE);
        assert_step(&u, ENTER, LOOK);
        assert_step(&u, GIVE_UP, NONE);
        assert_step(&u, RUNNING, AWAIT);
        assert_int_equal(u.stage, LEASE_STUCK);
        assert_step(&u, INACTIVE, NONE);
        assert_true(u.restart);
        assert_step(&u, SETTLE, START);
}

static void what_an_earlier_hostd_stopped_is_started(void **state) {
        LeaseUnit alone = LEASE_UNIT_OWED, held = LEASE_UNIT_OWED;

        assert_step(&alone, SETTLE, START);
        assert_step(&alone, STARTED, FORGET);

        /* A start of then goes on now. */
        assert_step(&held, ENTER, LOOK);
        assert_step(&held, SETTLE, NONE);
        assert_step(&held, INACTIVE, GRANT);
        assert_step(&held, LEAVE, START);
}

static void inputs_out_of_place_change_nothing(void **state) {
        for (LeaseStage stage = 0; stage < _LEASE_STAGE_MAX; stage++) {
                LeaseUnit u = {.stage = stage, .n_inside = stage == LEASE_HELD}, before = u;

                if (stage != LEASE_STARTING) {
                        assert_step(&u, STARTED, NONE);
                        assert_memory_equal(&u, &before, sizeof(u));
                }
                if (stage != LEASE_STOPPING) {
                        assert_step(&u, TIMEOUT, NONE);
                        assert_memory_equal(&u, &before, sizeof(u));
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_caller_stops_and_starts_it),
                cmocka_unit_test(what_does_not_run_is_left_alone),
                cmocka_unit_test(callers_share_one_stop),
                cmocka_unit_test(who_comes_while_it_starts_waits_for_that),
                cmocka_unit_test(a_unit_that_someone_else_stops_is_not_started),
                cmocka_unit_test(a_unit_that_does_not_stop_refuses_all_that_wait),
                cmocka_unit_test(who_comes_after_a_refusal_tries_again),
                cmocka_unit_test(who_gives_up_leaves_no_trace),
                cmocka_unit_test(a_late_end_is_watched_for),
                cmocka_unit_test(what_an_earlier_hostd_stopped_is_started),
                cmocka_unit_test(inputs_out_of_place_change_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
