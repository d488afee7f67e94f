/*
 * The child that makes a long answer holds nothing of policyd's, and ends with who it works for
 */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/policyd-bus/policyd-world.h"

#define N_GROUPS 300
#define DESCRIPTION 4000
#define SECONDS 20
#define DESCRIPTORS 4 /* stdin, stdout, stderr and the pipe: no lock, no bus, no database */

static void add_groups(World *w) {
        char name[32], description[DESCRIPTION + 1];

        memset(description, 'd', DESCRIPTION);
        description[DESCRIPTION] = '\0';
        for (unsigned i = 0; i < N_GROUPS; i++) {
                snprintf(name, sizeof(name), "group %u", i);
                assert_true(MANAGER(
                        w, "CreateGPUGroup", "sa{sv}", name, 1, "name_description", "s", description));
        }
}

/* Of policyd; 0: it has none. */
static pid_t find_child(const World *w) {
        char path[64];
        int pid = 0;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) w->policyd, (int) w->policyd);
        f = fopen(path, "re");
        if (f && fscanf(f, "%d", &pid) != 1)
                pid = 0;
        if (f)
                fclose(f);
        return pid;
}

static bool is_running(pid_t pid) {
        char path[64], state = 'Z';
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        f = fopen(path, "re");
        if (f && fscanf(f, "%*d %*s %c", &state) != 1)
                state = 'Z';
        if (f)
                fclose(f);
        return state != 'Z' && state != 'X';
}

static unsigned count_descriptors(pid_t pid) {
        char path[64];
        unsigned n = 0;
        DIR *d;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        d = opendir(path);
        if (!d)
                return 0;
        while (readdir(d))
                n++;
        closedir(d);
        return n > 2 ? n - 2 : 0; /* . and .. */
}

/* At work, not just made: it has let go of what is policyd's. */
static bool stop_at_work(pid_t pid) {
        for (unsigned i = 0; i < 1000 && kill(pid, SIGSTOP) == 0; i++) {
                usleep(2000);
                if (!is_running(pid))
                        return false;
                if (count_descriptors(pid) == DESCRIPTORS)
                        return true;
                (void) kill(pid, SIGCONT);
        }
        return false;
}

/* A child that was caught at work, and is held there. */
static pid_t hold_child(World *w, sd_bus *client) {
        for (unsigned tries = 0; tries < 50; tries++) {
                time_t until = time(NULL) + SECONDS;
                pid_t pid;

                assert_true(sd_bus_call_method_async(client, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                    POLICY_IFACE_MANAGER, "List", NULL, NULL, "sa{sv}uu", "gpu_group", 0, 0,
                                    1000) >= 0);
                assert_true(sd_bus_flush(client) >= 0);
                while ((pid = find_child(w)) == 0 && time(NULL) < until)
                        ;
                if (pid > 0 && stop_at_work(pid))
                        return pid;
        }
        fail_msg("no child was seen");
        return 0;
}

static void assert_ends(pid_t pid) {
        time_t until = time(NULL) + SECONDS;

        while (is_running(pid) && time(NULL) < until)
                usleep(10000);
        assert_false(is_running(pid));
}

static void test_a_killed_policyd_begins_again_at_once(void **state) {
        World *w = *state;
        sd_bus *client;
        time_t start;
        pid_t pid;

        add_groups(w);
        client = private_bus_connect(&w->bus, NULL);
        pid = hold_child(w, client);
        (void) policyd_end(w, SIGKILL);
        start = time(NULL);
        assert_ends(pid);
        policyd_start(w, NULL);
        assert_true(time(NULL) - start < SECONDS);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "after", 0));
        sd_bus_close_unref(client);
}

static void test_a_caller_that_leaves_ends_its_child(void **state) {
        World *w = *state;
        sd_bus *client;
        pid_t pid;

        add_groups(w);
        client = private_bus_connect(&w->bus, NULL);
        pid = hold_child(w, client);
        /* Others' short calls are answered meanwhile. */
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "Version");
        sd_bus_close_unref(client);
        assert_ends(pid);
        /* And the next long one has its turn. */
        assert_true(MANAGER(w, "Capacity", ""));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_killed_policyd_begins_again_at_once),
                WORLD_TEST(test_a_caller_that_leaves_ends_its_child),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
