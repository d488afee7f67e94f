#pragma once

/*
 * A VM's display emulator, as its machine follows it
 *
 * xenvgpu-dm started it and says so in dm.json; it is no child of ours. It came up before qemu, but the guest may be
 * unpaused only once it says "running": the third stage of its readiness.
 */

#include "hostd/domain/domain.h"

/* 0 when it runs; -EIO when its state is "error", -ETIMEDOUT. */
typedef void (*EmulatorReady)(int result, void *userdata);

typedef struct EmulatorStep {
        /* in */
        const DomainWorld *world;
        const char *name; /* of the VM */
        ProcessId *id;    /* the process, as the record has it */
        ProcessEnded died;
        EmulatorReady ready;
        void *userdata;

        /* out */
        bool dead;

        /* private */
        ProcessWatch *watch;
        LoopTimer *patience; /* limits the wait for "running" */
} EmulatorStep;

void emulator_follow(EmulatorStep *e, const ProcessId *id); /* watches that process from now on; none if pid is 0 */
void emulator_forget(EmulatorStep *e);                      /* the next domain gets another */

int emulator_await(EmulatorStep *e); /* ready() is called once, from the loop */
void emulator_await_no_more(EmulatorStep *e);

void emulator_done(EmulatorStep *e);
