/*
 * The loop: what both implementations promise, and what the one of tests adds
 */

#include <dlfcn.h>

#include "common/daemon/event-loop.h"
#include "tests/sim/sim-loop.h"
#include "tests/unit/common/test.h"

typedef struct World {
        sd_event *event; /* NULL: on a simulated clock */
        SimLoop *sim;
        Loop *loop;
        LoopTimer *a, *b, *c;
        char calls[16];
} World;

static int set_up_event(void **state) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_true(sd_event_new(&w->event) >= 0);
        assert_ok(event_loop_new(w->event, &w->loop));
        *state = w;
        return 0;
}

static int set_up_sim(void **state) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_ok(sim_loop_new(7, &w->sim));
        w->loop = sim_loop_of(w->sim);
        *state = w;
        return 0;
}

static int tear_down(void **state) {
        World *w = *state;

        loop_timer_free(w->a);
        loop_timer_free(w->b);
        loop_timer_free(w->c);
        if (w->event)
                event_loop_free(w->loop);
        sd_event_unref(w->event);
        sim_loop_free(w->sim);
        free(w);
        return 0;
}

static void run(World *w, uint64_t usec) {
        uint64_t end = loop_now(w->loop, LOOP_MONOTONIC) + usec;

        if (w->sim) {
                sim_loop_run(w->sim, usec);
                return;
        }
        do
                assert_true(sd_event_run(w->event, 1000) >= 0);
        while (loop_now(w->loop, LOOP_MONOTONIC) < end);
        /* What was due by then, on a machine that had no time for it. */
        while (sd_event_run(w->event, 0) > 0)
                ;
}

static void note(World *w, const char *name) {
        strncat(w->calls, name, sizeof(w->calls) - strlen(w->calls) - 1);
}

static void on_a(void *userdata) {
        note(userdata, "a");
}

static void on_b(void *userdata) {
        note(userdata, "b");
}

static void on_c(void *userdata) {
        note(userdata, "c");
}

static void timers_go_by_time_and_then_by_priority(void **state) {
        World *w = *state;

        assert_ok(loop_call_in(w->loop, &w->a, 4000, on_a, w));
        assert_ok(loop_call_in(w->loop, &w->b, 2000, on_b, w));
        run(w, 10000);
        assert_string_equal(w->calls, "ba");
        assert_false(loop_timer_is_armed(w->a));

        /* Once: they are called again only when they are armed again. */
        run(w, 5000);
        assert_string_equal(w->calls, "ba");

        assert_ok(loop_timer_new(w->loop, LOOP_MONOTONIC, /* priority= */ 50, on_c, w, &w->c));
        assert_ok(loop_timer_arm(w->c, LOOP_SOON));
        assert_ok(loop_timer_arm(w->a, LOOP_SOON));
        run(w, 1000);
        assert_string_equal(w->calls, "baac");
}

static void to_arm_again_moves_a_timer(void **state) {
        World *w = *state;

        assert_ok(loop_call_in(w->loop, &w->a, 1000, on_a, w));
        assert_ok(loop_call_soon(w->loop, &w->b, on_b, w));
        assert_ok(loop_call_in(w->loop, &w->b, 60000000, on_b, w));
        assert_ok(loop_call_soon(w->loop, &w->a, on_a, w));
        run(w, 3000);
        assert_string_equal(w->calls, "a");
        assert_true(loop_timer_is_armed(w->b));
        assert_true(w->b->at > loop_now(w->loop, LOOP_MONOTONIC));

        loop_timer_stop(w->b);
        loop_timer_stop(w->b);
        loop_timer_stop(NULL);
        assert_false(loop_timer_is_armed(w->b));
        assert_ok(loop_call_soon(w->loop, &w->b, on_b, w));
        loop_timer_stop(w->b);
        run(w, 1000);
        assert_string_equal(w->calls, "a");
}

static void never_makes_no_timer(void **state) {
        World *w = *state;

        assert_ok(loop_call_at(w->loop, &w->a, LOOP_REALTIME, LOOP_NEVER, on_a, w));
        assert_null(w->a);
        assert_ok(loop_call_at(w->loop, &w->a, LOOP_REALTIME, loop_now(w->loop, LOOP_REALTIME) + 2000, on_a, w));
        assert_ok(loop_call_at(w->loop, &w->b, LOOP_BOOTTIME, 1, on_b, w)); /* long ago */
        run(w, 5000);
        assert_string_equal(w->calls, "ba");
}

static void on_end(void *userdata) {
        World *w = userdata;

        note(w, "e");
        w->a = loop_timer_free(w->a);
        loop_exit(w->loop, 66);
}

