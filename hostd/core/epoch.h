#pragma once

/*
 * Epochs: who commands this host
 *
 * A claim names an epoch, a pool and an instance. A lower epoch than the stored one is refused, and an equal
 * one from another instance; the same claim again is fine. A released host keeps its epoch, so that an old
 * master cannot come back with a lower one. Orders must carry the epoch of the present claim.
 */

#include "protocol/refusal.h"

typedef struct HostClaim {
        uint64_t epoch; /* the highest ever held; 0: never claimed */
        bool held;
        char *pool, *instance; /* while it is held */
} HostClaim;

void host_claim_done(HostClaim *c);

/* 0 and ERROR_NONE: *ret is what to store before answering. Refusals: STALE_EPOCH, INVALID_RECORD (epoch 0
 * or above EPOCH_MAX, no instance, too long). */
int epoch_claim(const HostClaim *held, uint64_t epoch, const char *pool, const char *instance, HostClaim *ret,
        Refusal *ret_refusal);
HostClaim epoch_release(const HostClaim *held);

/* Refusal STALE_EPOCH: nobody claimed, or the order's epoch is not the claim's. */
int epoch_check_order(const HostClaim *held, uint64_t epoch, Refusal *ret);
