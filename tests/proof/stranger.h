#pragma once

/*
 * Who calls a hostd beside policyd: an administrator with busctl, another pool's master
 */

#include "protocol/refusal.h"
#include "tests/proof/machine.h"

typedef enum StrangerCall {
        STRANGER_CLAIM,
        STRANGER_CLAIM_WITH,
        STRANGER_RELEASE,
        STRANGER_INVENTORY,
        STRANGER_GET,
        STRANGER_START,
        STRANGER_STOP,
        STRANGER_END,
        STRANGER_RESCAN,
        STRANGER_CLEAR,
        STRANGER_SET_TYPES,
        STRANGER_ADD_TYPE,
        STRANGER_REMOVE_TYPE,
} StrangerCall;

/* 0 or a negative errno; -ENOTCONN: no hostd runs there. What it is about goes to the history, after prefix. */
int stranger_call(Machine *m, StrangerCall what, uint64_t dice, const char *prefix, Refusal *refusal);
/* Another pool lets the machine go, if it has it. */
void stranger_leave(Machine *m);
/* What it shows to anybody, to the history: which types are enabled, and the epoch of its claim. */
void stranger_list(Machine *m);
