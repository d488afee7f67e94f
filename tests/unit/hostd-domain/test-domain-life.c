/*
 * A domain's whole life, from its order to its end, on a stage
 */

#include <stdio.h>

#include "tests/unit/hostd-domain/stage.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, stage_set_up, stage_tear_down)

static void run_to_running(Stage *s) {
        stage_begin(s);
        stage_assert_at(s, "running");
}

/* With a VGPU, as far as its device model and emulator bring it. */
static void bring_up(Stage *s, const char *stage) {
        s->slow_create = true;
        stage_order(s, /* n_vgpus= */ 1, "");
        stage_begin(s);
        stage_assert_at(s, "create");
        if (streq(stage, "create"))
                return;
        stage_dm(s, "emulator");
        stage_assert_at(s, "emulator");
        if (streq(stage, "emulator"))
                return;
        stage_dm(s, "ready");
        stage_assert_at(s, "qemu");
        if (streq(stage, "qemu"))
                return;
        stage_finish_create(s, 0, "");
        stage_assert_at(s, "unpause");
        if (streq(stage, "unpause"))
                return;
        stage_emulator(s, "initialising");
        stage_emulator(s, "running");
        stage_assert_at(s, "running");
}

static void a_vm_with_a_vgpu_lives_from_its_order_to_its_end(void **state) {
        Stage *s = *state;

        bring_up(s, "running");
        assert_int_equal(s->n_unpauses, 1);
        {
                _cleanup_(run_record_done) RunRecord record = stage_record(s);

                assert_int_equal(record.state, VM_STATE_RUNNING);
                assert_int_equal(record.domid, 1);
                assert_true(record.let_go && record.vgpus_active && record.vgpus_plugged);
                assert_int_equal(record.emulator.pid, s->dm.emulator.pid);
                assert_int_equal(record.qemu.pid, s->qemu.pid);
        }
        stage_run(s, 30 * 86400);
        stage_stop(s, /* force= */ false);
        stage_assert_at(s, "stop");
        assert_int_equal(s->n_asks, 1);
        stage_run(s, 30 * 86400); /* a guest may take its time */
        stage_assert_at(s, "stop");
        stage_guest(s, GUEST_POWEROFF);
        assert_int_equal(s->n_destroys, 1);
        assert_int_equal(s->n_give_backs, 1);
        stage_assert_end(s, "stopped", "");
}

static void each_stage_of_a_start_is_timed(void **state) {
        Stage *s = *state;

        s->slow_create = true;
        stage_order(s, /* n_vgpus= */ 1, "");
        stage_begin(s);
        stage_run(s, 1);
        stage_dm(s, "emulator");
        stage_run(s, 2);
        stage_dm(s, "ready");
        stage_run(s, 3);
        stage_finish_create(s, 0, "");
        stage_run(s, 4);
        stage_emulator(s, "running");
        stage_run(s, 100);
        {
                _cleanup_(run_record_done) RunRecord record = stage_record(s);
                _cleanup_free_ char *text = NULL;

                assert_int_equal(start_times_to_text(&record.start_times, &text), 0);
                assert_string_equal(text, "create 1.00, emulator 2.00, qemu 3.00, unpause 4.00");
        }
        stage_stop(s, /* force= */ true);
        stage_assert_end(s, "stopped", "");
}

static void assert_says(const Stage *s, const char *words) {
        _cleanup_(run_record_done) RunRecord record = stage_record(s);

        if (!strstr(strempty(record.error_message), words))
                fail_msg("'%s' does not say '%s'", strempty(record.error_message), words);
}

static void an_emulator_that_never_runs_is_given_up(void **state) {
        Stage *s = *state;

        bring_up(s, "unpause");
        stage_run(s, 3599);
        stage_assert_at(s, "unpause");
        stage_run(s, 1 + 60); /* what may be late is a 64th of it */
        stage_assert_end(s, "failed", STAGE_ERROR("FailedToStartEmulator"));
        assert_says(s, "did not say \"running\" within 3600.0 seconds");
        assert_int_equal(s->n_unpauses, 0);
}

