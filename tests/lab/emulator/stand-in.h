#pragma once

/*
 * What the stand-ins for emulator and qemu have in common
 *
 * Both find the simulated host's folder, read there which fault they are to show (faults.json:
 * {"emulator":"slow=500",…}), and then wait for signals, xenstore, a deadline.
 */

#include "hostd/run/xenstore.h"

typedef enum FaultMode {
        FAULT_NONE,
        FAULT_EXIT_AT_ONCE,  /* before anything is said */
        FAULT_NEVER_READY,   /* lives, but says nothing */
        FAULT_NEVER_RUNNING, /* comes up, but stays "initialising" */
        FAULT_ERROR,         /* says that it failed, and ends */
        FAULT_SLOW,          /* takes ms to come up */
        FAULT_DIE_AFTER,     /* ends ms after it came up */
        _FAULT_MODE_MAX,
} FaultMode;

typedef struct Fault {
        FaultMode mode;
        uint64_t ms;
} Fault;

/* "exit-at-once", "slow=500", …; -EINVAL. */
int fault_parse(const char *text, Fault *ret);

/* The simulated host's folder: $XENVGPU_SIM_DIR, else /lab/sim-dir in xenstore. The caller frees it. */
int stand_in_sim_dir(XenStore *xs, char **ret);
int stand_in_fault(const char *sim_dir, const char *program, Fault *ret);

typedef enum Woken {
        WOKEN_SIGNAL,   /* SIGTERM, SIGINT or SIGHUP: end */
        WOKEN_XENSTORE, /* something watched changed */
        WOKEN_FD,       /* extra_fd is readable */
        WOKEN_DEADLINE,
        WOKEN_LOST, /* xenstore is gone, and with it the machine */
} Woken;

/* Blocks the ending signals and returns a descriptor for them. */
int stand_in_signals(int *ret);
/* extra_fd may be -1; ms < 0: no deadline. */
Woken stand_in_wait(int signal_fd, XenStore *xs, int extra_fd, int64_t ms);
