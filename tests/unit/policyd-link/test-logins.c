/*
 * Who may log in, and who waits
 */

#include <sys/wait.h>

#include "common/daemon/event-loop.h"
#include "policyd/link/logins.h"
#include "tests/unit/common/child.h"

typedef struct Entrant {
        struct Room *room;
        Login login;
        pid_t pid;
        unsigned started;
} Entrant;

typedef struct Room {
        sd_event *event;
        Loop *loop;
        Logins *logins;
        Entrant all[8];
        unsigned n_started;
} Room;

static void on_start(void *userdata) {
        Entrant *e = userdata;

        e->started = ++e->room->n_started;
        if (e->pid > 0)
                login_started(&e->login, e->pid);
}

static int setup(void **state) {
        Room *room = calloc(1, sizeof(*room));

        assert_non_null(room);
        assert_true(sd_event_new(&room->event) >= 0);
        assert_int_equal(event_loop_new(room->event, &room->loop), 0);
        assert_int_equal(logins_new(room->loop, 2, &room->logins), 0);
        for (size_t i = 0; i < ARRAY_SIZE(room->all); i++)
                room->all[i].room = room;
        *state = room;
        return 0;
}

static int teardown(void **state) {
        Room *room = *state;

        for (size_t i = 0; i < ARRAY_SIZE(room->all); i++) {
                login_leave(&room->all[i].login);
                if (room->all[i].pid > 0) {
                        kill(room->all[i].pid, SIGKILL);
                        waitpid(room->all[i].pid, NULL, 0);
                }
        }
        logins_free(room->logins);
        event_loop_free(room->loop);
        sd_event_unref(room->event);
        free(room);
        return 0;
}

static void ask(Room *room, size_t i) {
        login_wait(&room->all[i].login, room->logins, on_start, &room->all[i]);
}

static uint64_t now_of(Room *room) {
        uint64_t now = 0;

        assert_true(sd_event_now(room->event, CLOCK_MONOTONIC, &now) >= 0);
        return now;
}

/* True once that many have started. */
static bool run_until(Room *room, unsigned n_started, unsigned ms) {
        for (uint64_t end = now_of(room) + ms * UINT64_C(1000);
                room->n_started < n_started && now_of(room) < end;)
                assert_true(sd_event_run(room->event, 10000) >= 0);
        return room->n_started >= n_started;
}

static void test_places_are_given_in_order(void **state) {
        Room *room = *state;
        Entrant *all = room->all;

        for (size_t i = 0; i < 6; i++)
                ask(room, i);
        assert_false(run_until(room, 3, 50));
        assert_int_equal(all[0].started, 1);
        assert_int_equal(all[1].started, 2);
        login_leave(&all[2].login); /* does not want to wait */
        login_leave(&all[1].login);
        assert_false(run_until(room, 4, 50));
        assert_int_equal(all[2].started, 0);
        assert_int_equal(all[3].started, 3);
        ask(room, 1); /* again, behind the others */
        login_leave(&all[0].login);
        login_leave(&all[3].login);
        assert_false(run_until(room, 6, 50));
        assert_int_equal(all[4].started, 4);
        assert_int_equal(all[5].started, 5);
        login_leave(&all[4].login);
        login_leave(&all[4].login);
        assert_true(run_until(room, 6, 1000));
        assert_int_equal(all[1].started, 6);
}

/* One that computes keeps its place; one that waits for the network gives it away. */
static void test_a_login_that_only_waits_gives_its_place_away(void **state) {
        static const char *const busy[] = {"sh", "-c", "while :; do :; done", NULL}, *const idle[] = {"sleep",
                                                                                             "1000", NULL};
        Room *room = *state;
        Entrant *all = room->all;

        all[0].pid = child_start(busy);
        all[1].pid = child_start(idle);
        all[2].pid = child_start(busy);
        for (size_t i = 0; i < 4; i++)
                ask(room, i);
        assert_true(run_until(room, 3, 20000));
        assert_null(all[1].login.logins);
        assert_non_null(all[0].login.logins);
        assert_false(run_until(room, 4, 3000));
        login_leave(&all[1].login);
        login_leave(&all[2].login);
        assert_true(run_until(room, 4, 1000));
}

/* As on a master that is too slow for so many at a time. */
static void test_logins_that_starve_halve_the_places(void **state) {
        Room *room = *state;
        Entrant *all = room->all;

        for (size_t i = 0; i < 6; i++)
                ask(room, i);
        assert_true(run_until(room, 2, 1000));
        login_starved(&all[0].login);
        assert_false(run_until(room, 3, 50));
        login_leave(&all[1].login);
        assert_true(run_until(room, 3, 1000));
        assert_false(run_until(room, 4, 50));
        login_succeeded(&all[2].login);
        assert_true(run_until(room, 5, 1000));
        assert_false(run_until(room, 6, 50));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_places_are_given_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_logins_that_starve_halve_the_places, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_a_login_that_only_waits_gives_its_place_away, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