static void a_function_frees_its_timer_and_ends_the_loop(void **state) {
        World *w = *state;
        int status = 0;

        assert_ok(loop_call_in(w->loop, &w->a, 1000, on_end, w));
        if (w->event) {
                assert_int_equal(sd_event_loop(w->event), 66);
        } else {
                assert_false(sim_loop_has_exited(w->sim, &status));
                sim_loop_run(w->sim, 1000);
                assert_true(sim_loop_has_exited(w->sim, &status));
                assert_int_equal(status, 66);
                assert_ok(loop_call_soon(w->loop, &w->b, on_b, w));
                assert_false(sim_loop_turn(w->sim));
                assert_false(sim_loop_pass(w->sim, LOOP_NEVER));
        }
        assert_string_equal(w->calls, "e");
        assert_null(w->a);
}

static void uuids_are_random(void **state) {
        World *w = *state;
        Uuid a, b;

        assert_ok(loop_new_uuid(w->loop, &a));
        assert_ok(loop_new_uuid(w->loop, &b));
        assert_false(uuid_equal(&a, &b));
        assert_int_equal(a.bytes[6] >> 4, 4);
        assert_int_equal(a.bytes[8] >> 6, 2);
}

static void a_seed_gives_the_same_again(void **state) {
        World *w = *state;
        _cleanup_(sim_loop_freep) SimLoop *same = NULL, *other = NULL;
        Uuid a, b, c;

        assert_ok(sim_loop_new(7, &same));
        assert_ok(sim_loop_new(8, &other));
        assert_ok(loop_new_uuid(w->loop, &a));
        assert_ok(loop_new_uuid(sim_loop_of(same), &b));
        assert_ok(loop_new_uuid(sim_loop_of(other), &c));
        assert_true(uuid_equal(&a, &b));
        assert_false(uuid_equal(&a, &c));
}

/* sd-event's answer while the clock stands before 1970. This stands before its own function. */
static bool is_before_1970;

__attribute__((__visibility__("default"))) int sd_event_now(sd_event *e, clockid_t clock, uint64_t *ret) {
        int (*now)(sd_event *, clockid_t, uint64_t *) = dlsym(RTLD_NEXT, "sd_event_now");

        if (!is_before_1970 || clock != CLOCK_REALTIME)
                return now(e, clock, ret);
        *ret = UINT64_MAX;
        return 0;
}

/* Otherwise all that ever expires would have expired. */
static void a_clock_before_1970_stands_at_0(void **state) {
        World *w = *state;

        assert_true(loop_now(w->loop, LOOP_REALTIME) > 0);
        is_before_1970 = true;
        assert_int_equal(loop_now(w->loop, LOOP_REALTIME), 0);
        assert_true(loop_now(w->loop, LOOP_MONOTONIC) > 0);
        is_before_1970 = false;
}

static void simulated_time_is_exact(void **state) {
        World *w = *state;
        uint64_t since = loop_now(w->loop, LOOP_MONOTONIC), today = loop_now(w->loop, LOOP_REALTIME);

        assert_ok(loop_call_in(w->loop, &w->a, UINT64_C(86400000000), on_a, w));
        assert_ok(loop_call_at(w->loop, &w->b, LOOP_REALTIME, today + 5000000, on_b, w));
        assert_false(sim_loop_turn(w->sim));
        assert_int_equal(loop_now(w->loop, LOOP_MONOTONIC), since);

        /* A clock that is set does not move what goes by another. */
        sim_loop_set_realtime(w->sim, today - 1000000);
        assert_true(sim_loop_pass(w->sim, LOOP_NEVER - 1));
        assert_int_equal(loop_now(w->loop, LOOP_MONOTONIC), since + 6000000);
        assert_true(sim_loop_turn(w->sim));
        assert_false(sim_loop_turn(w->sim));
        assert_string_equal(w->calls, "b");
        assert_true(sim_loop_pass(w->sim, LOOP_NEVER - 1));
        assert_int_equal(loop_now(w->loop, LOOP_MONOTONIC), since + UINT64_C(86400000000));
}

#define both(test)                                                                                           \
        cmocka_unit_test_setup_teardown(test, set_up_event, tear_down),                                      \
                cmocka_unit_test_setup_teardown(test, set_up_sim, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                both(timers_go_by_time_and_then_by_priority),
                both(to_arm_again_moves_a_timer),
                both(never_makes_no_timer),
                both(a_function_frees_its_timer_and_ends_the_loop),
                both(uuids_are_random),
                cmocka_unit_test_setup_teardown(a_seed_gives_the_same_again, set_up_sim, tear_down),
                cmocka_unit_test_setup_teardown(a_clock_before_1970_stands_at_0, set_up_event, tear_down),
                cmocka_unit_test_setup_teardown(simulated_time_is_exact, set_up_sim, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
