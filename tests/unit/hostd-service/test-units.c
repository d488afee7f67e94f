/*
 * Programs that outlive who started them
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "common/io/file.h"
#include "hostd/service/tool.h"
#include "tests/unit/hostd-service/world.h"

typedef struct Outcome {
        sd_event *event;
        bool done;
        int result;
        ProcessId process;
} Outcome;

static void on_started(int result, const ProcessId *process, void *userdata) {
        Outcome *o = userdata;

        o->done = true;
        o->result = result;
        o->process = *process;
        (void) sd_event_exit(o->event, 0);
}

static Outcome start_program(const char *const *argv) {
        UnitCall *start = NULL;
        Units units = {};
        Outcome o = {};

        assert_true(sd_event_new(&o.event) >= 0);
        units.event = o.event;
        assert_int_equal(units_process.start(&units, "vm", "web", argv, on_started, &o, &start), 0);
        assert_false(o.done);
        assert_int_equal(sd_event_loop(o.event), 0);
        assert_true(o.done);
        o.event = sd_event_unref(o.event);
        return o;
}

static void the_program_is_nobody_s_child(void **state) {
        Outcome o = start_program((const char *const[]){"/bin/sleep", "1000", NULL});
        char path[64], text[512] = "";
        int session, parent;
        FILE *f;

        assert_int_equal(o.result, 0);
        assert_true(process_is_alive(&o.process));
        snprintf(path, sizeof(path), "/proc/%d/stat", (int) o.process.pid);
        f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof(text), f));
        fclose(f);
        assert_int_equal(sscanf(strrchr(text, ')') + 2, "%*c %d %*d %d", &parent, &session), 2);
        assert_int_not_equal(parent, getpid());
        assert_int_equal(session, o.process.pid == session ? session : getsid(o.process.pid));
        assert_int_not_equal(session, getsid(0));
        assert_int_equal(process_signal(&o.process, SIGKILL), 0);
}

static void what_cannot_be_executed_says_why(void **state) {
        assert_int_equal(start_program((const char *const[]){"/nowhere/x", NULL}).result, -ENOENT);
        assert_int_equal(start_program((const char *const[]){"/etc/passwd", NULL}).result, -EACCES);
}

/* The program lists its own descriptors and environment into a file. */
static void nothing_of_ours_is_inherited(void **state) {
        _cleanup_free_ char *folder = temporary_folder(), *secret = path_join(folder, "secret");
        _cleanup_free_ char *out = path_join(folder, "out"), *script = NULL, *text = NULL;
        size_t size;
        int fd;

        fd = open(secret, O_RDWR | O_CREAT, 0600); /* not closed on exec */
        assert_true(fd >= 0);
        setenv("NOTIFY_SOCKET", "/run/notify", 1);
        setenv("WATCHDOG_USEC", "1", 1);
        assert_true(
                asprintf(&script, "{ ls -l /proc/$$/fd; env; } >%s.new; mv %s.new %s", out, out, out) > 0);
        assert_int_equal(start_program((const char *const[]){"/bin/sh", "-c", script, NULL}).result, 0);
        for (int i = 0; i < 1000 && access(out, F_OK) < 0; i++)
                usleep(10000);

        assert_int_equal(file_read(out, 1 << 20, &text, &size), 0);
        assert_non_null(strstr(text, "/dev/null"));
        assert_null(strstr(text, "secret"));
        assert_null(strstr(text, "NOTIFY_SOCKET"));
        assert_null(strstr(text, "WATCHDOG_USEC"));
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        close(fd);
        remove_tree(folder);
}

static void a_forgotten_start_calls_nobody(void **state) {
        UnitCall *start = NULL;
        Units units = {};
        Outcome o = {};

        assert_true(sd_event_new(&o.event) >= 0);
        units.event = o.event;
        assert_int_equal(units_process.start(&units, "vm", "web", (const char *const[]){"/bin/true", NULL}, on_started,
                                 &o, &start),
                0);
        assert_null(units_process.forget(start));
        assert_int_equal(sd_event_run(o.event, 0), 0);
        assert_false(o.done);
        sd_event_unref(o.event);
}

/* Tools: one of the same name that is there, or whose unit is not gone yet, was started for something else. */

typedef struct Tools {
        unsigned n_there, n_started, n_ended;
        char argument[8]; /* of the last that was started anew */
        ProcessId process;
} Tools;
static Tools tools;

static int start_tool(Units *units, const UnitTool *tool, const char *const *argv, UnitStarted done, void *userdata, UnitCall **ret) {
        const char *const sleeps[] = {"/bin/sleep", "0.05", NULL};

        assert_string_equal(tool->template, "xenvgpu-functions");
        assert_string_equal(tool->instance, "0000:83:00.0");
        if (tools.n_there > 0) {
                tools.n_there--;
                *ret = NULL;
                done(1, &tools.process, userdata);
                return 0;
        }
        tools.n_started++;
        snprintf(tools.argument, sizeof(tools.argument), "%s", argv[1]);
        return units_process.start(units, tool->instance, NULL, sleeps, done, userdata, ret);
}

static UnitCall *forget_start(UnitCall *start) {
        return units_process.forget(start);
}

static void on_tool_ended(void *userdata) {
        tools.n_ended++;
}

static void a_tool_waits_for_another_of_its_name(void **state) {
        static const UnitsOps ops = {.name = "process", .start_tool = start_tool, .forget = forget_start};
        const UnitTool what = {"xenvgpu-functions", "0000:83:00.0", "Look"};
        World *w = *state;
        Tool *tool = NULL;

        tools = (Tools){.n_there = 2}; /* it is gone, and its unit is not */
        w->units = &ops;
        world_reopen(w);
        assert_int_equal(tool_run(w->host, &what, (const char *const[]){"look", "1", NULL}, on_tool_ended, NULL, &tool), 0);
        for (unsigned i = 0; i < 200 && tools.n_ended == 0; i++)
                assert_true(sd_event_run(w->event, 50000) >= 0);
        assert_int_equal(tools.n_there, 0);
        assert_int_equal(tools.n_started, 1);
        assert_string_equal(tools.argument, "1");
        assert_int_equal(tools.n_ended, 1);

        /* Forgotten while it waits. */
        tools = (Tools){.n_there = 1};
        assert_int_equal(tool_run(w->host, &what, (const char *const[]){"look", "0", NULL}, on_tool_ended, NULL, &tool), 0);
        assert_null(tool_forget(tool));
        for (unsigned i = 0; i < 20; i++)
                assert_true(sd_event_run(w->event, 50000) >= 0);
        assert_int_equal(tools.n_started + tools.n_ended, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_program_is_nobody_s_child),
                cmocka_unit_test(what_cannot_be_executed_says_why),
                cmocka_unit_test(nothing_of_ours_is_inherited),
                cmocka_unit_test(a_forgotten_start_calls_nobody),
                cmocka_unit_test_setup_teardown(a_tool_waits_for_another_of_its_name, world_setup, world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