static void an_emulator_that_reports_an_error_ends_the_start(void **state) {
        Stage *s = *state;

        bring_up(s, "unpause");
        stage_emulator(s, "error");
        stage_assert_end(s, "failed", STAGE_ERROR("FailedToStartEmulator"));
        assert_says(s, "reported an error");
}

/* Before qemu the device model waits for it too, and says what it saw. */
static void an_emulator_that_dies_is_told_by_who_waits_for_it(void **state) {
        Stage *s = *state;

        bring_up(s, "emulator");
        stage_kill(s, &s->dm.emulator);
        stage_assert_at(s, "emulator");
        s->dm.error = (char *) "The vgpu emulator exited unexpectedly with status 3.";
        s->dm.emulator = (ProcessId){};
        stage_dm(s, "failed");
        stage_finish_create(s, -ECHILD, "The device model exited.");
        stage_assert_end(s, "failed", STAGE_ERROR("FailedToStartEmulator"));
        assert_says(s, "status 3");
}

static void an_emulator_that_dies_after_qemu_cancels_the_create(void **state) {
        Stage *s = *state;

        bring_up(s, "qemu");
        stage_kill(s, &s->dm.emulator);
        assert_int_equal(s->n_cancels, 1);
        stage_assert_end(s, "failed", STAGE_ERROR("FailedToStartEmulator"));
        assert_says(s, "was killed by signal 9 (Killed) while the VM was starting");
}

static void a_stop_cancels_a_create(void **state) {
        static const char *const stages[] = { "create", "emulator", "qemu" };

        for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
                Stage *s;

                assert_int_equal(stage_set_up((void **) &s), 0);
                bring_up(s, stages[i]);
                stage_stop(s, /* force= */ false);
                assert_int_equal(s->n_cancels, 1);
                stage_assert_end(s, "stopped", "");
                assert_int_equal(stage_tear_down((void **) &s), 0);
        }
}

static void failures_of_a_create_are_told_apart(void **state) {
        static const struct {
                int result;
                const char *error;
        } cases[] = {
                { -EIO, STAGE_ERROR("DomainFailed") },
                { -ENOSPC, STAGE_ERROR("HostNotEnoughFreeMemory") },
                { -ECHILD, STAGE_ERROR("FailedToStartEmulator") },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Stage *s;

                assert_int_equal(stage_set_up((void **) &s), 0);
                s->created = cases[i].result;
                stage_begin(s);
                stage_assert_end(s, "failed", cases[i].error);
                assert_says(s, "It failed.");
                assert_int_equal(stage_tear_down((void **) &s), 0);
        }
}

static void a_start_without_memory_makes_nothing(void **state) {
        Stage *s = *state;

        s->memory = -ENOSPC;
        stage_begin(s);
        stage_assert_end(s, "failed", STAGE_ERROR("HostNotEnoughFreeMemory"));
        assert_int_equal(s->n_creates, 0);
        assert_int_equal(s->n_destroys, 0);
}

/* What was never let go may be started elsewhere: so it is on disk before it is done. */
static void a_record_that_cannot_be_written_lets_no_guest_go(void **state) {
        Stage *s = *state;

        bring_up(s, "unpause");
        s->write_error = -ENOSPC;
        stage_emulator(s, "running");
        assert_int_equal(s->n_unpauses, 0);
        assert_int_equal(s->n_destroys, 1);
        {
                int status = 0;

                /* Nor is there an end that is not on disk. */
                assert_true(sim_loop_has_exited(s->loop, &status));
                assert_int_equal(status, -ENOSPC);
        }
}

/* Its record would say that no domain was made yet, and the domain would stay. */
static void a_record_that_cannot_be_written_makes_no_domain(void **state) {
        Stage *s = *state;
        int status = 0;

        s->write_error = -ENOSPC;
        stage_begin(s);
        assert_int_equal(s->n_creates, 0);
        assert_true(sim_loop_has_exited(s->loop, &status));
        assert_int_equal(status, -ENOSPC);
}

