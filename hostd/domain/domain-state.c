/*
 * The life of one VM's domain, as a pure state machine
 */

#include "hostd/domain/domain-state.h"

static const char *const stage_names[_DOMAIN_STAGE_MAX] = {
        [DOMAIN_PREPARE] = "prepare",
        [DOMAIN_CREATE] = "create",
        [DOMAIN_EMULATOR] = "emulator",
        [DOMAIN_QEMU] = "qemu",
        [DOMAIN_UNPAUSE] = "unpause",
        [DOMAIN_RUNNING] = "running",
        [DOMAIN_CRASHED] = "crashed",
        [DOMAIN_STOP] = "stop",
        [DOMAIN_DUMP] = "dump",
        [DOMAIN_CLEANUP] = "cleanup",
        [DOMAIN_WAIT] = "wait",
        [DOMAIN_HALTED] = "halted",
};

static const double stage_progress[_DOMAIN_STAGE_MAX] = {
        [DOMAIN_PREPARE] = 0.05,
        [DOMAIN_CREATE] = 0.2,
        [DOMAIN_EMULATOR] = 0.4,
        [DOMAIN_QEMU] = 0.7,
        [DOMAIN_UNPAUSE] = 0.9,
        [DOMAIN_RUNNING] = 1.0,
        [DOMAIN_CRASHED] = 1.0,
        [DOMAIN_STOP] = 0.2,
        [DOMAIN_DUMP] = 0.4,
        [DOMAIN_CLEANUP] = 0.6,
        [DOMAIN_WAIT] = 0.1,
        [DOMAIN_HALTED] = 1.0,
};

static const char *const end_names[_DOMAIN_END_MAX] = {
        [DOMAIN_END_NONE] = "",
        [DOMAIN_END_POWEROFF] = "poweroff",
        [DOMAIN_END_REBOOT] = "reboot",
        [DOMAIN_END_CRASH] = "crash",
        [DOMAIN_END_SUSPEND] = "suspend",
        [DOMAIN_END_STOPPED] = "stopped",
        [DOMAIN_END_FAILED] = "failed",
        [DOMAIN_END_DEVICE_MODEL_DIED] = "device-model-died",
        [DOMAIN_END_DESTROYED] = "destroyed",
};

const char *domain_stage_to_string(DomainStage stage) {
        return stage >= 0 && stage < _DOMAIN_STAGE_MAX ? stage_names[stage] : NULL;
}

DomainStage domain_stage_from_string(const char *text) {
        for (int i = 0; i < _DOMAIN_STAGE_MAX; i++)
                if (streq_ptr(text, stage_names[i]))
                        return (DomainStage) i;
        return _DOMAIN_STAGE_INVALID;
}

double domain_stage_progress(DomainStage stage) {
        return stage >= 0 && stage < _DOMAIN_STAGE_MAX ? stage_progress[stage] : 0;
}

const char *domain_end_to_string(DomainEnd end) {
        return end >= 0 && end < _DOMAIN_END_MAX ? end_names[end] : NULL;
}

DomainEnd domain_end_from_string(const char *text) {
        for (int i = 0; i < _DOMAIN_END_MAX; i++)
                if (streq_ptr(text, end_names[i]))
                        return (DomainEnd) i;
        return DOMAIN_END_NONE;
}

/* The hypervisor's create is under way, or could be. */
static bool is_building(DomainStage stage) {
        return stage == DOMAIN_CREATE || stage == DOMAIN_EMULATOR || stage == DOMAIN_QEMU;
}

/* A guest exists, or existed until just now. */
static bool has_guest(DomainStage stage) {
        return stage == DOMAIN_UNPAUSE || stage == DOMAIN_RUNNING || stage == DOMAIN_CRASHED ||
               stage == DOMAIN_STOP;
}

static bool is_over(DomainStage stage) {
        return stage == DOMAIN_CLEANUP || stage == DOMAIN_HALTED;
}

static DomainAction go(DomainMachine *m, DomainStage stage, DomainAction action) {
        m->stage = stage;
        return action;
}

