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

static char state_of(pid_t pid) {
        char path[64], state = 'Z';
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        f = fopen(path, "re");
        if (f && fscanf(f, "%*d %*s %c", &state) != 1)
                state = 'Z';
        if (f)
                fclose(f);
        return state;
}

static bool is_running(pid_t pid) {
        char state = state_of(pid);

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

/* Replies to calls, in their order. */
typedef struct Replies {
        unsigned n_due, n;
        char last[64]; /* an error's name, or "" */
} Replies;

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        Replies *replies = userdata;

        replies->n++;
        snprintf(replies->last, sizeof(replies->last), "%.63s", e ? e->name : "");
        return 1;
}

static const char *last_reply(sd_bus *client, const Replies *replies) {
        time_t until = time(NULL) + SECONDS;

        while (replies->n < replies->n_due && time(NULL) < until)
                if (sd_bus_process(client, NULL) == 0)
                        (void) sd_bus_wait(client, 100000);
        assert_int_equal(replies->n, replies->n_due);
        return replies->last;
}

/* A child that was caught at work, and is held there: its reply is the last. */
static pid_t hold_child(World *w, sd_bus *client, Replies *replies) {
        for (unsigned tries = 0; tries < 500; tries++) {
                time_t until = time(NULL) + SECONDS;
                pid_t pid;

                (void) last_reply(client, replies); /* no other call's child is taken for this one's */
                assert_true(sd_bus_call_method_async(client, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                    POLICY_IFACE_MANAGER, "List", on_reply, replies, "sa{sv}uu", "gpu_group", 0,
                                    0, 1000) >= 0);
                replies->n_due++;
                assert_true(sd_bus_flush(client) >= 0);
                /* One that was over before it was seen is tried again. */
                while ((pid = find_child(w)) == 0 && replies->n < replies->n_due && time(NULL) < until)
                        (void) sd_bus_process(client, NULL);
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
        Replies replies = {};
        World *w = *state;
        sd_bus *client;
        time_t start;
        pid_t pid;

        add_groups(w);
        client = private_bus_connect(&w->bus, NULL);
        pid = hold_child(w, client, &replies);
        (void) policyd_end(w, SIGKILL);
        start = time(NULL);
        assert_ends(pid);
        policyd_start(w, NULL);
        assert_true(time(NULL) - start < SECONDS);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "after", 0));
        sd_bus_close_unref(client);
}

static void test_a_caller_that_leaves_ends_its_child(void **state) {
        Replies replies = {};
        World *w = *state;
        sd_bus *client;
        pid_t pid;

        add_groups(w);
        client = private_bus_connect(&w->bus, NULL);
        pid = hold_child(w, client, &replies);
        /* Others' short calls are answered meanwhile. */
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "Version");
        sd_bus_close_unref(client);
        assert_ends(pid);
        /* And the next long one has its turn. */
        assert_true(MANAGER(w, "Capacity", ""));
}

/* A turn goes to a call that is refused before it is known as one that waits: its object has gone. */
static void test_a_call_whose_object_went_ends_its_turn(void **state) {
        Replies replies = {}, other_replies = {.n_due = 1};
        World *w = *state;
        sd_bus *client, *other;
        char vm[128];
        pid_t pid;

        add_groups(w);
        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(vm, sizeof(vm), "%.127s", w->reply);
        client = private_bus_connect(&w->bus, NULL);
        other = private_bus_connect(&w->bus, NULL);
        pid = hold_child(w, client, &replies);
        /* Of another class: its path is looked at first. */
        assert_true(sd_bus_call_method_async(other, NULL, POLICY_BUS_NAME, vm, POLICY_IFACE_GPU_GROUP, "Plan",
                            on_reply, &other_replies, "o", vm) >= 0);
        assert_true(sd_bus_flush(other) >= 0);
        world_turn(w, 200);
        assert_true(call(w, vm, POLICY_IFACE_VM, "Destroy", ""));
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_string_equal(last_reply(other, &other_replies), "org.freedesktop.DBus.Error.UnknownObject");
        assert_true(MANAGER(w, "Capacity", ""));
        sd_bus_close_unref(client);
        sd_bus_close_unref(other);
}

/* Its pipe is full, since nobody reads it. */
static void wait_until_blocked(pid_t pid) {
        for (unsigned i = 0, still = 0; i < 1000 * SECONDS / 20 && still < 10; i++) {
                usleep(20000);
                still = state_of(pid) == 'S' ? still + 1 : 0;
        }
        assert_int_equal(state_of(pid), 'S');
}

static void test_a_killed_child_gives_no_half_answer(void **state) {
        Replies replies = {};
        World *w = *state;
        sd_bus *client;
        pid_t pid;

        add_groups(w);
        client = private_bus_connect(&w->bus, NULL);
        pid = hold_child(w, client, &replies);
        assert_int_equal(kill(w->policyd, SIGSTOP), 0);
        assert_int_equal(kill(pid, SIGCONT), 0);
        wait_until_blocked(pid);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(kill(w->policyd, SIGCONT), 0);
        assert_string_equal(last_reply(client, &replies), "org.xenvgpu.Error.InternalError");
        assert_true(MANAGER(w, "Capacity", ""));
        sd_bus_close_unref(client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_killed_policyd_begins_again_at_once),
                WORLD_TEST(test_a_caller_that_leaves_ends_its_child),
                WORLD_TEST(test_a_call_whose_object_went_ends_its_turn),
                WORLD_TEST(test_a_killed_child_gives_no_half_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
