/*
 * Programs of VMs as units of systemd
 */

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>

#include <cmocka.h>

#include "hostd/vm/units.h"
#include "tests/unit/hostd-lease/fake-systemd.h"

#define VM "11111111-2222-4333-8444-555555555555"

typedef struct Outcome {
        bool done;
        int result;
        ProcessId process;
} Outcome;

static void on_started(int result, const ProcessId *process, void *userdata) {
        Outcome *o = userdata;

        assert_false(o->done);
        *o = (Outcome){.done = true, .result = result, .process = *process};
}

static const char *const argv[] = {"/usr/libexec/xenvgpu/xenvgpu-domain", "--folder=/run/a b", NULL};

static void start(FakeSystemd *f, Units *units, Outcome *o) {
        UnitCall *unit_start;

        *o = (Outcome){};
        assert_int_equal(units->ops->start(units, VM, "50% of\t\"web\"\\", argv, on_started, o, &unit_start), 0);
        assert_false(o->done);
        fake_systemd_run_until(f, o->done);
}

static void open_units(FakeSystemd *f, Systemd **systemd, Units *units) {
        fake_systemd_make(f);
        assert_int_equal(systemd_open(f->event, f->bus.address, systemd), 0);
        *units = (Units){.ops = &units_systemd, .event = f->event, .systemd = *systemd};
}

static void close_units(FakeSystemd *f, Systemd *systemd) {
        assert_false(f->job_before_subscription);
        systemd_close(systemd);
        fake_systemd_done(f);
}

static void a_unit_outlives_who_started_it(void **state) {
        Systemd *systemd;
        FakeSystemd f;
        Units units;
        Outcome o;

        open_units(&f, &systemd, &units);
        f.main_pid = (uint32_t) getpid();
        start(&f, &units, &o);
        assert_int_equal(o.result, 0);
        assert_int_equal(o.process.pid, getpid());
        assert_true(process_is_alive(&o.process));
        assert_string_equal(f.unit, "xenvgpu-domain@" VM ".service");
        assert_string_equal(f.kill_mode, "process");
        assert_string_equal(f.restart, "on-failure");
        assert_string_equal(f.slice, "xenvgpu.slice");
        assert_string_equal(f.description, "Virtual machine 50_ of\xef\xbf\xbd\"web\"_ (" VM ")");
        assert_string_equal(f.log_field, "XENVGPU_VM=" VM);
        assert_string_equal(f.command[1], argv[1]);
        assert_null(f.command[2]);
        close_units(&f, systemd);
}

/* Who counts the units of VMs must not count it, and the journal has no line of it as of a VM. */
static void a_tool_is_no_vm(void **state) {
        const UnitTool tool = {"xenvgpu-functions", "0000:81:00.0", "Look at virtual functions of PGPU 0000:81:00.0"};
        Outcome o = {};
        UnitCall *call;
        Systemd *systemd;
        FakeSystemd f;
        Units units;

        open_units(&f, &systemd, &units);
        assert_int_equal(units.ops->start_tool(&units, &tool, argv, on_started, &o, &call), 0);
        fake_systemd_run_until(&f, o.done);
        assert_int_equal(o.result, 0);
        assert_string_equal(f.unit, "xenvgpu-functions@0000:81:00.0.service");
        assert_string_equal(f.description, "Look at virtual functions of PGPU 0000:81:00.0");
        assert_null(f.log_field);

        /* One that is there has arguments of its own. */
        f.exists = true;
        f.main_pid = (uint32_t) getpid();
        o = (Outcome){};
        assert_int_equal(units.ops->start_tool(&units, &tool, argv, on_started, &o, &call), 0);
        fake_systemd_run_until(&f, o.done);
        assert_int_equal(o.result, 1);
        assert_int_equal(o.process.pid, getpid());
        close_units(&f, systemd);
}

/* systemd is about to start a program again that died, and keeps the unit meanwhile. */
static void a_unit_that_is_there_is_taken_as_it_is(void **state) {
        Systemd *systemd;
        FakeSystemd f;
        Units units;
        Outcome o;

        open_units(&f, &systemd, &units);
        f.exists = true;
        f.main_pid = (uint32_t) getpid();
        start(&f, &units, &o);
        assert_int_equal(o.result, 0);
        assert_int_equal(o.process.pid, getpid());
        assert_int_equal(f.n_starts, 1);
        close_units(&f, systemd);
}

static void a_program_that_is_gone_already_is_a_dead_process(void **state) {
        Systemd *systemd;
        FakeSystemd f;
        Units units;
        Outcome o;

        open_units(&f, &systemd, &units);
        start(&f, &units, &o);
        assert_int_equal(o.result, 0);
        assert_int_equal(process_open(&o.process), -ESRCH);
        close_units(&f, systemd);
}

static void on_stopped(void *userdata) {
        bool *stopped = userdata;

        assert_false(*stopped);
        *stopped = true;
}

/* A stop is over when its job is, not when systemd has taken note of it. */
static void a_stop_is_told_when_it_is_over(void **state) {
        UnitCall *call;
        bool stopped = false;
        Systemd *systemd;
        FakeSystemd f;
        Units units;

        open_units(&f, &systemd, &units);
        f.active = true;
        f.dies_after = 200000;
        assert_int_equal(units.ops->stop(&units, VM, on_stopped, &stopped, &call), 0);
        fake_systemd_run_until(&f, f.n_stops == 1);
        assert_true(f.active && !stopped);
        fake_systemd_run_until(&f, stopped);
        assert_false(f.active);

        /* Refused is an end too: nobody waits for ever. */
        stopped = false;
        f.stop_fails = true;
        assert_int_equal(units.ops->stop(&units, VM, on_stopped, &stopped, &call), 0);
        fake_systemd_run_until(&f, stopped);
        close_units(&f, systemd);
}

static void a_forgotten_start_calls_nobody(void **state) {
        UnitCall *unit_start;
        Outcome o = {};
        Systemd *systemd;
        FakeSystemd f;
        Units units;

        open_units(&f, &systemd, &units);
        assert_int_equal(units_systemd.start(&units, VM, "web", argv, on_started, &o, &unit_start), 0);
        assert_null(units_systemd.forget(unit_start));
        fake_systemd_run_until(&f, f.n_jobs == 1);
        assert_false(o.done);
        close_units(&f, systemd);
}

static void a_bus_that_goes_away_is_an_answer(void **state) {
        UnitCall *unit_start;
        Outcome o = {};
        Systemd *systemd;
        FakeSystemd f;
        Units units;

        open_units(&f, &systemd, &units);
        assert_int_equal(units_systemd.start(&units, VM, "web", argv, on_started, &o, &unit_start), 0);
        sd_bus_detach_event(f.connection);
        private_bus_stop(&f.bus);
        fake_systemd_run_until(&f, o.done);
        assert_true(o.result < 0);
        f.job_before_subscription = false;
        close_units(&f, systemd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_unit_outlives_who_started_it),
                cmocka_unit_test(a_tool_is_no_vm),
                cmocka_unit_test(a_unit_that_is_there_is_taken_as_it_is),
                cmocka_unit_test(a_program_that_is_gone_already_is_a_dead_process),
                cmocka_unit_test(a_stop_is_told_when_it_is_over),
                cmocka_unit_test(a_forgotten_start_calls_nobody),
                cmocka_unit_test(a_bus_that_goes_away_is_an_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
