#pragma once

/*
 * The lease on what monitors the GPUs
 *
 * Units such as xcp-rrdd-gpumon.service and nvidia-dcgm.service hold the GPUs' driver open. They are stopped
 * before a VM that takes a GPU is started, and started again when the last such start is over, as in XenServer
 * (the manager behind with_gpumon_stopped): one that comes while another is inside finds the unit stopped, and
 * only what hostd stopped is started again. Before a unit is stopped, lease.json of the runtime folder notes
 * that it must be started again, so that the next hostd can do what this one could not.
 */

#include "common/base/loop.h"
#include "hostd/vm/systemd.h"

typedef struct Lease Lease;
typedef struct LeaseHold LeaseHold;

/* 0: every unit is stopped, and stays so until the hold is released. -EBUSY: one does not stop, which error
 * names in a sentence that lives during the call; release the hold then too. */
typedef void (*LeaseGranted)(int result, const char *error, void *userdata);

/* units: names, NULL-terminated. Without systemd there are no units, and every hold is granted. */
int lease_open(Loop *loop, Systemd *systemd, char *const *units, uint64_t stop_timeout,
        const char *runtime_dir, Lease **ret);
/* Changes no unit: a stopped unit stays stopped and noted. Holds have no effect any more, but must still be
 * released. */
Lease *lease_close(Lease *l);
DEFINE_CLEANUP(Lease *, lease_close)

/* granted() is called once, from the loop. */
int lease_take(Lease *l, LeaseGranted granted, void *userdata, LeaseHold **ret);
LeaseHold *lease_release(LeaseHold *h); /* also to wait no longer */
DEFINE_CLEANUP(LeaseHold *, lease_release)

/* This hostd ends and there may be no next one: units that nobody holds are started, and no longer noted. Does
 * nothing before the settling. */
void lease_pay(Lease *l);

/* To be called when the starts that an earlier hostd had begun have taken their holds again: starts the noted
 * units without a hold. */
void lease_settle(Lease *l);
