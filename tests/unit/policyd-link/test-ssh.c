/*
 * A host behind ssh, with a script in ssh's place
 */

#include <sys/stat.h>

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

/* Links that log in through a script that counts how many of it run. */

typedef struct Crowd {
        World *w;
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

/* The deadline of each is shorter than the wait of the last. */
static void test_logins_wait_for_their_turn_outside_of_their_deadline(void **state) {
        static const LinkOwner owner = {
                .greeted = crowd_greeted, .claimed = crowd_claimed, .lost = crowd_lost};
        World *w = *state;
        Crowd crowd = {.w = w};
        char path[128], command[512];
        Logins *logins = NULL;

        assert_int_equal(logins_new(w->loop, 2, &logins), 0);
        w->settings.logins = logins;
        w->settings.connect_usec = 4000000;
        put_script(w, path,
                "d=%s/running; mkdir -p $d; touch $d/$$\n[ $(ls $d | wc -l) -le 2 ] || touch %s/crowded\n"
                "sleep 0.8; rm $d/$$\nexec systemd-stdio-bridge --bus-path=%s\n",
                w->bus.dir, w->bus.dir, w->bus.address);
        fake_host_start(&w->host, &w->bus, w->event);
        for (size_t i = 0; i < ARRAY_SIZE(crowd.links); i++) {
                assert_int_equal(link_new(w->loop, w->event, "ssh:a@b", &w->settings, &owner, &crowd, &crowd.links[i]), 0);
                assert_int_equal(link_start(crowd.links[i]), 0);
        }
        RUN_UNTIL(w, crowd.n_claimed == 2);
        crowd.links[11] = link_free(crowd.links[11]); /* one that waits */
        crowd.links[10] = link_free(crowd.links[10]);
        for (unsigned n = 3; n <= 10; n++)
                RUN_UNTIL(w, crowd.n_claimed >= n);
        run_for(w, 100);
        assert_int_equal(crowd.n_claimed, 10);
        assert_int_equal(crowd.n_lost, 0);
        snprintf(command, sizeof(command), "%s/crowded", w->bus.dir);
        assert_int_equal(access(command, F_OK), -1);

        for (size_t i = 0; i < ARRAY_SIZE(crowd.links); i++)
                link_free(crowd.links[i]);
        logins_free(logins);
        snprintf(command, sizeof(command), "%s/running", w->bus.dir);
        rmdir(command);
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
