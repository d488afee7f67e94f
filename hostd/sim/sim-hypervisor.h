#pragma once

/*
 * The simulated hypervisor
 */

#include "hostd/hypervisor/hypervisor.h"

/* dir: of the simulated host (hostd/sim/sim-folder.h). dm: the device model's program, executed with the environment of
 * ours. */
int sim_hypervisor_new(sd_event *event, Loop *loop, const char *dir, const char *dm, Hypervisor **ret);