static void an_emulator_that_dies_is_reported(void **state) {
        Stage *s = *state;

        bring_up(s, "running");
        stage_kill(s, &s->dm.emulator);
        {
                _cleanup_(run_record_done) RunRecord record = stage_record(s);

                assert_string_equal(record.stage, "running");
                assert_true(record.vgpus_active && !record.vgpus_plugged);
                assert_int_equal(record.emulator.pid, 0);
        }
        assert_int_equal(s->n_crashes, 0);
        stage_stop(s, /* force= */ true);
        stage_assert_end(s, "stopped", "");
}

static void an_emulator_that_dies_may_crash_the_guest(void **state) {
        Stage *s = *state;

        s->program.crash_on_emulator_death = true;
        bring_up(s, "running");
        stage_kill(s, &s->dm.emulator);
        assert_int_equal(s->n_crashes, 1);
        stage_guest(s, GUEST_CRASH);
        stage_assert_end(s, "crash", "");
}

/* SIGTERM, and what does not hear it gets SIGKILL after five seconds; the domain stands until then. */
static void an_emulator_that_is_deaf_is_killed(void **state) {
        Stage *s = *state;

        bring_up(s, "running");
        s->all[s->dm.emulator.pid - 1000].deaf = true;
        stage_stop(s, /* force= */ true);
        stage_run(s, 4);
        stage_assert_at(s, "cleanup");
        assert_int_equal(s->n_destroys, 0);
        stage_run(s, 2);
        stage_assert_end(s, "stopped", "");
}

static void a_destroy_that_fails_is_tried_again(void **state) {
        Stage *s = *state;

        run_to_running(s);
        s->destroyed = -EIO;
        stage_stop(s, /* force= */ true);
        stage_assert_at(s, "cleanup");
        assert_int_equal(s->n_destroys, 1);
        stage_run(s, 2);
        assert_int_equal(s->n_destroys, 2);
        stage_assert_end(s, "stopped", "");
}

static void a_host_that_goes_down_waits_a_minute_for_the_guest(void **state) {
        Stage *s = *state;

        run_to_running(s);
        stage_wind_up(s);
        stage_assert_at(s, "stop");
        stage_run(s, 59);
        stage_assert_at(s, "stop");
        stage_run(s, 3);
        stage_assert_end(s, "stopped", "");
}

static void crash_with_core(Stage *s, const char *action) {
        char more[64];

        (void) snprintf(more, sizeof(more), "\"on_crash\":\"%s\"", action);
        s->program.core_dump_folder = "/nowhere";
        s->program.core_dumps = 1;
        stage_order(s, /* n_vgpus= */ 0, more);
        run_to_running(s);
        stage_guest(s, GUEST_CRASH);
        stage_assert_at(s, "dump");
        assert_string_equal(s->helper_verb, "--dump-core");
        assert_int_equal(s->n_destroys, 0);
}

static void a_crashed_guest_stands_until_its_core_is_written(void **state) {
        Stage *s = *state;

        crash_with_core(s, "coredump_restart");
        stage_helper(s, 0, "/nowhere/x.core");
        stage_assert_at(s, "running");
        assert_int_equal(s->n_creates, 2);
        stage_stop(s, /* force= */ true);
        stage_assert_end(s, "stopped", "");
}

static void a_core_that_fails_changes_nothing_else(void **state) {
        Stage *s = *state;

        crash_with_core(s, "coredump_destroy");
        stage_stop(s, /* force= */ false); /* a polite one waits */
        stage_assert_at(s, "dump");
        stage_helper(s, -EIO, "There is no room.");
        stage_assert_end(s, "crash", "");
}

static void a_core_is_given_up_for_a_forced_stop(void **state) {
        Stage *s = *state;

        crash_with_core(s, "coredump_destroy");
        stage_stop(s, /* force= */ true);
        assert_int_equal(s->n_helpers_ended, 1);
        stage_assert_end(s, "crash", "");
}

