/*
 * A host behind ssh, with a script in ssh's place
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/sim/sim-loop.h"
#include "tests/unit/policyd-link/link-world.h"

/* Writes the script; its path is w->settings.ssh_program from then on. */
static void put_script(World *w, char path[static 128], const char *format, ...)
        __attribute__((__format__(printf, 3, 4)));

static void put_script(World *w, char path[static 128], const char *format, ...) {
        va_list args;
        FILE *f;

        snprintf(path, 128, "%s/ssh", w->bus.dir);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f, "#!/bin/sh\n");
        va_start(args, format);
        vfprintf(f, format, args);
        va_end(args);
        fclose(f);
        assert_int_equal(chmod(path, 0755), 0);
        w->settings.ssh_program = path;
}

static void test_a_host_behind_ssh_is_claimed(void **state) {
        World *w = *state;
        char path[128], log[128], line[1024] = "";
        FILE *f;

        snprintf(log, sizeof(log), "%s/arguments", w->bus.dir);
        put_script(w, path,
                "echo \"$@\" >%s\necho Warning: added a key >&2\nexec systemd-stdio-bridge --bus-path=%s\n",
                log, w->bus.address);
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, "ssh:xenvgpu@beta:2222");
        RUN_UNTIL(w, w->n_claimed == 1);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->done == 1);

        f = fopen(log, "re");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof(line), f));
        fclose(f);
        assert_non_null(strstr(line, "BatchMode=yes"));
        assert_non_null(strstr(line, "StrictHostKeyChecking=yes"));
        assert_non_null(strstr(line, "ServerAliveInterval=10"));
        assert_non_null(strstr(line, "-p 2222 -- xenvgpu@beta systemd-stdio-bridge\n"));

        w->link = link_free(w->link);
        unlink(log);
        unlink(path);
}

static void test_the_words_of_ssh_are_the_reason(void **state) {
        World *w = *state;
        char path[128];

        put_script(w, path, "echo 'xenvgpu@beta: Permission denied (publickey).' >&2\nexit 255\n");
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 2);
        assert_non_null(strstr(w->reason, "beta does not accept policyd's key for user xenvgpu"));
        w->link = link_free(w->link);
        unlink(path);

        w->n_lost = 0;
        put_script(w, path, "echo 'ssh: connect to host beta port 22: Connection refused' >&2\nexit 255\n");
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 1);
        assert_non_null(strstr(w->reason, "beta refuses connections on port 22"));
        unlink(path);
}

/* A banner, what start files print, and how ssh ends: heard whole, whichever of them the loop hears first. */
static void test_a_login_that_fails_says_why_each_time(void **state) {
        static const struct {
                const char *script, *expected;
        } cases[] = {
                {"echo '* Banner *' >&2; exec >&-; sleep 0.1; exit 1",
                        "the system bus cannot be reached there"},
                {"echo Hello from .bashrc; read line; exit 0",
                        "prints to standard output before the bus can speak: \"Hello from"},
                {"echo Hello from .bashrc",
                        "prints to standard output before the bus can speak: \"Hello from"},
                {"exit 127", "is not found on beta"},
                {"kill -9 $$", "was ended by signal 9"},
        };
        World *w = *state;
        char path[128];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                put_script(w, path, "%s\n", cases[i].script);
                w->n_lost = 0;
                world_dial(w, "ssh:xenvgpu@beta");
                for (unsigned n = 1; n <= 3; n++) {
                        RUN_UNTIL(w, w->n_lost == n);
                        if (!strstr(w->reason, cases[i].expected))
                                fail_msg("%s\n  lacks: %s", w->reason, cases[i].expected);
                }
                w->link = link_free(w->link);
                unlink(path);
        }
}

static void test_ssh_is_killed_with_its_link(void **state) {
        World *w = *state;
        char path[128];

        w->settings.connect_usec = 200000;
        put_script(w, path, "exec sleep 1000\n");
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 1);
        assert_non_null(strstr(w->reason, "did not answer within 200 ms"));
        run_for(w, 100);
        w->link = link_free(w->link);
        unlink(path);
}

static void test_there_is_no_ssh(void **state) {
        World *w = *state;

        w->settings.ssh_program = "/nonexistent/ssh";
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 1);
        assert_string_equal(w->reason, "ssh cannot be started on the master, since there is no "
                                       "/nonexistent/ssh: it is in the package openssh-client.");
}

/* Links that log in through a script that ends when the test says so; their time is made by the test too. */

#define PLACES 2
#define SECOND UINT64_C(1000000)

typedef struct Crowd {
        World *w;
        SimLoop *sim;
        Logins *logins;
        char gates[128]; /* a folder with a FIFO for each login that runs */
        HostLink *links[12];
        unsigned n_claimed, n_lost;
} Crowd;

static int crowd_greeted(
        HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason, void *userdata) {
        return world_greeted(link, greeting, ret, ret_reason, ((Crowd *) userdata)->w);
}

