#pragma once

/*
 * What the display emulator says of itself in xenstore
 */

#include "hostd/hypervisor/hypervisor.h"

typedef struct EmulatorWatch EmulatorWatch;

/* Of that domain; told as HypervisorOps.watch_emulator says. */
int emulator_watch_new(
        sd_event *event, uint32_t domid, EmulatorChanged changed, void *userdata, EmulatorWatch **ret);
EmulatorWatch *emulator_watch_free(EmulatorWatch *w);
DEFINE_CLEANUP(EmulatorWatch *, emulator_watch_free)
