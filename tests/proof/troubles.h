#pragma once

/*
 * What goes wrong by itself on a machine, and the stage of the VM's program at which it did
 */

#include <stdint.h>

#include "common/base/words.h"

#define TROUBLES(W)                                                                                           \
        W(TROUBLE_EMULATOR_FAILS, "emulator says that it failed") W(TROUBLE_EMULATOR_HANGS, "emulator hangs") \
        W(TROUBLE_EMULATOR_ENDS, "emulator ends") W(TROUBLE_QEMU_FAILS, "qemu cannot be executed")            \
        W(TROUBLE_QEMU_HANGS, "qemu hangs") W(TROUBLE_QEMU_ENDS, "qemu ends")                                 \
        W(TROUBLE_GUEST_FAILS, "guest crashes") W(TROUBLE_GUEST_HANGS, "guest does not obey")                 \
        W(TROUBLE_GUEST_ENDS, "guest ends or reboots") W(TROUBLE_HYPERVISOR_FAILS, "hypervisor refuses")      \
        W(TROUBLE_HELPER_FAILS, "helper fails") W(TROUBLE_HELPER_HANGS, "helper hangs")                       \
        W(TROUBLE_MONITOR_FAILS, "monitor goes on, or does not start") W(TROUBLE_MONITOR_HANGS, "monitor is slow to stop")
DEFINE_ENUM(Trouble, TROUBLE, TROUBLES);

#define TROUBLE_STAGES 16

/* How often, by stage; the last place is that of VMs without a program, and of what is no VM's. */
typedef struct TroubleCount {
        uint64_t n[_TROUBLE_MAX][TROUBLE_STAGES];
} TroubleCount;

const char *trouble_to_string(Trouble t);
void trouble_count_add(TroubleCount *sum, const TroubleCount *more);
uint64_t trouble_count_of(const TroubleCount *c, Trouble t);
/* "; NAME n, NAME n" of the stages. */
void trouble_count_print(const TroubleCount *c, Trouble t);
