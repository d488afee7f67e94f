/*
 * Who calls: what the lines of the log say of a caller whose unit is known or not, and of one that has left
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/daemon/log-ids.h"
#include "tests/unit/policyd-bus/policyd-world.h"

static void make_vm(World *w, char ret[static 128]) {
        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(ret, 128, "%.127s", w->reply);
}

/* systemd, which knows one unit, or none, or never answers */

typedef struct Systemd {
        sd_bus *bus;
        bool silent;
        sd_bus_message *asked; /* while silent: the last */
} Systemd;

static int on_unit_asked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Systemd *s = userdata;

        if (!s->silent)
                return sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/unit/session_2d3_2escope");
        sd_bus_message_unref(s->asked);
        s->asked = sd_bus_message_ref(m);
        return 1;
}

static const sd_bus_vtable systemd_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetUnitByPID", "u", "o", on_unit_asked, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void systemd_begin(Systemd *s, World *w) {
        *s = (Systemd){.bus = private_bus_connect(&w->bus, w->event)};
        assert_true(sd_bus_add_object_vtable(s->bus, NULL, "/org/freedesktop/systemd1",
                            "org.freedesktop.systemd1.Manager", systemd_vtable, s) >= 0);
        assert_true(sd_bus_request_name(s->bus, "org.freedesktop.systemd1", 0) >= 0);
}

static void systemd_end(Systemd *s) {
        sd_bus_message_unref(s->asked);
        sd_bus_flush_close_unref(s->bus);
}

static void new_client(World *w) {
        sd_bus_flush_close_unref(w->client);
        w->client = private_bus_connect(&w->bus, NULL);
}

/* The unit is asked of systemd, and nothing waits for it: the call is answered at once, the line comes when it is known. */
static void test_a_line_names_the_unit_and_waits_for_no_systemd(void **state) {
        World *w = *state;
        char vm[128], vgpu[128], host[128], line[4096] = "";
        Systemd systemd;
        size_t at;

        systemd_begin(&systemd, w);
        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        world_turn(w, 200);
        assert_int_equal(lines_since(w, 0, FIELD_CALLER_UNIT "session-3.scope", line, sizeof(line)), 3);
        assert_non_null(strstr(line, " (session-3.scope) called Manager.CreateVGPU"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        snprintf(vgpu, sizeof(vgpu), "%.127s", w->reply);
        property(w, vgpu, POLICY_IFACE_JOB, "StartedBy");
        assert_non_null(strstr(w->reply, " (session-3.scope)"));

        systemd.silent = true;
        new_client(w);
        at = log_size(w);
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetAffinity", "s", "x"));
        assert_int_equal(lines_since(w, at, FIELD_METHOD, line, sizeof(line)), 0);
        for (unsigned i = 0; i < 100 && lines_since(w, at, FIELD_METHOD, line, sizeof(line)) == 0; i++)
                world_turn(w, 50);
        assert_non_null(strstr(line, FIELD_CALLER));
        assert_non_null(strstr(line, FIELD_CALLER_UNIT "unknown: systemd did not answer"));
        systemd_end(&systemd);
}

/* Calls in a process of its own, which ends then. answer: it waits for it. */
static pid_t call_and_end(World *w, const char *vm, const char *affinity, bool answer) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                sd_bus *bus = private_bus_connect(&w->bus, NULL);
                sd_bus_message *m;

                if (sd_bus_message_new_method_call(bus, &m, POLICY_BUS_NAME, vm, POLICY_IFACE_VM, "SetAffinity") < 0 ||
                        sd_bus_message_append(m, "s", affinity) < 0 || sd_bus_message_set_expect_reply(m, answer) < 0)
                        _exit(1);
                if (answer)
                        _exit(sd_bus_call(bus, m, 0, NULL, NULL) < 0);
                _exit(sd_bus_send(bus, m, NULL) < 0 || sd_bus_flush(bus) < 0);
        }
        for (unsigned i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) == 0; i++)
                world_turn(w, 10);
        assert_int_equal(status, 0);
        return pid;
}

