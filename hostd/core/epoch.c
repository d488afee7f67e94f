/*
 * Epochs: who commands this host
 *
 * Two masters can never both command a host: the higher epoch wins, and the master with the lower one gets an
 * error.
 */

#include <inttypes.h>

#include "common/base/text.h"
#include "hostd/core/epoch.h"
#include "protocol/names.h"

static int make_claim(uint64_t epoch, const char *pool, const char *instance, HostClaim *ret) {
        _cleanup_(host_claim_done) HostClaim c = {
                .epoch = epoch, .held = true, .pool = strdup(pool), .instance = strdup(instance) };

        if (!c.pool || !c.instance)
                return -ENOMEM;

        *ret = take_struct(c);
        return 0;
}

void host_claim_done(HostClaim *c) {
        free(c->pool);
        free(c->instance);
        *c = (HostClaim){};
}

static bool is_same_claim(const HostClaim *held, const char *pool, const char *instance) {
        return streq(held->pool, pool) && streq(held->instance, instance);
}

int epoch_claim(const HostClaim *held, uint64_t epoch, const char *pool, const char *instance, HostClaim *ret,
        Refusal *ret_refusal) {
        *ret_refusal = (Refusal){};

        if (epoch == 0)
                return refusal_set(ret_refusal, ERROR_INVALID_RECORD, "A claim's epoch must be above 0.");
        if (epoch > EPOCH_MAX)
                return refusal_set(ret_refusal, ERROR_INVALID_RECORD,
                        "A claim's epoch is at most %" PRIu64 "; no master could outbid %" PRIu64 ".",
                        EPOCH_MAX, epoch);
        if (!text_is_name(instance, strlen(instance)))
                return refusal_set(ret_refusal, ERROR_INVALID_RECORD,
                        "A claim's instance must be a text of 1 to %d bytes.", TEXT_NAME_MAX);
        if (*pool && !text_is_name(pool, strlen(pool)))
                return refusal_set(ret_refusal, ERROR_INVALID_RECORD,
                        "A claim's pool must be a text of at most %d bytes.", TEXT_NAME_MAX);

        if (epoch < held->epoch)
                return refusal_set(ret_refusal, ERROR_STALE_EPOCH,
                        "Epoch %" PRIu64 " is older than %" PRIu64
                        ", which this host has taken from %s; a newer master commands it.",
                        epoch, held->epoch, held->held ? held->instance : "an earlier claim");
        if (epoch == held->epoch && held->held && !is_same_claim(held, pool, instance))
                return refusal_set(ret_refusal, ERROR_STALE_EPOCH,
                        "Epoch %" PRIu64
                        " is held by instance %s of pool '%s'; a new master must claim with a higher one.",
                        epoch, held->instance, held->pool);

        return make_claim(epoch, pool, instance, ret);
}

HostClaim epoch_release(const HostClaim *held) {
        return (HostClaim){ .epoch = held->epoch };
}

int epoch_check_order(const HostClaim *held, uint64_t epoch, Refusal *ret) {
        *ret = (Refusal){};

        if (!held->held)
                return refusal_set(
                        ret, ERROR_STALE_EPOCH, "This host is not claimed; an order needs a claim first.");
        if (epoch < held->epoch)
                return refusal_set(ret, ERROR_STALE_EPOCH,
                        "The order's epoch %" PRIu64 " is older than the claim's, %" PRIu64
                        "; a newer master commands this host.",
                        epoch, held->epoch);
        if (epoch > held->epoch)
                return refusal_set(ret, ERROR_STALE_EPOCH,
                        "The order's epoch %" PRIu64 " is not the claim's, %" PRIu64
                        "; claim the host with it first.",
                        epoch, held->epoch);
        return 0;
}
