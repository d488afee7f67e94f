/*
 * Who commands this host
 *
 * The rule itself is in hostd/core/epoch.h; here the claim is stored, bound to a bus name, and announced.
 */

#include "hostd/service/claim.h"
#include "hostd/service/host-internal.h"

static bool is_claimer(const Hostd *h, const char *caller) {
        return streq_ptr(h->command.claimer, caller);
}

static void notify_claim(Hostd *h) {
        notifier_property(&h->notifier, HOST_PROPERTY_CLAIM);
        notifier_touch(&h->notifier);
}

/* Takes over claim, also when it cannot be stored. */
static int put_claim(Hostd *h, HostClaim *claim, char *claimer) {
        int r;

        r = host_store_put_claim(h->store, claim);
        if (r < 0) {
                log_event(LOG_ERR, MSG_STORAGE_FAILED, NULL, "Failed to store a claim: %s", strerror(-r));
                host_claim_done(claim);
                free(claimer);
                return r;
        }
        host_claim_done(&h->command.claim);
        h->command.claim = *claim;
        free(h->command.claimer);
        h->command.claimer = claimer;
        return 0;
}

void host_note_order(Hostd *h, uint64_t number) {
        if (number <= host_store_get_orders(h->store))
                return;
        host_store_set_orders(h->store, number);
        notifier_property(&h->notifier, HOST_PROPERTY_ORDERS);
}

/* Another pool has order numbers of its own. */
static uint64_t orders_under(const Hostd *h, const HostClaim *claim, uint64_t orders) {
        if (!h->command.claim.held || !streq(h->command.claim.pool, claim->pool))
                return orders;
        return MAX_OF(orders, host_store_get_orders(h->store));
}

int host_claim(Hostd *h, const char *caller, uint64_t epoch, const char *pool, const char *instance,
        uint64_t orders, uint64_t *ret_held, Refusal *ret) {
        uint64_t before = host_store_get_orders(h->store);
        HostClaim claim = {};
        char *claimer;
        int r;

        r = epoch_claim(&h->command.claim, epoch, pool, instance, &claim, ret);
        if (r < 0)
                return r;
        if (ret->code != ERROR_NONE) {
                log_event(LOG_WARNING, ret->code == ERROR_STALE_EPOCH ? MSG_STALE_EPOCH : NULL,
                        FIELDS(error_code_field(ret->code)),
                        "Refused a claim from %s: %s", caller, ret->message);
                return 0;
        }

        claimer = strdup(caller);
        if (!claimer) {
                host_claim_done(&claim);
                return -ENOMEM;
        }
        host_store_set_orders(h->store, orders_under(h, &claim, orders));
        r = put_claim(h, &claim, claimer);
        if (r < 0) {
                host_store_set_orders(h->store, before);
                return r;
        }
        log_info("Claimed by %s for pool %s, epoch %llu.", caller, h->command.claim.pool,
                (unsigned long long) h->command.claim.epoch);

        /* The claimer gave orders after an inventory that had these ends, so it has read them. */
        r = host_store_forget_ended(h->store, h->command.read_seq);
        if (r < 0)
                (void) log_errno(r, "Failed to forget the ends of VMs that were read, ignoring");
        h->command.claim_seq = host_store_last_seq(h->store);

        *ret_held = h->command.claim.epoch;
        notify_claim(h);
        return 0;
}

int host_release(Hostd *h, const char *caller, Refusal *ret) {
        HostClaim claim = epoch_release(&h->command.claim);
        int r;

        if (!h->command.claim.held)
                return 0;
        if (h->command.claimer && !is_claimer(h, caller))
                return refusal_set(ret, ERROR_HOST_CLAIMED,
                        "This host is claimed by %s for pool %s (epoch %llu), and only that may release it.",
                        h->command.claimer, h->command.claim.pool, (unsigned long long) h->command.claim.epoch);

        r = put_claim(h, &claim, NULL);
        if (r < 0)
                return r;
        log_info("Released by %s; epoch %llu is kept.", caller, (unsigned long long) h->command.claim.epoch);
        notify_claim(h);
        return 0;
}

int host_check_caller(Hostd *h, const char *caller, Refusal *ret) {
        if (!h->command.claim.held)
                return 0;
        if (is_claimer(h, caller)) {
                h->command.read_seq = h->command.claim_seq;
                return 0;
        }
        if (!h->command.claimer)
                return refusal_set(ret, ERROR_HOST_CLAIMED,
                        "This host is claimed for pool %s (epoch %llu) by a policyd that is away: wait until "
                        "it is back and ask it, or Release the host.",
                        h->command.claim.pool, (unsigned long long) h->command.claim.epoch);
        return refusal_set(ret, ERROR_HOST_CLAIMED,
                "This host is claimed for pool %s (epoch %llu) by %s: ask the policyd of that pool.",
                h->command.claim.pool, (unsigned long long) h->command.claim.epoch, h->command.claimer);
}

void host_caller_left(Hostd *h, const char *name) {
        if (!is_claimer(h, name))
                return;
        log_notice("The claimer %s left the bus; the claim of pool %s, epoch %llu, stays in force.", name,
                h->command.claim.pool, (unsigned long long) h->command.claim.epoch);
        free(h->command.claimer);
        h->command.claimer = NULL;
        notify_claim(h);
}

uint64_t host_get_epoch(const Hostd *h) {
        return h->command.claim.epoch;
}

uint64_t host_get_orders(const Hostd *h) {
        return h->command.claim.held ? host_store_get_orders(h->store) : 0;
}

const char *host_get_claimed_by(const Hostd *h) {
        return h->command.claim.held ? h->command.claim.pool : "";
}

const char *host_get_claimer(const Hostd *h) {
        return strempty(h->command.claimer);
}
