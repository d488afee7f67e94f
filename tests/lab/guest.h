#pragma once

/*
 * What a guest, or its programs, do by themselves
 */

#include "tests/lab/lab.h"

/* poweroff, reboot, crash, hang, emulator-crash, qemu-crash; printed errors. */
int guest_act(const Lab *lab, const char *vm, const char *action);
bool guest_action_exists(const char *action);
