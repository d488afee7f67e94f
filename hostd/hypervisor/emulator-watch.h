#pragma once

/*
 * The state that the display emulator writes into xenstore: the ops for it, which each hypervisor uses
 */

#include "hostd/hypervisor/hypervisor.h"

int hypervisor_watch_emulator(Hypervisor *h, EmulatorChanged changed, void *userdata);
void hypervisor_unwatch_emulator(Hypervisor *h);