static void a_guest_that_reboots_keeps_what_was_taken_for_it(void **state) {
        Stage *s = *state;

        run_to_running(s);
        stage_guest(s, GUEST_REBOOT);
        stage_assert_at(s, "running");
        assert_int_equal(s->n_creates, 2);
        assert_int_equal(s->n_destroys, 1);
        assert_int_equal(s->n_give_backs, 0);

        stage_guest(s, GUEST_POWEROFF);
        assert_int_equal(s->n_destroys, 2);
        assert_int_equal(s->n_give_backs, 1);
        stage_assert_end(s, "poweroff", "");
}

static void a_stop_while_the_guest_reboots_gives_it_back(void **state) {
        Stage *s = *state;

        run_to_running(s);
        s->destroyed = -EIO; /* so that it takes a second */
        stage_guest(s, GUEST_REBOOT);
        stage_wind_up(s);
        stage_run(s, 2);
        assert_int_equal(s->n_creates, 1);
        assert_int_equal(s->n_give_backs, 1);
        stage_assert_end(s, "stopped", "");
}

static void a_guest_that_reboots_in_a_loop_is_held_up(void **state) {
        static const unsigned seconds[] = { 0, 1, 2, 4, 8, 10, 10 };
        Stage *s = *state;

        run_to_running(s);
        for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
                stage_guest(s, GUEST_REBOOT);
                if (seconds[i] > 0) {
                        _cleanup_(run_record_done) RunRecord record = stage_record(s);

                        assert_string_equal(record.stage, "wait");
                        assert_int_equal(record.state, VM_STATE_RUNNING);
                        assert_int_equal(record.domid, 0);
                        assert_int_equal(record.brief_lives, i + 1);
                        stage_run(s, seconds[i] - 1);
                        stage_assert_at(s, "wait");
                        stage_run(s, 1);
                }
                stage_assert_at(s, "running");
                assert_int_equal(s->n_creates, i + 2);
        }
        /* One that stayed pays for all. */
        stage_run(s, 60);
        stage_guest(s, GUEST_REBOOT);
        stage_assert_at(s, "running");
        stage_stop(s, /* force= */ true);
        stage_assert_end(s, "stopped", "");
}

static void a_stop_is_heard_during_the_wait(void **state) {
        Stage *s = *state;

        run_to_running(s);
        stage_guest(s, GUEST_REBOOT);
        stage_guest(s, GUEST_REBOOT);
        stage_assert_at(s, "wait");
        stage_wind_up(s);
        assert_int_equal(s->n_creates, 2);
        assert_int_equal(s->n_give_backs, 1);
        stage_assert_end(s, "stopped", "");
}

/* Killed while it waits, it waits again. */
static void a_wait_survives_its_program(void **state) {
        Stage *s = *state;

        stage_left(s, "wait", "\"brief_lives\":2");
        stage_begin(s);
        assert_int_equal(s->n_creates, 0);
        stage_run(s, 1);
        stage_assert_at(s, "running");
        assert_int_equal(s->n_creates, 1);
        assert_int_equal(s->n_destroys, 0);
}

static void a_guest_that_its_watchdog_ends_follows_its_own_rule(void **state) {
        Stage *s = *state;

        stage_order(s, /* n_vgpus= */ 0, "\"on_crash\":\"restart\",\"on_watchdog\":\"preserve\"");
        run_to_running(s);
        stage_guest(s, GUEST_WATCHDOG);
        stage_assert_at(s, "crashed");
        stage_wind_up(s);
        stage_assert_end(s, "stopped", "");
}

/* Cut off before it had made anything: the domain that is there is not its own. */
static void a_cut_off_before_the_create_leaves_others_domains_alone(void **state) {
        Stage *s = *state;

        stage_left(s, "prepare", "");
        s->found = 0;
        stage_begin(s);
        assert_int_equal(s->n_creates, 0);
        assert_int_equal(s->n_destroys, 0);
        stage_assert_end(s, "failed", STAGE_ERROR("VMBadPowerState"));
}

