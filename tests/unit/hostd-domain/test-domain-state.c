/*
 * The machine of a domain's life: what happens to it, and where it ends
 *
 * Each story is a list of inputs with the stage that each leads to; beyond the stories, every stage is fed
 * every input.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostd/domain/domain-state.h"

typedef struct Step {
        DomainInput input;
        DomainStage stage;
        DomainAction action;
} Step;

static const DomainRules plain = { .on_reboot = AFTER_DEATH_RESTART };
static const DomainRules preserving = { .on_reboot = AFTER_DEATH_DESTROY, .on_crash = AFTER_DEATH_PRESERVE };

static const Step start[] = {
        { DOMAIN_INPUT_PREPARED, DOMAIN_CREATE, DOMAIN_ACTION_CREATE },
        { DOMAIN_INPUT_DM_EMULATOR, DOMAIN_EMULATOR, DOMAIN_ACTION_NONE },
        { DOMAIN_INPUT_DM_READY, DOMAIN_QEMU, DOMAIN_ACTION_NONE },
        { DOMAIN_INPUT_CREATED, DOMAIN_UNPAUSE, DOMAIN_ACTION_AWAIT_EMULATOR },
        { DOMAIN_INPUT_EMULATOR_RUNNING, DOMAIN_UNPAUSE, DOMAIN_ACTION_UNPAUSE },
        { DOMAIN_INPUT_UNPAUSED, DOMAIN_RUNNING, DOMAIN_ACTION_NONE },
};

static void play(const DomainRules *rules, DomainMachine *m, const Step *steps, size_t n) {
        for (size_t i = 0; i < n; i++) {
                DomainAction action;

                domain_machine_step(rules, m, steps[i].input, &action);
                assert_int_equal(m->stage, steps[i].stage);
                assert_int_equal(action, steps[i].action);
        }
}

#define PLAY(rules, m, ...)                                                                                  \
        do {                                                                                                 \
                const Step _steps_[] = { __VA_ARGS__ };                                                      \
                play(rules, m, _steps_, ARRAY_SIZE(_steps_));                                                \
        } while (0)

#define CLEANED                                                                                              \
        { DOMAIN_INPUT_CLEANED, DOMAIN_HALTED, DOMAIN_ACTION_HALT }

static DomainMachine running(const DomainRules *rules) {
        DomainMachine m = {};

        play(rules, &m, start, ARRAY_SIZE(start));
        assert_true(m.was_running);
        return m;
}

static void guests_end_as_their_config_says(void **state) {
        DomainMachine m = running(&plain);

        PLAY(&plain, &m, { DOMAIN_INPUT_POWEROFF, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_POWEROFF);

        m = running(&plain);
        PLAY(&plain, &m, { DOMAIN_INPUT_CRASH, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_CRASH);

        m = running(&plain);
        PLAY(&plain, &m, { DOMAIN_INPUT_SUSPEND, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_SUSPEND);

        m = running(&preserving);
        PLAY(&preserving, &m, { DOMAIN_INPUT_REBOOT, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_REBOOT);
}

static void a_reboot_builds_the_domain_again(void **state) {
        DomainMachine m = running(&plain);

        PLAY(&plain, &m, { DOMAIN_INPUT_REBOOT, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP },
                { DOMAIN_INPUT_CLEANED, DOMAIN_CREATE, DOMAIN_ACTION_CREATE });
        assert_int_equal(m.end, DOMAIN_END_NONE);
        play(&plain, &m, start + 1, ARRAY_SIZE(start) - 1);
}

/* A life of the machine that is at create, until it is at cleanup or what follows it. */
static void live(DomainMachine *m, bool brief) {
        DomainAction action;

        play(&plain, m, start + 1, ARRAY_SIZE(start) - 1);
        m->brief = brief;
        PLAY(&plain, m, { DOMAIN_INPUT_REBOOT, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP });
        domain_machine_step(&plain, m, DOMAIN_INPUT_CLEANED, &action);
        assert_int_equal(action, m->stage == DOMAIN_WAIT ? DOMAIN_ACTION_WAIT : DOMAIN_ACTION_CREATE);
}

