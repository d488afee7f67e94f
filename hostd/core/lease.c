/*
 * The lease on a unit that keeps a GPU's driver busy
 */

#include "hostd/core/lease.h"

static LeaseAction go(LeaseUnit *u, LeaseStage stage, LeaseAction action) {
        u->stage = stage;
        return action;
}

static LeaseAction let_in(LeaseUnit *u) {
        u->n_inside += u->n_waiting;
        u->n_waiting = 0;
        return go(u, LEASE_HELD, LEASE_ACTION_GRANT);
}

/* Nobody is inside and nobody waits. */
static LeaseAction wind_up(LeaseUnit *u) {
        return u->restart ? go(u, LEASE_STARTING, LEASE_ACTION_START) : go(u, LEASE_IDLE, LEASE_ACTION_FORGET);
}

static LeaseAction enter(LeaseUnit *u) {
        u->n_waiting++;
        switch (u->stage) {
        case LEASE_IDLE:
        case LEASE_STUCK:
                return go(u, LEASE_LOOKING, LEASE_ACTION_LOOK);
        case LEASE_HELD:
                return let_in(u);
        /* These end soon, and what comes then depends on who waits. */
        case LEASE_LOOKING:
        case LEASE_STOPPING:
        case LEASE_STARTING:
        case _LEASE_STAGE_MAX:
        case _LEASE_STAGE_INVALID:
                break;
        }
        return LEASE_ACTION_NONE;
}

static LeaseAction leave(LeaseUnit *u) {
        u->n_inside--;
        return u->n_inside == 0 && u->stage == LEASE_HELD ? wind_up(u) : LEASE_ACTION_NONE;
}

static LeaseAction inactive(LeaseUnit *u) {
        if (u->stage != LEASE_LOOKING && u->stage != LEASE_STOPPING && u->stage != LEASE_STUCK)
                return LEASE_ACTION_NONE;
        if (u->n_waiting > 0)
                return let_in(u);
        /* An administrator stopped it, as the refusal asked, so that a VM can start; it is started again after
         * that. */
        if (u->stage == LEASE_STUCK)
                return go(u, LEASE_IDLE, LEASE_ACTION_NONE);
        return wind_up(u);
}

static LeaseAction refuse(LeaseUnit *u) {
        if (u->stage != LEASE_STOPPING)
                return LEASE_ACTION_NONE;
        u->n_waiting = 0;
        return go(u, LEASE_STUCK, LEASE_ACTION_REFUSE);
}

static LeaseAction started(LeaseUnit *u) {
        if (u->stage != LEASE_STARTING)
                return LEASE_ACTION_NONE;
        u->restart = false;
        return u->n_waiting > 0 ? go(u, LEASE_LOOKING, LEASE_ACTION_LOOK) : wind_up(u);
}

static LeaseAction looked(LeaseUnit *u, bool ours) {
        if (u->stage != LEASE_LOOKING)
                return LEASE_ACTION_NONE;
        /* Nobody waits any more, so nothing more is done to the unit. If hostd asked it to stop before, it
         * may still stop. */
        if (u->n_waiting == 0)
                return u->restart ? go(u, LEASE_STUCK, LEASE_ACTION_AWAIT) : wind_up(u);
        u->restart = u->restart || ours;
        return go(u, LEASE_STOPPING, ours ? LEASE_ACTION_STOP : LEASE_ACTION_AWAIT);
}

void lease_unit_step(LeaseUnit *u, LeaseInput input, LeaseAction *ret) {
        LeaseAction action = LEASE_ACTION_NONE;

        switch (input) {
        case LEASE_INPUT_ENTER:
                action = enter(u);
                break;
        case LEASE_INPUT_GIVE_UP:
                u->n_waiting--;
                break;
        case LEASE_INPUT_LEAVE:
                action = leave(u);
                break;
        case LEASE_INPUT_RUNNING:
                action = looked(u, /* ours= */ true);
                break;
        case LEASE_INPUT_ENDING:
                action = looked(u, /* ours= */ false);
                break;
        case LEASE_INPUT_INACTIVE:
                action = inactive(u);
                break;
        case LEASE_INPUT_TIMEOUT:
                action = refuse(u);
                break;
        case LEASE_INPUT_STARTED:
                action = started(u);
                break;
        case LEASE_INPUT_SETTLE:
                if (u->stage == LEASE_IDLE && u->restart)
                        action = wind_up(u);
                break;
        case _LEASE_INPUT_MAX:
                break;
        }
        *ret = action;
}
