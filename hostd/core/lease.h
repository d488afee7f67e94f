#pragma once

/*
 * The lease on a unit that keeps a GPU's driver busy
 *
 * Monitoring holds NVIDIA's driver open, so it is stopped while a VM takes a GPU. As in XenServer (the
 * manager behind with_gpumon_stopped): a caller that comes while another is inside finds the unit stopped;
 * when the last caller leaves, the unit is started again, but only if hostd stopped it.
 *
 * This is the state machine of one unit. An input says what happened, an action is the one thing to do now.
 * Waiting callers are counted; GRANT and REFUSE are for all of them.
 *
 *   idle → looking → stopping → held → starting → idle
 *                       └→ stuck: not stopped in time; if it stops late it is left stopped, as in XenServer,
 *                          and is started when the next callers have left
 */

#include "common/base/macros.h"

typedef enum LeaseStage {
        LEASE_IDLE,
        LEASE_LOOKING,  /* whether it runs */
        LEASE_STOPPING, /* and callers wait for that */
        LEASE_STUCK,    /* it would not stop; nobody waits */
        LEASE_HELD,     /* stopped, callers inside */
        LEASE_STARTING,
        _LEASE_STAGE_MAX,
        _LEASE_STAGE_INVALID = -EINVAL,
} LeaseStage;

typedef enum LeaseInput {
        LEASE_INPUT_ENTER,    /* a caller wants it stopped */
        LEASE_INPUT_GIVE_UP,  /* … and no longer waits for that */
        LEASE_INPUT_LEAVE,    /* a caller that was let in is done */
        LEASE_INPUT_RUNNING,  /* the look: it runs */
        LEASE_INPUT_ENDING,   /* the look: it is being stopped by someone else, and ours to wait for only */
        LEASE_INPUT_INACTIVE, /* it does not run: the look, or the end of the stop, however late */
        LEASE_INPUT_TIMEOUT,  /* it does not stop */
        LEASE_INPUT_STARTED,  /* or could not be: nothing more is to be done about it */
        LEASE_INPUT_SETTLE,   /* after a restart of ours all who are inside have said so */
        _LEASE_INPUT_MAX,
} LeaseInput;

typedef enum LeaseAction {
        LEASE_ACTION_NONE,
        LEASE_ACTION_LOOK,
        LEASE_ACTION_STOP,   /* it runs, and is ours to start again: note that first */
        LEASE_ACTION_AWAIT,  /* it is ending by itself */
        LEASE_ACTION_GRANT,
        LEASE_ACTION_REFUSE, /* all that wait */
        LEASE_ACTION_START,
        LEASE_ACTION_FORGET, /* idle, nothing is owed: a note may go */
} LeaseAction;

typedef struct LeaseUnit {
        LeaseStage stage;
        bool restart; /* it was stopped by us and is owed a start */
        unsigned n_waiting, n_inside;
} LeaseUnit;

/* A unit that an earlier hostd noted as stopped. */
#define LEASE_UNIT_OWED ((LeaseUnit){ .restart = true })

void lease_unit_step(LeaseUnit *u, LeaseInput input, LeaseAction *ret);
