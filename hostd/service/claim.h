#pragma once

/*
 * Who commands this host
 *
 * A claim is stored before it is answered, and bound to the bus name that made it. When that name leaves the
 * bus, or hostd starts anew, the claim stays in force without a claimer: every caller may read, none may
 * change anything, until the same instance claims again, another one claims with a higher epoch, or the claim
 * is released. A claim whose claimer is there is released by the claimer only; one without a claimer by
 * anyone whom the bus policy lets command the host. A host that nobody claims may be changed by anyone of
 * those, except that VMs need a claim.
 */

#include "hostd/service/host.h"

/* orders: the number of the last order that the pool gave anywhere; 0: not told. *ret_held is the epoch in force. */
int host_claim(Hostd *h, const char *caller, uint64_t epoch, const char *pool, const char *instance,
        uint64_t orders, uint64_t *ret_held, Refusal *ret);
/* An order that is about to be stored, and its number with it. */
void host_note_order(Hostd *h, uint64_t number);
int host_release(Hostd *h, const char *caller, Refusal *ret);

/* HOST_CLAIMED when someone else commands. */
int host_check_caller(Hostd *h, const char *caller, Refusal *ret);

/* A bus name has left the bus. */
void host_caller_left(Hostd *h, const char *name);

uint64_t host_get_epoch(const Hostd *h);
uint64_t host_get_orders(const Hostd *h); /* the number of the claiming pool's last order that is known here */
const char *host_get_claimed_by(const Hostd *h); /* the pool, "" when free */
const char *host_get_claimer(const Hostd *h);    /* bus name of who claimed, "" when it is gone */
