/*
 * The lease against units: XenServer's cases of its daemon manager, and what it does not have
 *
 * The ids are those of the conformance cases (the manager behind with_gpumon_stopped). A caller is a hold, a
 * body is the time until it is released.
 */

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/daemon/event-loop.h"
#include "hostd/vm/lease.h"
#include "tests/unit/hostd-lease/fake-systemd.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)
#define UNIT "xcp-rrdd-gpumon.service"

typedef struct World {
        FakeSystemd systemd;
        Loop *loop;
        Systemd *connection;
        Lease *lease;
} World;

typedef struct Caller {
        World *world;
        LeaseHold *hold;
        bool answered;
        int result;
        char error[256];
        uint64_t body; /* how long it stays inside */
        sd_event_source *end;
        bool over;
} Caller;

static void open_lease(World *w, uint64_t timeout) {
        static char *const units[] = {(char *) UNIT, NULL};

        assert_int_equal(event_loop_new(w->systemd.event, &w->loop), 0);
        assert_int_equal(systemd_open(w->systemd.event, w->systemd.bus.address, &w->connection), 0);
        assert_int_equal(
                lease_open(w->loop, w->connection, units, timeout, w->systemd.bus.dir, &w->lease), 0);
}

static void close_lease(World *w) {
        w->lease = lease_close(w->lease);
        w->connection = systemd_close(w->connection);
        w->loop = event_loop_free(w->loop);
}

static void make_world(World *w, bool running, uint64_t timeout) {
        *w = (World){};
        fake_systemd_make(&w->systemd);
        w->systemd.active = running;
        open_lease(w, timeout);
}

static const char *note_of(const World *w, char buf[static 128]) {
        snprintf(buf, 128, "%s/lease.json", w->systemd.bus.dir);
        return buf;
}

static void end_world(World *w) {
        char path[128];

        assert_false(w->systemd.job_before_subscription);
        close_lease(w);
        unlink(note_of(w, path));
        fake_systemd_done(&w->systemd);
}

static void assert_note(const World *w, const char *wanted) {
        _cleanup_free_ char *text = NULL;
        char path[128];
        size_t size;

        assert_int_equal(file_read(note_of(w, path), 4096, &text, &size), 0);
        assert_string_equal(text, wanted);
}

static int on_body_end(sd_event_source *source, uint64_t usec, void *userdata) {
        Caller *c = userdata;

        c->hold = lease_release(c->hold);
        c->over = true;
        return 0;
}

static void on_granted(int result, const char *error, void *userdata) {
        Caller *c = userdata;

        assert_false(c->answered);
        c->answered = true;
        c->result = result;
        snprintf(c->error, sizeof(c->error), "%s", error);
        assert_true(sd_event_add_time_relative(c->world->systemd.event, &c->end, CLOCK_MONOTONIC,
                            result < 0 ? 0 : c->body, 1, on_body_end, c) >= 0);
}

static void call(World *w, Caller *c, uint64_t body) {
        *c = (Caller){.world = w, .body = body};
        assert_int_equal(lease_take(w->lease, on_granted, c, &c->hold), 0);
        assert_false(c->answered);
}

static void finish(World *w, Caller *c) {
        fake_systemd_run_until(&w->systemd, c->over);
        sd_event_source_disable_unref(c->end);
}

/* From the call to the end of the body. */
static void visit(World *w, Caller *c, int result) {
        call(w, c, 0);
        finish(w, c);
        assert_int_equal(c->result, result);
}

/* Inside for as long as the test wants. */
static void enter(World *w, Caller *c) {
        call(w, c, 10 * SECOND);
        fake_systemd_run_until(&w->systemd, c->answered);
        assert_int_equal(c->result, 0);
        assert_false(w->systemd.active);
        sd_event_source_disable_unref(c->end);
}

/* hostd ends: nothing is released, the connection just breaks. */
static void end_hostd(World *w, Caller *c) {
        close_lease(w);
        c->hold = lease_release(c->hold);
}

/* hostd was killed while a caller held the lease, and has begun again. */
static void make_world_after_a_kill(World *w, Caller *c) {
        make_world(w, true, 2 * SECOND);
        enter(w, c);
        end_hostd(w, c);
        open_lease(w, 2 * SECOND);
}

static void run_for(World *w, uint64_t time) {
        uint64_t end, now;

        assert_true(sd_event_now(w->systemd.event, CLOCK_MONOTONIC, &now) >= 0);
        for (end = now + time; now < end;) {
                assert_true(sd_event_run(w->systemd.event, 10 * MS) >= 0);
                assert_true(sd_event_now(w->systemd.event, CLOCK_MONOTONIC, &now) >= 0);
        }
}

/* So many come, and no more. */
static void assert_counts(World *w, unsigned starts, unsigned stops) {
        fake_systemd_run_until(&w->systemd, w->systemd.n_starts >= starts && w->systemd.n_stops >= stops);
        run_for(w, 50 * MS);
        assert_int_equal(w->systemd.n_starts, starts);
        assert_int_equal(w->systemd.n_stops, stops);
}

