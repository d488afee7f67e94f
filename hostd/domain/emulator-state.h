#pragma once

/*
 * Waiting for the emulator to say "running"
 *
 * The third stage of its readiness: it came up before qemu, but the guest may be unpaused only once its state
 * in xenstore is "running".
 */

#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct EmulatorState EmulatorState;

/* Called once: 0 when it runs; -EIO when its state is "error", -ETIMEDOUT. Free the EmulatorState then, or
 * earlier to stop waiting. */
typedef void (*EmulatorRunning)(int result, void *userdata);

int emulator_state_await(sd_event *event, uint32_t domid, uint64_t timeout_us, EmulatorRunning running,
        void *userdata, EmulatorState **ret);
EmulatorState *emulator_state_free(EmulatorState *s);
DEFINE_CLEANUP(EmulatorState *, emulator_state_free)