static void a_cut_off_before_the_create_is_prepared_anew(void **state) {
        Stage *s = *state;

        stage_left(s, "prepare", "");
        run_to_running(s);
        assert_int_equal(s->n_creates, 1);
        assert_int_equal(s->n_destroys, 0);
}

static void a_create_that_is_cut_off_is_begun_again_three_times(void **state) {
        Stage *s = *state;

        bring_up(s, "qemu");
        for (unsigned i = 1; i <= 3; i++) {
                stage_die(s);
                stage_begin(s);
                assert_int_equal(s->n_destroys, i);
                assert_int_equal(s->n_creates, i + 1);
                stage_assert_at(s, "create");
        }
        stage_die(s);
        stage_begin(s);
        stage_assert_end(s, "failed", STAGE_ERROR("DomainFailed"));
        assert_says(s, "died 4 times");
}

/* At any stage the next instance goes on, and the VM comes to the end that was asked for. */
static void a_program_that_is_killed_is_followed_by_another(void **state) {
        Stage *s = *state;

        bring_up(s, "unpause");
        stage_die(s);
        stage_begin(s);
        stage_assert_at(s, "unpause");
        stage_emulator(s, "running");
        stage_assert_at(s, "running");
        stage_die(s);
        stage_begin(s);
        stage_assert_at(s, "running");
        stage_stop(s, /* force= */ false);
        stage_die(s);
        stage_begin(s);
        stage_assert_at(s, "stop");
        assert_int_equal(s->n_asks, 2);
        stage_guest(s, GUEST_POWEROFF);
        assert_int_equal(s->n_creates, 1);
        assert_int_equal(s->n_unpauses, 1);
        stage_assert_end(s, "stopped", "");
}

static void an_end_meanwhile_is_found(void **state) {
        Stage *s = *state;

        bring_up(s, "running");
        stage_die(s);
        s->found = -ENOENT;
        stage_begin(s);
        stage_run(s, 1);
        stage_assert_end(s, "destroyed", "");
}

static void a_cleanup_that_is_cut_off_is_done_again(void **state) {
        Stage *s = *state;

        bring_up(s, "running");
        s->all[s->dm.emulator.pid - 1000].deaf = true;
        stage_stop(s, /* force= */ true);
        stage_assert_at(s, "cleanup");
        stage_die(s);
        stage_begin(s);
        stage_run(s, 6);
        stage_assert_end(s, "stopped", "");
}

static void a_hypervisor_that_does_not_answer_has_not_lost_the_domain(void **state) {
        Stage *s = *state;

        bring_up(s, "running");
        stage_die(s);
        s->found = -EIO;
        {
                const DomainWorld world = {
                        .program = &s->program,
                        .loop = sim_loop_of(s->loop),
                        .hypervisor = &s->hypervisor,
                        .processes = &s->processes,
                        .folder = &s->folder,
                };

                assert_int_equal(domain_new(&world, &s->domain), 0);
                assert_int_equal(domain_begin(s->domain), -EIO);
        }
        stage_assert_at(s, "running");
        assert_int_equal(s->n_destroys, 0);
}

static void lose_qemu(Stage *s, int found, GuestState guest) {
        run_to_running(s);
        s->found = found;
        s->state = guest;
        stage_kill(s, &s->qemu);
}

static void a_qemu_that_dies_under_its_guest_is_an_error(void **state) {
        lose_qemu(*state, 0, GUEST_RUNNING);
        stage_assert_end(*state, "device-model-died", STAGE_ERROR("DomainFailed"));
}

static void a_qemu_that_leaves_after_its_domain_is_none(void **state) {
        lose_qemu(*state, -ENOENT, GUEST_RUNNING);
        stage_assert_end(*state, "destroyed", "");
}

static void a_qemu_that_leaves_after_its_guest_is_none(void **state) {
        lose_qemu(*state, 0, GUEST_POWEROFF);
        stage_assert_end(*state, "poweroff", "");
}