static DomainAction end(DomainMachine *m, DomainEnd why) {
        m->end = why;
        m->again = false;
        return go(m, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP);
}

/* The guest ended by itself, in a way for which the config says what comes next. */
static DomainAction guest_ended(DomainMachine *m, AfterDeath after, DomainEnd why) {
        if (!has_guest(m->stage) || m->stage == DOMAIN_CRASHED)
                return DOMAIN_ACTION_NONE;

        /* Whoever asked for the stop sees the end that was asked for, however the guest got there. */
        if (m->stop_wanted)
                return end(m, DOMAIN_END_STOPPED);

        if (after == AFTER_DEATH_PRESERVE)
                return go(m, DOMAIN_CRASHED, DOMAIN_ACTION_NONE);
        if (after_death_restarts(after)) {
                m->again = true;
                m->n_brief = m->brief ? m->n_brief + 1 : 0;
        } else
                m->end = why;
        if (after == AFTER_DEATH_DUMP_DESTROY || after == AFTER_DEATH_DUMP_RESTART)
                return go(m, DOMAIN_DUMP, DOMAIN_ACTION_DUMP);
        return go(m, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP);
}

/* An end that is under way keeps its reason; a restart becomes an end. */
static void stop_restart(DomainMachine *m) {
        if (!m->again)
                return;
        m->again = false;
        m->end = DOMAIN_END_STOPPED;
}

static DomainAction stop(DomainMachine *m, bool force) {
        m->stop_wanted = true;

        switch (m->stage) {
        case DOMAIN_HALTED:
                return DOMAIN_ACTION_NONE;
        case DOMAIN_CLEANUP:
                stop_restart(m);
                return DOMAIN_ACTION_NONE;
        case DOMAIN_DUMP:
                stop_restart(m);
                return force ? go(m, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP) : DOMAIN_ACTION_NONE;
        case DOMAIN_RUNNING:
        case DOMAIN_STOP:
                if (!force)
                        return go(m, DOMAIN_STOP, DOMAIN_ACTION_ASK_GUEST);
                return end(m, DOMAIN_END_STOPPED);
        case DOMAIN_PREPARE:
        case DOMAIN_CREATE:
        case DOMAIN_EMULATOR:
        case DOMAIN_QEMU:
        case DOMAIN_UNPAUSE:
        case DOMAIN_CRASHED:
        case DOMAIN_WAIT:
                /* No guest is there that could be asked. */
                return end(m, DOMAIN_END_STOPPED);
        case _DOMAIN_STAGE_MAX:
        case _DOMAIN_STAGE_INVALID:
                break;
        }
        return DOMAIN_ACTION_NONE;
}

static DomainAction emulator_died(const DomainRules *rules, DomainMachine *m) {
        switch (m->stage) {
        case DOMAIN_QEMU:
        case DOMAIN_UNPAUSE:
                return end(m, DOMAIN_END_FAILED);
        case DOMAIN_RUNNING:
        case DOMAIN_STOP:
                return rules->crash_on_emulator_death ? DOMAIN_ACTION_CRASH_GUEST
                                                      : DOMAIN_ACTION_NOTE_EMULATOR;
        case DOMAIN_CRASHED:
                return DOMAIN_ACTION_NOTE_EMULATOR;
        case DOMAIN_PREPARE:
        case DOMAIN_CREATE:
        case DOMAIN_EMULATOR:
                /* The device model waits for it too, and says why in dm.json. */
        case DOMAIN_DUMP:
        case DOMAIN_CLEANUP:
        case DOMAIN_WAIT:
        case DOMAIN_HALTED:
        case _DOMAIN_STAGE_MAX:
        case _DOMAIN_STAGE_INVALID:
                break;
        }
        return DOMAIN_ACTION_NONE;
}

uint64_t domain_machine_wait(const DomainMachine *m) {
        uint64_t wait = UINT64_C(1000000);

        if (m->n_brief < 2)
                return 0;
        for (uint32_t i = 2; i < m->n_brief && wait < DOMAIN_WAIT_MAX; i++)
                wait *= 2;
        return wait < DOMAIN_WAIT_MAX ? wait : DOMAIN_WAIT_MAX;
}