static void a_guest_that_reboots_in_a_loop_waits_ever_longer(void **state) {
        static const unsigned seconds[] = { 1, 2, 4, 8, 10, 10, 10 };
        DomainMachine m = { .stage = DOMAIN_CREATE };

        live(&m, /* brief= */ true);
        assert_int_equal(m.stage, DOMAIN_CREATE);
        for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
                live(&m, /* brief= */ true);
                assert_int_equal(m.stage, DOMAIN_WAIT);
                assert_int_equal(domain_machine_wait(&m), seconds[i] * UINT64_C(1000000));
                PLAY(&plain, &m, { DOMAIN_INPUT_WAITED, DOMAIN_CREATE, DOMAIN_ACTION_CREATE });
        }
        /* One that stayed pays for all. */
        live(&m, /* brief= */ false);
        assert_int_equal(m.stage, DOMAIN_CREATE);
        live(&m, /* brief= */ true);
        assert_int_equal(m.stage, DOMAIN_CREATE);

        m.n_brief = UINT32_MAX;
        assert_int_equal(domain_machine_wait(&m), DOMAIN_WAIT_MAX);
}

static void a_stop_is_heard_during_the_wait(void **state) {
        for (int force = 0; force < 2; force++) {
                DomainMachine m = { .stage = DOMAIN_WAIT, .was_running = true, .n_brief = 3 };

                PLAY(&plain, &m,
                        { force ? DOMAIN_INPUT_STOP_FORCE : DOMAIN_INPUT_STOP, DOMAIN_CLEANUP,
                                DOMAIN_ACTION_CLEANUP },
                        { DOMAIN_INPUT_WAITED, DOMAIN_CLEANUP, DOMAIN_ACTION_NONE }, CLEANED);
                assert_int_equal(m.end, DOMAIN_END_STOPPED);
        }
}

static void a_stop_during_a_reboot_ends_it(void **state) {
        DomainMachine m = running(&plain);

        PLAY(&plain, &m, { DOMAIN_INPUT_REBOOT, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP },
                { DOMAIN_INPUT_STOP, DOMAIN_CLEANUP, DOMAIN_ACTION_NONE }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_STOPPED);
}

