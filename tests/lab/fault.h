#pragma once

/*
 * Faults of a host's world: its emulator and qemu, its wire, its power, its type files
 */

#include "tests/lab/lab.h"

#define FAULT_HELP                                                                                           \
        "  emulator=WHAT   every emulator started from now on: exit-at-once, never-ready, never-running,\n"  \
        "                  error, slow=MS, die-after=MS, or off\n"                                           \
        "  qemu=WHAT       the same for qemu: exit-at-once, slow=MS, die-after=MS, or off\n"                 \
        "  gimtool=WHAT    AMD's tool, the same: exit-at-once, never-ready, makes-none, slow=MS, or off\n"      \
        "  sriov=WHAT      the kernel, as it divides a board: enoent, ebusy, too-few, dead-command, slow=MS; or\n" \
        "                  as it resets a function: reset-fails, reset-slow=MS, dead-after, pf-reset; or off\n"    \
        "  link=cut        the master's connection to the host ends, and new ones are refused\n"             \
        "  link=hold       nothing arrives on either side any more, and no connection ends: a dead peer\n"   \
        "  link=hold-replies     orders arrive, answers and events do not\n"                                 \
        "  link=cut-after-order  the next start order arrives, then the wire is cut before its answer\n"     \
        "  link=restore    the wire works again\n"                                                           \
        "  reboot          power off and on: domains die, boot_id changes, hostd starts again\n"             \
        "  power-off       the same without on: `host-start` boots it\n"                                     \
        "  types=FILE|DIR  one type file is replaced, or all of them, and hostd reads them again\n"

/* Errors are printed; -EINVAL for a fault that does not exist. */
int fault_play(const Lab *lab, const LabHost *host, const char *fault);
