/*
 * Who may log in, and who waits
 */

#include <sys/wait.h>
#include <time.h>

#include "policyd/link/logins.h"
#include "tests/sim/sim-loop.h"
#include "tests/unit/common/child.h"

#define SECOND UINT64_C(1000000)

typedef struct Entrant {
        struct Room *room;
        Login login;
        pid_t pid;
        unsigned started;
} Entrant;

typedef struct Room {
        SimLoop *sim;
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
        assert_int_equal(sim_loop_new(1, &room->sim), 0);
        assert_int_equal(logins_new(sim_loop_of(room->sim), 2, &room->logins), 0);
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
        sim_loop_free(room->sim);
        free(room);
        return 0;
}

static void ask(Room *room, size_t i) {
        login_wait(&room->all[i].login, room->logins, on_start, &room->all[i]);
}

/* How many have started, once nothing is left to be done. */
static unsigned n_started(Room *room) {
        sim_loop_settle(room->sim);
        return room->n_started;
}

static void test_places_are_given_in_order(void **state) {
        Room *room = *state;
        Entrant *all = room->all;

        for (size_t i = 0; i < 6; i++)
                ask(room, i);
        assert_int_equal(n_started(room), 2);
        assert_int_equal(all[0].started, 1);
        assert_int_equal(all[1].started, 2);
        login_leave(&all[2].login); /* does not want to wait */
        login_leave(&all[1].login);
        assert_int_equal(n_started(room), 3);
        assert_int_equal(all[2].started, 0);
        assert_int_equal(all[3].started, 3);
        ask(room, 1); /* again, behind the others */
        login_leave(&all[0].login);
        login_leave(&all[3].login);
        assert_int_equal(n_started(room), 5);
        assert_int_equal(all[4].started, 4);
        assert_int_equal(all[5].started, 5);
        login_leave(&all[4].login);
        login_leave(&all[4].login);
        assert_int_equal(n_started(room), 6);
        assert_int_equal(all[1].started, 6);
}

/* Waits until it has computed again for longer than a login that waits for the network does. */
static void compute(pid_t pid) {
        struct timespec t = {};
        uint64_t used, before = 0;
        clockid_t clock;

        assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
        do {
                assert_int_equal(clock_gettime(clock, &t), 0);
                used = (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
                before = before ?: used;
                (void) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        } while (used < before + 5000000);
}

static void let_a_second_pass(Room *room) {
        compute(room->all[0].pid);
        compute(room->all[2].pid);
        sim_loop_run(room->sim, SECOND);
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
        assert_int_equal(n_started(room), 2);
        /* That a program is being started takes processor time too. */
        for (unsigned i = 0; i < 60 && n_started(room) < 3; i++)
                let_a_second_pass(room);
        assert_int_equal(n_started(room), 3);
        assert_null(all[1].login.logins);
        assert_non_null(all[0].login.logins);
        for (unsigned i = 0; i < 4; i++)
                let_a_second_pass(room);
        assert_int_equal(n_started(room), 3);
        login_leave(&all[1].login);
        login_leave(&all[2].login);
        assert_int_equal(n_started(room), 4);
}

/* As on a master that is too slow for so many at a time. */
static void test_logins_that_starve_halve_the_places(void **state) {
        Room *room = *state;
        Entrant *all = room->all;

        for (size_t i = 0; i < 6; i++)
                ask(room, i);
        assert_int_equal(n_started(room), 2);
        login_starved(&all[0].login);
        assert_int_equal(n_started(room), 2);
        login_leave(&all[1].login);
        assert_int_equal(n_started(room), 3);
        login_succeeded(&all[2].login);
        assert_int_equal(n_started(room), 5);
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