static void a_kept_crash_waits_for_the_stop(void **state) {
        DomainMachine m = running(&preserving);

        PLAY(&preserving, &m, { DOMAIN_INPUT_CRASH, DOMAIN_CRASHED, DOMAIN_ACTION_NONE },
                { DOMAIN_INPUT_CRASH, DOMAIN_CRASHED, DOMAIN_ACTION_NONE },
                { DOMAIN_INPUT_EMULATOR_DIED, DOMAIN_CRASHED, DOMAIN_ACTION_NOTE_EMULATOR },
                { DOMAIN_INPUT_STOP, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_STOPPED);
}

static const DomainRules dumping = { .on_crash = AFTER_DEATH_DUMP_DESTROY, .on_watchdog = AFTER_DEATH_DUMP_RESTART };

static void a_core_is_written_before_the_domain_goes(void **state) {
        DomainMachine m = running(&dumping);

        PLAY(&dumping, &m, { DOMAIN_INPUT_CRASH, DOMAIN_DUMP, DOMAIN_ACTION_DUMP },
                { DOMAIN_INPUT_EMULATOR_DIED, DOMAIN_DUMP, DOMAIN_ACTION_NONE },
                { DOMAIN_INPUT_DM_DIED, DOMAIN_DUMP, DOMAIN_ACTION_NONE },
                { DOMAIN_INPUT_DUMPED, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_CRASH);

        m = running(&dumping);
        PLAY(&dumping, &m, { DOMAIN_INPUT_WATCHDOG, DOMAIN_DUMP, DOMAIN_ACTION_DUMP },
                { DOMAIN_INPUT_DUMPED, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP },
                { DOMAIN_INPUT_CLEANED, DOMAIN_CREATE, DOMAIN_ACTION_CREATE });
}

/* Asking waits for the core, force does not; either way no next domain is made. */
static void a_stop_is_heard_while_a_core_is_written(void **state) {
        DomainMachine m = running(&dumping);

        PLAY(&dumping, &m, { DOMAIN_INPUT_WATCHDOG, DOMAIN_DUMP, DOMAIN_ACTION_DUMP },
                { DOMAIN_INPUT_STOP, DOMAIN_DUMP, DOMAIN_ACTION_NONE },
                { DOMAIN_INPUT_DUMPED, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_STOPPED);

        m = running(&dumping);
        PLAY(&dumping, &m, { DOMAIN_INPUT_CRASH, DOMAIN_DUMP, DOMAIN_ACTION_DUMP },
                { DOMAIN_INPUT_STOP_FORCE, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP },
                { DOMAIN_INPUT_DUMPED, DOMAIN_CLEANUP, DOMAIN_ACTION_NONE }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_CRASH);
}

static void a_running_guest_is_asked_and_never_forced_by_time(void **state) {
        DomainMachine m = running(&plain);

        PLAY(&plain, &m, { DOMAIN_INPUT_STOP, DOMAIN_STOP, DOMAIN_ACTION_ASK_GUEST },
                { DOMAIN_INPUT_STOP, DOMAIN_STOP, DOMAIN_ACTION_ASK_GUEST },
                { DOMAIN_INPUT_STOP_FORCE, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_STOPPED);

        /* However it leaves, it was stopped: a reboot is no way out. */
        m = running(&plain);
        PLAY(&plain, &m, { DOMAIN_INPUT_STOP, DOMAIN_STOP, DOMAIN_ACTION_ASK_GUEST },
                { DOMAIN_INPUT_REBOOT, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
        assert_int_equal(m.end, DOMAIN_END_STOPPED);
}

static void a_stop_before_running_cancels(void **state) {
        for (size_t n = 0; n < ARRAY_SIZE(start); n++) {
                DomainMachine m = {};

                play(&plain, &m, start, n);
                PLAY(&plain, &m, { DOMAIN_INPUT_STOP, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP }, CLEANED);
                assert_int_equal(m.end, DOMAIN_END_STOPPED);
                assert_false(m.was_running);
        }
}

static void a_failure_before_running_fails_the_start(void **state) {
        for (size_t n = 0; n < ARRAY_SIZE(start); n++) {
                DomainMachine m = {};

                play(&plain, &m, start, n);
                PLAY(&plain, &m, { DOMAIN_INPUT_FAILED, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP },
                        { DOMAIN_INPUT_FAILED, DOMAIN_CLEANUP, DOMAIN_ACTION_NONE }, CLEANED);
                assert_int_equal(m.end, DOMAIN_END_FAILED);
        }
}

static void an_emulators_death_depends_on_when(void **state) {
        const DomainRules crashing = { .crash_on_emulator_death = true };
        DomainMachine m = {};

        /* While the device model waits for it, that tells. */
        play(&plain, &m, start, 2);
        PLAY(&plain, &m, { DOMAIN_INPUT_EMULATOR_DIED, DOMAIN_EMULATOR, DOMAIN_ACTION_NONE });
        m = (DomainMachine){};
        play(&plain, &m, start, 3);
        PLAY(&plain, &m, { DOMAIN_INPUT_EMULATOR_DIED, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP });
        assert_int_equal(m.end, DOMAIN_END_FAILED);

        m = running(&plain);
        PLAY(&plain, &m, { DOMAIN_INPUT_EMULATOR_DIED, DOMAIN_RUNNING, DOMAIN_ACTION_NOTE_EMULATOR });
        m = running(&crashing);
        PLAY(&crashing, &m, { DOMAIN_INPUT_EMULATOR_DIED, DOMAIN_RUNNING, DOMAIN_ACTION_CRASH_GUEST });
}

static void what_carries_the_guest_may_go(void **state) {
        DomainMachine m = running(&plain);

        PLAY(&plain, &m, { DOMAIN_INPUT_DM_DIED, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP });
        assert_int_equal(m.end, DOMAIN_END_DEVICE_MODEL_DIED);

        m = running(&plain);
        PLAY(&plain, &m, { DOMAIN_INPUT_GONE, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP });
        assert_int_equal(m.end, DOMAIN_END_DESTROYED);

        m = running(&plain);
        PLAY(&plain, &m, { DOMAIN_INPUT_STOP, DOMAIN_STOP, DOMAIN_ACTION_ASK_GUEST },
                { DOMAIN_INPUT_GONE, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP });
        assert_int_equal(m.end, DOMAIN_END_STOPPED);
}

/* From every stage, by every input: the stage stays a stage, only cleanup leads to halted, and nothing leads
 * back from there. */
static void no_input_breaks_the_machine(void **state) {
        for (int stage = 0; stage < _DOMAIN_STAGE_MAX; stage++)
                for (int input = 0; input < _DOMAIN_INPUT_MAX; input++)
                        for (int flags = 0; flags < 4; flags++) {
                                DomainMachine m = { .stage = (DomainStage) stage,
                                        .again = flags & 1,
                                        .stop_wanted = flags & 2 };
                                DomainAction action;

                                domain_machine_step(
                                        flags & 1 ? &plain : &preserving, &m, (DomainInput) input, &action);
                                assert_in_range(m.stage, 0, _DOMAIN_STAGE_MAX - 1);
                                if (m.stage == DOMAIN_HALTED)
                                        assert_true(
                                                stage == DOMAIN_HALTED ||
                                                (stage == DOMAIN_CLEANUP && input == DOMAIN_INPUT_CLEANED));
                                if (stage == DOMAIN_HALTED) {
                                        assert_int_equal(m.stage, DOMAIN_HALTED);
                                        assert_int_equal(action, DOMAIN_ACTION_NONE);
                                }
                                if (m.stage == DOMAIN_CLEANUP && stage != DOMAIN_CLEANUP)
                                        assert_int_equal(action, DOMAIN_ACTION_CLEANUP);
                        }
}

static void names_go_both_ways(void **state) {
        for (int i = 0; i < _DOMAIN_STAGE_MAX; i++) {
                assert_int_equal(domain_stage_from_string(domain_stage_to_string((DomainStage) i)), i);
                assert_true(domain_stage_progress((DomainStage) i) > 0);
        }
        assert_int_equal(domain_stage_from_string("nonsense"), _DOMAIN_STAGE_INVALID);
        assert_null(domain_stage_to_string(_DOMAIN_STAGE_MAX));
        assert_true(domain_stage_progress(_DOMAIN_STAGE_MAX) <= 0);
        for (int i = 0; i < _DOMAIN_END_MAX; i++)
                assert_int_equal(domain_end_from_string(domain_end_to_string((DomainEnd) i)), i);
        assert_int_equal(domain_end_from_string("nonsense"), DOMAIN_END_NONE);
        assert_null(domain_end_to_string(_DOMAIN_END_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(guests_end_as_their_config_says),
                cmocka_unit_test(a_reboot_builds_the_domain_again),
                cmocka_unit_test(a_stop_during_a_reboot_ends_it),
                cmocka_unit_test(a_guest_that_reboots_in_a_loop_waits_ever_longer),
                cmocka_unit_test(a_stop_is_heard_during_the_wait),
                cmocka_unit_test(a_kept_crash_waits_for_the_stop),
                cmocka_unit_test(a_core_is_written_before_the_domain_goes),
                cmocka_unit_test(a_stop_is_heard_while_a_core_is_written),
                cmocka_unit_test(a_running_guest_is_asked_and_never_forced_by_time),
                cmocka_unit_test(a_stop_before_running_cancels),
                cmocka_unit_test(a_failure_before_running_fails_the_start),
                cmocka_unit_test(an_emulators_death_depends_on_when),
                cmocka_unit_test(what_carries_the_guest_may_go),
                cmocka_unit_test(no_input_breaks_the_machine),
                cmocka_unit_test(names_go_both_ways),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