static void dm_1_basic_operation(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        call(&w, &c, 0);
        fake_systemd_run_until(&w.systemd, c.answered);
        assert_false(w.systemd.active);
        assert_note(&w, "{\"stopped\":[\"" UNIT "\"]}");
        finish(&w, &c);
        assert_int_equal(c.result, 0);
        assert_counts(&w, 1, 1);
        assert_true(w.systemd.active);
        assert_note(&w, "{\"stopped\":[]}");
        end_world(&w);
}

static void dm_2_two_restarts(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        for (unsigned i = 1; i <= 2; i++) {
                visit(&w, &c, 0);
                assert_counts(&w, i, i);
        }
        end_world(&w);
}

static void dm_3_already_stopped(void **state) {
        World w;
        Caller c;

        make_world(&w, false, 2 * SECOND);
        visit(&w, &c, 0);
        assert_counts(&w, 0, 0);
        end_world(&w);
}

/* As on most hosts: systemd, which would have to look for its file, is not asked for its state. */
static void a_unit_that_is_not_loaded_does_not_run(void **state) {
        World w;
        Caller c;

        make_world(&w, false, 2 * SECOND);
        w.systemd.not_loaded = true;
        visit(&w, &c, 0);
        assert_counts(&w, 0, 0);
        assert_int_equal(w.systemd.n_looks, 0);
        end_world(&w);
}