/* It has ended when systemd looks for its unit: the line says so, and has its number. */
static void test_a_line_of_a_process_that_has_ended_says_so(void **state) {
        World *w = *state;
        char vm[128], pid[64], line[4096] = "";
        Systemd systemd;
        size_t at;

        systemd_begin(&systemd, w);
        make_vm(w, vm);
        systemd.silent = true;
        at = log_size(w);
        snprintf(pid, sizeof(pid), "%d", (int) call_and_end(w, vm, "x", /* answer= */ true));
        for (unsigned i = 0; i < 100 && !systemd.asked; i++)
                world_turn(w, 10);
        assert_true(sd_bus_reply_method_errorf(systemd.asked, "org.freedesktop.systemd1.NoUnitForPID", "PID %s has no unit.", pid) >= 0);
        for (unsigned i = 0; i < 100 && lines_since(w, at, FIELD_METHOD, line, sizeof(line)) == 0; i++)
                world_turn(w, 10);
        assert_non_null(strstr(line, FIELD_CALLER_PID));
        assert_non_null(strstr(line, pid));
        assert_non_null(strstr(line, FIELD_CALLER_UNIT "unknown: process "));
        assert_non_null(strstr(line, " has ended"));
        systemd_end(&systemd);
}

/* It may leave the bus before that says who it is. Then its call is not done; either way there is one line. */
static void test_a_call_without_an_answer_leaves_its_line(void **state) {
        char vm[128], affinity[16], line[4096] = "";
        World *w = *state;
        unsigned done = 0;

        make_vm(w, vm);
        for (unsigned i = 0; i < 15; i++) {
                size_t at = log_size(w);
                unsigned n = 0;

                snprintf(affinity, sizeof(affinity), "a%u", i);
                call_and_end(w, vm, affinity, /* answer= */ false);
                for (unsigned k = 0; k < 200 && n == 0; k++) {
                        world_turn(w, 5);
                        n = lines_since(w, at, FIELD_METHOD "VM.SetAffinity", line, sizeof(line));
                }
                property(w, vm, POLICY_IFACE_VM, "Affinity");
                assert_int_equal(n, 1);
                assert_true(streq(w->reply, affinity) == !strstr(line, FIELD_ERROR "AccessDenied"));
                assert_non_null(strstr(line, " of VM win"));
                assert_non_null(strstr(line, streq(w->reply, affinity) ? FIELD_CALLER_PID : FIELD_CALLER "unknown"));
                done += streq(w->reply, affinity);
        }
        printf("# %u of 15 were done\n", done);
}

/* Nobody fills the journal who may do nothing; how many lines are left out is said. */
static void test_lines_of_refused_calls_are_counted(void **state) {
        char vm[128], line[4096] = "", sum[4096] = "";
        unsigned refused = 0, shown, n_sums;
        World *w = *state;

        make_vm(w, vm);
        for (unsigned i = 0; i < 60 && refused <= 25; i++) {
                char affinity[16];

                snprintf(affinity, sizeof(affinity), "b%u", i);
                call_and_end(w, vm, affinity, /* answer= */ false);
                world_turn(w, 20);
                property(w, vm, POLICY_IFACE_VM, "Affinity");
                refused += !streq(w->reply, affinity);
        }
        assert_int_equal(policyd_end(w, SIGTERM), 0);
        shown = lines_since(w, 0, FIELD_ERROR "AccessDenied", line, sizeof(line));
        n_sums = lines_since(w, 0, " more calls were refused", sum, sizeof(sum));
        assert_true(n_sums > 0 || shown == refused);
        /* On a slow machine there may be several. */
        if (n_sums == 1)
                assert_int_equal(shown + strtoul(strstr(sum, "info: ") + strlen("info: "), NULL, 10), refused);
        policyd_start(w, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                LOGGED_TEST(test_a_line_names_the_unit_and_waits_for_no_systemd),
                LOGGED_TEST(test_a_line_of_a_process_that_has_ended_says_so),
                LOGGED_TEST(test_a_call_without_an_answer_leaves_its_line),
                LOGGED_TEST(test_lines_of_refused_calls_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