/* As xl destroy goes about it: paused, its qemu ended, and then destroyed. */
static void a_destruction_that_began_is_awaited(void **state) {
        Stage *s = *state;

        lose_qemu(s, 0, GUEST_PAUSED);
        stage_run(s, 4);
        stage_assert_at(s, "running");
        stage_guest(s, GUEST_GONE);
        stage_assert_end(s, "destroyed", "");
}

static void a_paused_guest_whose_qemu_died_is_ended_in_the_end(void **state) {
        Stage *s = *state;

        lose_qemu(s, 0, GUEST_PAUSED);
        stage_run(s, 6);
        stage_assert_end(s, "device-model-died", STAGE_ERROR("DomainFailed"));
}

/* libxl gave a create up, and qemu did not hear it: it would go on writing to the VM's disks. */
static void a_device_model_that_is_left_is_ended(void **state) {
        Stage *s = *state;

        s->dm = (DmRecord){ .stage = (char *) "ready", .qemu = stage_process(s) };
        s->dm_known = true;
        stage_left(s, "cleanup", "\"stop_token\":\"22222222-2222-4222-8222-222222222222\"");
        stage_begin(s);
        assert_false(stage_is_alive(s, &s->dm.qemu));
        stage_assert_end(s, "stopped", "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_vm_with_a_vgpu_lives_from_its_order_to_its_end),
                TEST(each_stage_of_a_start_is_timed),
                TEST(an_emulator_that_never_runs_is_given_up),
                TEST(an_emulator_that_reports_an_error_ends_the_start),
                TEST(an_emulator_that_dies_is_told_by_who_waits_for_it),
                TEST(an_emulator_that_dies_after_qemu_cancels_the_create),
                cmocka_unit_test(a_stop_cancels_a_create),
                cmocka_unit_test(failures_of_a_create_are_told_apart),
                TEST(a_start_without_memory_makes_nothing),
                TEST(a_record_that_cannot_be_written_lets_no_guest_go),
                TEST(a_record_that_cannot_be_written_makes_no_domain),
                TEST(an_emulator_that_dies_is_reported),
                TEST(an_emulator_that_dies_may_crash_the_guest),
                TEST(an_emulator_that_is_deaf_is_killed),
                TEST(a_destroy_that_fails_is_tried_again),
                TEST(a_host_that_goes_down_waits_a_minute_for_the_guest),
                TEST(a_crashed_guest_stands_until_its_core_is_written),
                TEST(a_core_that_fails_changes_nothing_else),
                TEST(a_core_is_given_up_for_a_forced_stop),
                TEST(a_guest_that_reboots_keeps_what_was_taken_for_it),
                TEST(a_stop_while_the_guest_reboots_gives_it_back),
                TEST(a_guest_that_reboots_in_a_loop_is_held_up),
                TEST(a_stop_is_heard_during_the_wait),
                TEST(a_wait_survives_its_program),
                TEST(a_guest_that_its_watchdog_ends_follows_its_own_rule),
                TEST(a_cut_off_before_the_create_leaves_others_domains_alone),
                TEST(a_cut_off_before_the_create_is_prepared_anew),
                TEST(a_create_that_is_cut_off_is_begun_again_three_times),
                TEST(a_program_that_is_killed_is_followed_by_another),
                TEST(an_end_meanwhile_is_found),
                TEST(a_cleanup_that_is_cut_off_is_done_again),
                TEST(a_hypervisor_that_does_not_answer_has_not_lost_the_domain),
                TEST(a_qemu_that_dies_under_its_guest_is_an_error),
                TEST(a_qemu_that_leaves_after_its_domain_is_none),
                TEST(a_qemu_that_leaves_after_its_guest_is_none),
                TEST(a_destruction_that_began_is_awaited),
                TEST(a_paused_guest_whose_qemu_died_is_ended_in_the_end),
                TEST(a_device_model_that_is_left_is_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