/* A body that fails is a hold that is released, like any other. */
static void dm_4_failing_body(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        enter(&w, &c);
        c.hold = lease_release(c.hold);
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void dm_5_threads(void **state) {
        Caller callers[5];
        World w;

        make_world(&w, true, 2 * SECOND);
        for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
                call(&w, &callers[i], 300 * MS);
        for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
                finish(&w, &callers[i]);
                assert_int_equal(callers[i].result, 0);
        }
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void dm_6_stop_fails_but_it_dies_in_time(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 5 * SECOND);
        w.systemd.stop_fails = true;
        w.systemd.dies_after = 500 * MS;
        visit(&w, &c, 0);
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void dm_7_stop_fails_and_it_dies_too_late(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 400 * MS);
        w.systemd.stop_fails = true;
        w.systemd.dies_after = 1200 * MS;
        visit(&w, &c, -EBUSY);
        assert_non_null(strstr(c.error, UNIT));
        assert_counts(&w, 0, 1);

        /* It dies later, and stays so until the next caller leaves. */
        fake_systemd_run_until(&w.systemd, !w.systemd.active);
        run_for(&w, 1200 * MS);
        assert_counts(&w, 0, 1);
        visit(&w, &c, 0);
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void dm_8_callers_come_and_go_while_another_is_inside(void **state) {
        Caller first, second;
        World w;

        make_world(&w, true, 2 * SECOND);
        enter(&w, &first);
        visit(&w, &second, 0);
        assert_counts(&w, 0, 1);
        first.hold = lease_release(first.hold);
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void a_unit_that_will_not_stop_is_named(void **state) {
        Caller c, again;
        World w;

        make_world(&w, true, 300 * MS);
        w.systemd.never_dies = true;
        visit(&w, &c, -EBUSY);
        assert_non_null(strstr(c.error, UNIT));
        assert_counts(&w, 0, 1);

        visit(&w, &again, -EBUSY);
        end_world(&w);
}

static void a_killed_hostd_leaves_a_debt_that_the_next_one_pays(void **state) {
        World w;
        Caller c;

        make_world_after_a_kill(&w, &c);
        lease_settle(w.lease);
        fake_systemd_run_until(&w.systemd, w.systemd.active);
        assert_counts(&w, 1, 1);
        assert_note(&w, "{\"stopped\":[]}");
        end_world(&w);
}

static void a_start_that_systemd_did_not_hear_of_stays_owed(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        enter(&w, &c);
        w.systemd.start_is_lost = true;
        c.hold = lease_release(c.hold);
        assert_counts(&w, 1, 1);
        assert_note(&w, "{\"stopped\":[\"" UNIT "\"]}");

        w.systemd.start_is_lost = false;
        visit(&w, &c, 0);
        assert_counts(&w, 2, 1);
        assert_true(w.systemd.active);
        assert_note(&w, "{\"stopped\":[]}");
        end_world(&w);
}

/* Refused to stop in time and stopped after all, it would be started after the next start of a VM. */
static void a_hostd_that_is_stopped_pays_what_it_owes(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 100 * MS);
        lease_settle(w.lease);
        w.systemd.dies_after = 300 * MS;
        visit(&w, &c, -EBUSY);
        fake_systemd_run_until(&w.systemd, !w.systemd.active);
        assert_counts(&w, 0, 1);

        lease_pay(w.lease);
        close_lease(&w);
        assert_note(&w, "{\"stopped\":[]}");
        fake_systemd_run_until(&w.systemd, w.systemd.active);
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void a_hostd_that_is_stopped_leaves_what_is_held(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        lease_settle(w.lease);
        enter(&w, &c);
        lease_pay(w.lease);
        end_hostd(&w, &c);
        assert_counts(&w, 0, 1);
        assert_note(&w, "{\"stopped\":[\"" UNIT "\"]}");
        end_world(&w);
}

/* Nor does one that never heard whether a start goes on. */
static void a_hostd_that_has_not_settled_pays_nothing(void **state) {
        World w;
        Caller c;

        make_world_after_a_kill(&w, &c);
        run_for(&w, 50 * MS);
        lease_pay(w.lease);
        close_lease(&w);
        assert_counts(&w, 0, 1);
        assert_note(&w, "{\"stopped\":[\"" UNIT "\"]}");
        end_world(&w);
}

static void a_start_that_goes_on_keeps_the_debt(void **state) {
        Caller c, again;
        World w;

        make_world_after_a_kill(&w, &c);
        call(&w, &again, 10 * SECOND);
        lease_settle(w.lease);
        fake_systemd_run_until(&w.systemd, again.answered);
        assert_counts(&w, 0, 1);
        sd_event_source_disable_unref(again.end);
        again.hold = lease_release(again.hold);
        assert_counts(&w, 1, 1);
        end_world(&w);
}

static void who_comes_while_it_starts_waits_for_that(void **state) {
        Caller first, second;
        World w;

        make_world(&w, true, 2 * SECOND);
        enter(&w, &first);
        first.hold = lease_release(first.hold);
        visit(&w, &second, 0);
        assert_counts(&w, 2, 2);
        end_world(&w);
}

static void a_unit_that_someone_else_stops_is_not_started(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        w.systemd.deactivating = true;
        w.systemd.dies_after = 200 * MS;
        visit(&w, &c, 0);
        assert_counts(&w, 0, 1);
        assert_note(&w, "{\"stopped\":[]}");
        end_world(&w);
}

static void who_gives_up_leaves_no_trace(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 2 * SECOND);
        call(&w, &c, 0);
        c.hold = lease_release(c.hold);
        assert_counts(&w, 0, 0);

        w.systemd.dies_after = 200 * MS;
        call(&w, &c, 0);
        fake_systemd_run_until(&w.systemd, w.systemd.n_stops == 1);
        c.hold = lease_release(c.hold);
        assert_counts(&w, 1, 1);
        assert_false(c.answered);
        end_world(&w);
}

/* Asked to stop by us, it may do so when nobody waits for it any more: watched, it is not forgotten. */
static void a_late_end_is_watched_for(void **state) {
        World w;
        Caller c;

        make_world(&w, true, 100 * MS);
        w.systemd.dies_after = 3 * SECOND;
        visit(&w, &c, -EBUSY);
        call(&w, &c, 0);
        c.hold = lease_release(c.hold);
        assert_counts(&w, 0, 2);
        fake_systemd_run_until(&w.systemd, !w.systemd.active);
        run_for(&w, 50 * MS);
        lease_settle(w.lease);
        assert_counts(&w, 1, 2);
        end_world(&w);
}

static void without_systemd_there_is_nothing_to_stop(void **state) {
        World w = {};
        Caller c;

        fake_systemd_make(&w.systemd);
        assert_int_equal(event_loop_new(w.systemd.event, &w.loop), 0);
        assert_int_equal(lease_open(w.loop, NULL, (char *const[]){(char *) UNIT, NULL}, SECOND,
                                 w.systemd.bus.dir, &w.lease),
                0);
        visit(&w, &c, 0);
        assert_int_equal(w.systemd.n_stops, 0);
        end_world(&w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(dm_1_basic_operation),
                cmocka_unit_test(dm_2_two_restarts),
                cmocka_unit_test(dm_3_already_stopped),
                cmocka_unit_test(a_unit_that_is_not_loaded_does_not_run),
                cmocka_unit_test(dm_4_failing_body),
                cmocka_unit_test(dm_5_threads),
                cmocka_unit_test(dm_6_stop_fails_but_it_dies_in_time),
                cmocka_unit_test(dm_7_stop_fails_and_it_dies_too_late),
                cmocka_unit_test(dm_8_callers_come_and_go_while_another_is_inside),
                cmocka_unit_test(a_unit_that_will_not_stop_is_named),
                cmocka_unit_test(a_killed_hostd_leaves_a_debt_that_the_next_one_pays),
                cmocka_unit_test(a_start_that_systemd_did_not_hear_of_stays_owed),
                cmocka_unit_test(a_hostd_that_is_stopped_pays_what_it_owes),
                cmocka_unit_test(a_hostd_that_is_stopped_leaves_what_is_held),
                cmocka_unit_test(a_hostd_that_has_not_settled_pays_nothing),
                cmocka_unit_test(a_start_that_goes_on_keeps_the_debt),
                cmocka_unit_test(who_comes_while_it_starts_waits_for_that),
                cmocka_unit_test(a_unit_that_someone_else_stops_is_not_started),
                cmocka_unit_test(who_gives_up_leaves_no_trace),
                cmocka_unit_test(a_late_end_is_watched_for),
                cmocka_unit_test(without_systemd_there_is_nothing_to_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
