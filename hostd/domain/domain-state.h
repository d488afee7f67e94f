#pragma once

/*
 * The life of one VM's domain, as a pure state machine
 *
 * Inputs are what happened; each moves the machine to a stage and names the one thing to do now. The doer
 * (hostd/domain/domain.c) does it and feeds what comes of it. docs/states.md has the picture.
 *
 *   prepare → create → emulator → qemu → unpause → running → … → cleanup → halted
 *
 * A guest that reboots goes from cleanup to create again, by way of wait where it does nothing else; a stop at any stage leads to cleanup, before
 * running at once, from running by way of stop (the guest is asked) or, forced, directly. A guest whose core is
 * wanted goes to cleanup by way of dump. An input that means nothing at a stage changes nothing.
 */

#include "common/base/words.h"

typedef enum DomainStage {
        DOMAIN_PREPARE,  /* order read, config laid out, memory checked */
        DOMAIN_CREATE,   /* the hypervisor builds the domain */
        DOMAIN_EMULATOR, /* … its device model starts the emulator */
        DOMAIN_QEMU,     /* … its device model has become qemu */
        DOMAIN_UNPAUSE,  /* created and paused; waiting for the emulator to say "running" */
        DOMAIN_RUNNING,
        DOMAIN_CRASHED, /* kept for inspection (on_crash=preserve) */
        DOMAIN_STOP,    /* the guest was asked to shut down; waiting without limit */
        DOMAIN_DUMP,    /* the memory of a guest that has ended is being written to a file */
        DOMAIN_CLEANUP, /* emulator, qemu and domain are being taken down */
        DOMAIN_WAIT,    /* nothing is left, and the next domain is made after a while */
        DOMAIN_HALTED,
        _DOMAIN_STAGE_MAX,
        _DOMAIN_STAGE_INVALID = -EINVAL,
} DomainStage;

const char *domain_stage_to_string(DomainStage stage); /* as in the run record */
DomainStage domain_stage_from_string(const char *text);
double domain_stage_progress(DomainStage stage); /* of a start: 0..1 */

typedef enum DomainInput {
        DOMAIN_INPUT_PREPARED,
        DOMAIN_INPUT_DM_EMULATOR, /* dm.json: the emulator was started */
        DOMAIN_INPUT_DM_READY,    /* dm.json: qemu next */
        DOMAIN_INPUT_CREATED,
        DOMAIN_INPUT_EMULATOR_RUNNING, /* or none is needed */
        DOMAIN_INPUT_UNPAUSED,
        DOMAIN_INPUT_FAILED, /* whatever was under way failed */
        DOMAIN_INPUT_EMULATOR_DIED,
        DOMAIN_INPUT_DM_DIED, /* qemu */
        DOMAIN_INPUT_POWEROFF,
        DOMAIN_INPUT_REBOOT,
        DOMAIN_INPUT_CRASH,
        DOMAIN_INPUT_WATCHDOG, /* a crash that the guest's own watchdog found */
        DOMAIN_INPUT_SUSPEND,
        DOMAIN_INPUT_GONE, /* destroyed by someone else */
        DOMAIN_INPUT_STOP,
        DOMAIN_INPUT_STOP_FORCE,
        DOMAIN_INPUT_DUMPED, /* or it could not be */
        DOMAIN_INPUT_CLEANED,
        DOMAIN_INPUT_WAITED,
        _DOMAIN_INPUT_MAX,
} DomainInput;

typedef enum DomainAction {
        DOMAIN_ACTION_NONE,
        DOMAIN_ACTION_CREATE,
        DOMAIN_ACTION_AWAIT_EMULATOR,
        DOMAIN_ACTION_WATCH_GUEST, /* unpaused by an earlier instance; if it is being stopped, it is asked again */
        DOMAIN_ACTION_UNPAUSE,
        DOMAIN_ACTION_ASK_GUEST,     /* to shut down */
        DOMAIN_ACTION_NOTE_EMULATOR, /* its death is all that changed */
        DOMAIN_ACTION_CRASH_GUEST,   /* the policy on an emulator's death */
        DOMAIN_ACTION_DUMP,
        DOMAIN_ACTION_CLEANUP,
        DOMAIN_ACTION_WAIT, /* for domain_machine_wait() */
        DOMAIN_ACTION_HALT,
        _DOMAIN_ACTION_MAX,
} DomainAction;

/* Why it ends. A reboot: one that is not to be followed by a start. */
#define DOMAIN_ENDS(W)                                                                                        \
        W(DOMAIN_END_NONE, "") W(DOMAIN_END_POWEROFF, "poweroff") W(DOMAIN_END_REBOOT, "reboot")              \
        W(DOMAIN_END_CRASH, "crash") W(DOMAIN_END_SUSPEND, "suspend") W(DOMAIN_END_STOPPED, "stopped")        \
        W(DOMAIN_END_FAILED, "failed") W(DOMAIN_END_DEVICE_MODEL_DIED, "device-model-died")                   \
        W(DOMAIN_END_DESTROYED, "destroyed")
DEFINE_ENUM(DomainEnd, DOMAIN_END, DOMAIN_ENDS);

const char *domain_end_to_string(DomainEnd end);    /* the run record's reason; "" for none */
DomainEnd domain_end_from_string(const char *text); /* DOMAIN_END_NONE for what it does not know */

typedef enum AfterDeath {
        AFTER_DEATH_DESTROY,
        AFTER_DEATH_RESTART,
        AFTER_DEATH_PRESERVE,
        AFTER_DEATH_DUMP_DESTROY,
        AFTER_DEATH_DUMP_RESTART,
} AfterDeath;

static inline bool after_death_restarts(AfterDeath after) {
        return after == AFTER_DEATH_RESTART || after == AFTER_DEATH_DUMP_RESTART;
}

typedef struct DomainRules {
        AfterDeath on_poweroff, on_reboot, on_crash, on_watchdog; /* of the config */
        bool crash_on_emulator_death;
} DomainRules;

typedef struct DomainMachine {
        DomainStage stage;
        DomainEnd end;    /* set once it is to end */
        bool again;       /* after cleanup comes create, with the same VGPUs */
        bool stop_wanted; /* a stop came: no restart any more */
        bool was_running; /* the VM has been running: rebuilding it is no start */
        bool brief;       /* the guest that ends now had run for less than DOMAIN_BRIEF_LIFE */
        uint32_t n_brief; /* so many guests in a row did, and were followed by another */
} DomainMachine;

/* Moves the machine; always names an action. */
void domain_machine_step(const DomainRules *rules, DomainMachine *m, DomainInput input, DomainAction *ret);

/* µs. A guest that reboots in a loop would keep the host busy with making domains. The first brief life is a
 * reboot as any other; from the second in a row on the wait grows, to its most. */
#define DOMAIN_BRIEF_LIFE (60 * UINT64_C(1000000))
#define DOMAIN_WAIT_MAX (10 * UINT64_C(1000000))
uint64_t domain_machine_wait(const DomainMachine *m);

/*
 * After the death of an earlier instance. The machine is where the run record says that this one was (stage, stop_wanted,
 * was_running, n_brief); end: what the record says. found: its domain is there. *cut_offs counts the creates that such a
 * death cut off: one cannot be resumed, so it is torn down and begun again, DOMAIN_CUT_OFFS_MAX times at most.
 */
#define DOMAIN_CUT_OFFS_MAX 3
void domain_machine_resume(const DomainRules *rules, DomainMachine *m, DomainEnd end, bool found, uint32_t *cut_offs,
        DomainAction *ret);
