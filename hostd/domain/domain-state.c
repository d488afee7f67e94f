/*
 * The life of one VM's domain, as a pure state machine
 */

#include "hostd/domain/domain-state.h"

enum {
        IS_BUILDING = 1 << 0, /* the hypervisor's create is under way, or could be */
        HAS_GUEST = 1 << 1,   /* a guest exists, or existed until just now */
        IS_OVER = 1 << 2,
};

static const struct {
        const char *name; /* in the run record */
        double progress;
        unsigned is;
} stages[_DOMAIN_STAGE_MAX] = {
        [DOMAIN_PREPARE] = { "prepare", 0.05, 0 },
        [DOMAIN_CREATE] = { "create", 0.2, IS_BUILDING },
        [DOMAIN_EMULATOR] = { "emulator", 0.4, IS_BUILDING },
        [DOMAIN_QEMU] = { "qemu", 0.7, IS_BUILDING },
        [DOMAIN_UNPAUSE] = { "unpause", 0.9, HAS_GUEST },
        [DOMAIN_RUNNING] = { "running", 1.0, HAS_GUEST },
        [DOMAIN_CRASHED] = { "crashed", 1.0, HAS_GUEST },
        [DOMAIN_STOP] = { "stop", 0.2, HAS_GUEST },
        [DOMAIN_DUMP] = { "dump", 0.4, 0 },
        [DOMAIN_CLEANUP] = { "cleanup", 0.6, IS_OVER },
        [DOMAIN_WAIT] = { "wait", 0.1, 0 },
        [DOMAIN_HALTED] = { "halted", 1.0, IS_OVER },
};

DEFINE_WORD_TABLE(domain_ends, DOMAIN_ENDS)

const char *domain_stage_to_string(DomainStage stage) {
        return stage >= 0 && stage < _DOMAIN_STAGE_MAX ? stages[stage].name : NULL;
}

DomainStage domain_stage_from_string(const char *text) {
        for (int i = 0; i < _DOMAIN_STAGE_MAX; i++)
                if (streq_ptr(text, stages[i].name))
                        return (DomainStage) i;
        return _DOMAIN_STAGE_INVALID;
}

double domain_stage_progress(DomainStage stage) {
        return stage >= 0 && stage < _DOMAIN_STAGE_MAX ? stages[stage].progress : 0;
}

const char *domain_end_to_string(DomainEnd end) {
        return word_of_value(&domain_ends, (int) end);
}

DomainEnd domain_end_from_string(const char *text) {
        int end = word_to_value(&domain_ends, text);

        return end < 0 ? DOMAIN_END_NONE : (DomainEnd) end;
}

static bool is(const DomainMachine *m, unsigned trait) {
        return stages[m->stage].is & trait;
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
        if (!is(m, HAS_GUEST) || m->stage == DOMAIN_CRASHED)
                return DOMAIN_ACTION_NONE;

        /* If a stop was ordered, the end is reported as that stop, however the guest ended. */
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
        if (m->stage == DOMAIN_HALTED)
                return DOMAIN_ACTION_NONE;
        if (m->stage == DOMAIN_CLEANUP || m->stage == DOMAIN_DUMP) {
                stop_restart(m);
                return force && m->stage == DOMAIN_DUMP ? go(m, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP)
                                                        : DOMAIN_ACTION_NONE;
        }
        if ((m->stage == DOMAIN_RUNNING || m->stage == DOMAIN_STOP) && !force)
                return go(m, DOMAIN_STOP, DOMAIN_ACTION_ASK_GUEST);
        /* By force, or no guest is there that could be asked. */
        return end(m, DOMAIN_END_STOPPED);
}

