#pragma once

/*
 * What an owner of real hardware runs, and sends us: xenvgpu-hostd --self-test
 *
 * Looks at everything that starting VMs with GPUs rests on, one thing after the other, and prints for each
 * whether it holds, what was seen, and what would help. Nothing is changed: no folder is made, no name taken
 * on the bus, no driver touched; hostd may run beside it. It waits for what it asks (5 s at most for each
 * thing), so it is no part of the daemon's loop.
 */

#include "hostd/edge/settings.h"

/* json: one object in place of lines. Prints to stdout; 0 when everything holds that applies here, 1 when
 * something does not, negative when the test itself failed. */
int selftest_run(const HostSettings *host, const char *state_dir, const char *runtime_dir, bool json);