static DomainAction cleaned(DomainMachine *m) {
        if (m->stage != DOMAIN_CLEANUP)
                return DOMAIN_ACTION_NONE;
        if (m->again) {
                m->again = false;
                return domain_machine_wait(m) > 0 ? go(m, DOMAIN_WAIT, DOMAIN_ACTION_WAIT)
                                                  : go(m, DOMAIN_CREATE, DOMAIN_ACTION_CREATE);
        }
        return go(m, DOMAIN_HALTED, DOMAIN_ACTION_HALT);
}

static DomainAction step(const DomainRules *rules, DomainMachine *m, DomainInput input) {
        switch (input) {
        case DOMAIN_INPUT_PREPARED:
                return m->stage == DOMAIN_PREPARE ? go(m, DOMAIN_CREATE, DOMAIN_ACTION_CREATE)
                                                  : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_DM_EMULATOR:
                return m->stage == DOMAIN_CREATE ? go(m, DOMAIN_EMULATOR, DOMAIN_ACTION_NONE)
                                                 : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_DM_READY:
                return is_building(m->stage) ? go(m, DOMAIN_QEMU, DOMAIN_ACTION_NONE) : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_CREATED:
                return is_building(m->stage) ? go(m, DOMAIN_UNPAUSE, DOMAIN_ACTION_AWAIT_EMULATOR)
                                             : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_EMULATOR_RUNNING:
                return m->stage == DOMAIN_UNPAUSE ? DOMAIN_ACTION_UNPAUSE : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_UNPAUSED:
                if (m->stage != DOMAIN_UNPAUSE)
                        return DOMAIN_ACTION_NONE;
                m->was_running = true;
                return go(m, DOMAIN_RUNNING, DOMAIN_ACTION_NONE);
        case DOMAIN_INPUT_FAILED:
                return is_over(m->stage) ? DOMAIN_ACTION_NONE : end(m, DOMAIN_END_FAILED);
        case DOMAIN_INPUT_EMULATOR_DIED:
                return emulator_died(rules, m);
        case DOMAIN_INPUT_DM_DIED:
                return has_guest(m->stage) ? end(m, DOMAIN_END_DEVICE_MODEL_DIED) : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_POWEROFF:
                return guest_ended(m, rules->on_poweroff, DOMAIN_END_POWEROFF);
        case DOMAIN_INPUT_REBOOT:
                return guest_ended(m, rules->on_reboot, DOMAIN_END_REBOOT);
        case DOMAIN_INPUT_CRASH:
                return guest_ended(m, rules->on_crash, DOMAIN_END_CRASH);
        case DOMAIN_INPUT_WATCHDOG:
                return guest_ended(m, rules->on_watchdog, DOMAIN_END_CRASH);
        case DOMAIN_INPUT_SUSPEND:
                return guest_ended(m, AFTER_DEATH_DESTROY, DOMAIN_END_SUSPEND);
        case DOMAIN_INPUT_GONE:
                return is_over(m->stage) ? DOMAIN_ACTION_NONE
                                         : end(m, m->stop_wanted ? DOMAIN_END_STOPPED : DOMAIN_END_DESTROYED);
        case DOMAIN_INPUT_STOP:
                return stop(m, /* force= */ false);
        case DOMAIN_INPUT_STOP_FORCE:
                return stop(m, /* force= */ true);
        case DOMAIN_INPUT_DUMPED:
                return m->stage == DOMAIN_DUMP ? go(m, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP)
                                               : DOMAIN_ACTION_NONE;
        case DOMAIN_INPUT_CLEANED:
                return cleaned(m);
        case DOMAIN_INPUT_WAITED:
                return m->stage == DOMAIN_WAIT ? go(m, DOMAIN_CREATE, DOMAIN_ACTION_CREATE)
                                               : DOMAIN_ACTION_NONE;
        case _DOMAIN_INPUT_MAX:
                break;
        }
        return DOMAIN_ACTION_NONE;
}

void domain_machine_step(const DomainRules *rules, DomainMachine *m, DomainInput input, DomainAction *ret) {
        *ret = step(rules, m, input);
}
