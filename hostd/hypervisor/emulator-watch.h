#pragma once

/*
 * What the display emulator says of itself in xenstore: the ops for it, of each hypervisor
 */

#include "hostd/hypervisor/hypervisor.h"

int hypervisor_watch_emulator(Hypervisor *h, EmulatorChanged changed, void *userdata);
void hypervisor_unwatch_emulator(Hypervisor *h);