/* While the domain is built, before qemu, the device model waits for the emulator too, and says why in dm.json. */
static DomainAction emulator_died(const DomainRules *rules, DomainMachine *m) {
        if (m->stage == DOMAIN_QEMU || m->stage == DOMAIN_UNPAUSE)
                return end(m, DOMAIN_END_FAILED);
        if (!is(m, HAS_GUEST))
                return DOMAIN_ACTION_NONE;
        return m->stage != DOMAIN_CRASHED && rules->crash_on_emulator_death ? DOMAIN_ACTION_CRASH_GUEST
                                                                            : DOMAIN_ACTION_NOTE_EMULATOR;
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

/* Inputs that lead on from one stage, or from all stages of building, and mean nothing elsewhere. */
typedef struct Passage {
        DomainStage from;
        bool from_all;
        DomainStage to;
        DomainAction action;
} Passage;

static const Passage passages[_DOMAIN_INPUT_MAX] = {
        [DOMAIN_INPUT_PREPARED] = { DOMAIN_PREPARE, false, DOMAIN_CREATE, DOMAIN_ACTION_CREATE },
        [DOMAIN_INPUT_DM_EMULATOR] = { DOMAIN_CREATE, false, DOMAIN_EMULATOR, DOMAIN_ACTION_NONE },
        [DOMAIN_INPUT_DM_READY] = { DOMAIN_CREATE, true, DOMAIN_QEMU, DOMAIN_ACTION_NONE },
        [DOMAIN_INPUT_CREATED] = { DOMAIN_CREATE, true, DOMAIN_UNPAUSE, DOMAIN_ACTION_AWAIT_EMULATOR },
        [DOMAIN_INPUT_EMULATOR_RUNNING] = { DOMAIN_UNPAUSE, false, DOMAIN_UNPAUSE, DOMAIN_ACTION_UNPAUSE },
        [DOMAIN_INPUT_UNPAUSED] = { DOMAIN_UNPAUSE, false, DOMAIN_RUNNING, DOMAIN_ACTION_NONE },
        [DOMAIN_INPUT_DUMPED] = { DOMAIN_DUMP, false, DOMAIN_CLEANUP, DOMAIN_ACTION_CLEANUP },
        [DOMAIN_INPUT_WAITED] = { DOMAIN_WAIT, false, DOMAIN_CREATE, DOMAIN_ACTION_CREATE },
};

static DomainAction pass(DomainMachine *m, const Passage *p) {
        if (p->from_all ? !is(m, IS_BUILDING) : m->stage != p->from)
                return DOMAIN_ACTION_NONE;
        m->was_running = m->was_running || p->to == DOMAIN_RUNNING;
        return go(m, p->to, p->action);
}

static DomainAction step(const DomainRules *rules, DomainMachine *m, DomainInput input) {
        switch (input) {
        case DOMAIN_INPUT_PREPARED:
        case DOMAIN_INPUT_DM_EMULATOR:
        case DOMAIN_INPUT_DM_READY:
        case DOMAIN_INPUT_CREATED:
        case DOMAIN_INPUT_EMULATOR_RUNNING:
        case DOMAIN_INPUT_UNPAUSED:
        case DOMAIN_INPUT_DUMPED:
        case DOMAIN_INPUT_WAITED:
                return pass(m, &passages[input]);
        case DOMAIN_INPUT_FAILED:
                return is(m, IS_OVER) ? DOMAIN_ACTION_NONE : end(m, DOMAIN_END_FAILED);
        case DOMAIN_INPUT_EMULATOR_DIED:
                return emulator_died(rules, m);
        case DOMAIN_INPUT_DM_DIED:
                return is(m, HAS_GUEST) ? end(m, DOMAIN_END_DEVICE_MODEL_DIED) : DOMAIN_ACTION_NONE;
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
                return is(m, IS_OVER) ? DOMAIN_ACTION_NONE
                                      : end(m, m->stop_wanted ? DOMAIN_END_STOPPED : DOMAIN_END_DESTROYED);
        case DOMAIN_INPUT_STOP:
                return stop(m, /* force= */ false);
        case DOMAIN_INPUT_STOP_FORCE:
                return stop(m, /* force= */ true);
        case DOMAIN_INPUT_CLEANED:
                return cleaned(m);
        case _DOMAIN_INPUT_MAX:
                break;
        }
        return DOMAIN_ACTION_NONE;
}

void domain_machine_step(const DomainRules *rules, DomainMachine *m, DomainInput input, DomainAction *ret) {
        *ret = step(rules, m, input);
}

static DomainAction begin_again(DomainMachine *m, uint32_t *cut_offs) {
        m->stage = DOMAIN_CLEANUP;
        if (m->stop_wanted)
                m->end = DOMAIN_END_STOPPED;
        else if (*cut_offs < DOMAIN_CUT_OFFS_MAX)
                m->again = true;
        else
                m->end = DOMAIN_END_FAILED;
        (*cut_offs)++;
        return DOMAIN_ACTION_CLEANUP;
}

/* A cleanup without a reason was that of a guest that reboots. */
static void recall_end(DomainMachine *m, DomainEnd end) {
        m->again = end == DOMAIN_END_NONE && !m->stop_wanted;
        m->end = end == DOMAIN_END_NONE && m->stop_wanted ? DOMAIN_END_STOPPED : end;
}

static DomainAction resume(const DomainRules *rules, DomainMachine *m, DomainEnd end, bool found, uint32_t *cut_offs) {
        switch (m->stage) {
        case DOMAIN_CREATE:
        case DOMAIN_EMULATOR:
        case DOMAIN_QEMU:
                return begin_again(m, cut_offs);
        case DOMAIN_UNPAUSE:
                return found ? DOMAIN_ACTION_AWAIT_EMULATOR : step(rules, m, DOMAIN_INPUT_GONE);
        case DOMAIN_RUNNING:
        case DOMAIN_CRASHED:
        case DOMAIN_STOP:
                return found ? DOMAIN_ACTION_WATCH_GUEST : step(rules, m, DOMAIN_INPUT_GONE);
        case DOMAIN_WAIT:
                return DOMAIN_ACTION_WAIT;
        case DOMAIN_DUMP:
                recall_end(m, end);
                return found ? DOMAIN_ACTION_DUMP : step(rules, m, DOMAIN_INPUT_DUMPED);
        case DOMAIN_CLEANUP:
        case DOMAIN_PREPARE: /* not resumed */
        case DOMAIN_HALTED:
        case _DOMAIN_STAGE_MAX:
        case _DOMAIN_STAGE_INVALID:
                break;
        }
        recall_end(m, end);
        return DOMAIN_ACTION_CLEANUP;
}

void domain_machine_resume(const DomainRules *rules, DomainMachine *m, DomainEnd end, bool found, uint32_t *cut_offs,
        DomainAction *ret) {
        *ret = resume(rules, m, end, found, cut_offs);
}