static int crowd_claimed(
        HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata) {
        ((Crowd *) userdata)->n_claimed++;
        return 0;
}

static void crowd_lost(HostLink *link, const char *reason, void *userdata) {
        ((Crowd *) userdata)->n_lost++;
}

/* The logins that run, by the names of their FIFOs. */
typedef struct Running {
        char names[PLACES + 1][16];
        unsigned n;
} Running;

static unsigned list_running(const Crowd *c, Running *ret) {
        DIR *dir = opendir(c->gates);
        const struct dirent *entry;

        assert_non_null(dir);
        *ret = (Running){};
        while ((entry = readdir(dir)) && ret->n <= PLACES)
                if (*entry->d_name != '.')
                        snprintf(ret->names[ret->n++], sizeof(ret->names[0]), "%.15s", entry->d_name);
        closedir(dir);
        return ret->n;
}

/* Lets a login go on; false while its script does not read yet. */
static bool open_gate(const Crowd *c, const char *name) {
        char path[160];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", c->gates, name);
        fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return false;
        assert_int_equal(write(fd, "go\n", 3), 3);
        safe_close(fd);
        return true;
}

static void turn(Crowd *c) {
        Running running;

        sim_loop_settle(c->sim);
        assert_true(sd_event_run(c->w->event, 10000) >= 0);
        sim_loop_settle(c->sim);
        assert_true(list_running(c, &running) <= PLACES);
}

#define TURN_UNTIL(c, condition)                                                                             \
        do {                                                                                                 \
                uint64_t _end = world_now() + 60000;                                                         \
                                                                                                             \
                while (!(condition)) {                                                                       \
                        assert_true(world_now() < _end);                                                     \
                        turn(c);                                                                             \
                }                                                                                            \
        } while (0)

/* The next two log in, and take a while for it. Those behind them begin, and wait for their own gates. */
static void pass_two(Crowd *c) {
        unsigned before = c->n_claimed;
        Running running;

        TURN_UNTIL(c, list_running(c, &running) == PLACES);
        sim_loop_run(c->sim, SECOND * 8 / 10);
        for (unsigned i = 0; i < PLACES; i++)
                TURN_UNTIL(c, open_gate(c, running.names[i]));
        TURN_UNTIL(c, c->n_claimed == before + PLACES);
}

static void crowd_start(Crowd *c, char path[static 128]) {
        static const LinkOwner owner = {
                .greeted = crowd_greeted, .claimed = crowd_claimed, .lost = crowd_lost};
        World *w = c->w;

        assert_int_equal(sim_loop_new(1, &c->sim), 0);
        assert_int_equal(logins_new(sim_loop_of(c->sim), PLACES, &c->logins), 0);
        w->settings.logins = c->logins;
        w->settings.connect_usec = 3 * SECOND;
        snprintf(c->gates, sizeof(c->gates), "%s/gates", w->bus.dir);
        assert_int_equal(mkdir(c->gates, 0700), 0);
        put_script(w, path, "g=%s/$$\nmkfifo $g\nread go <$g\nrm $g\nexec systemd-stdio-bridge --bus-path=%s\n", c->gates,
                w->bus.address);
        fake_host_start(&w->host, &w->bus, w->event);
        for (size_t i = 0; i < ARRAY_SIZE(c->links); i++) {
                assert_int_equal(
                        link_new(sim_loop_of(c->sim), w->event, "ssh:a@b", &w->settings, &owner, c, &c->links[i]), 0);
                assert_int_equal(link_start(c->links[i]), 0);
        }
}

/* The deadline of each is shorter than the wait of the last. */
static void test_logins_wait_for_their_turn_outside_of_their_deadline(void **state) {
        World *w = *state;
        Crowd crowd = {.w = w};
        Running running;
        char path[128];

        crowd_start(&crowd, path);
        pass_two(&crowd);
        crowd.links[11] = link_free(crowd.links[11]); /* one that waits */
        crowd.links[10] = link_free(crowd.links[10]);
        while (crowd.n_claimed < 10)
                pass_two(&crowd);
        sim_loop_run(crowd.sim, SECOND);
        turn(&crowd);
        assert_int_equal(crowd.n_claimed, 10);
        assert_int_equal(crowd.n_lost, 0);
        assert_int_equal(list_running(&crowd, &running), 0);

        for (size_t i = 0; i < ARRAY_SIZE(crowd.links); i++)
                link_free(crowd.links[i]);
        logins_free(crowd.logins);
        sim_loop_free(crowd.sim);
        rmdir(crowd.gates);
        unlink(path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_host_behind_ssh_is_claimed),
                WORLD_TEST(test_the_words_of_ssh_are_the_reason),
                WORLD_TEST(test_a_login_that_fails_says_why_each_time),
                WORLD_TEST(test_logins_wait_for_their_turn_outside_of_their_deadline),
                WORLD_TEST(test_ssh_is_killed_with_its_link),
                WORLD_TEST(test_there_is_no_ssh),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
