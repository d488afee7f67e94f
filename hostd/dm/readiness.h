#pragma once

/*
 * When the emulator is up
 *
 * The emulator says so in xenstore: vgpu/state (today's form) or vgpu-pid (the 6.x form) of its domain. We
 * wait on three things at once: a watch, the emulator's end, and the deadline.
 */

#include "hostd/dm/arguments.h"
#include "hostd/dm/emulator.h"
#include "hostd/run/xenstore.h"

typedef enum Readiness {
        READINESS_WAIT,
        READINESS_READY,
        READINESS_ERROR,
} Readiness;

/* state and pid_key are what xenstore holds, NULL for nothing. */
Readiness readiness_judge(EmulatorForm form, const char *state, const char *pid_key);

/*
 * 0: ready, *ret_state is its last state. -EIO: it will not be, *ret_error is a sentence. *ret_state is set
 * in both cases where there was one. The caller frees both. Other negative values: xenstore failed.
 */
int emulator_wait_ready(Emulator *e, XenStore *xs, EmulatorForm form, uint32_t domid, uint64_t timeout_us,
        char **ret_state, char **ret_error);
