#pragma once

/*
 * What hostd must not forget
 *
 * A database of hostd's own, which is handed in: who this host is, who claims it, the number of the last event, what an
 * administrator disabled, the orders, and the ends of VMs that policyd has not read yet. Values are JSON with
 * a version. Each call is one commit: when it returns 0 the change is on disk. -ENOSPC the disk is full, -EOVERFLOW the
 * largest map is, -EBADMSG a stored value does not decode, -EBUSY another hostd has the folder, -ESTALE somebody removed the
 * database, -ENOENT no such entry. Caps: HOST_STORE_ORDERS_MAX orders (-EDQUOT), the oldest of more than HOST_STORE_ENDED_MAX
 * ends is dropped.
 */

#include "common/base/db.h"
#include "hostd/core/enablement.h"
#include "hostd/core/epoch.h"
#include "protocol/event.h"

#define HOST_STORE_ORDERS_MAX 4096
#define HOST_STORE_ENDED_MAX 1000
/* Event numbers are taken from the disk in blocks; a crash skips the rest of one, and never repeats a number. */
#define HOST_STORE_SEQ_BLOCK 256

typedef struct HostStore HostStore;

/* new_host: the uuid of the host from now on, if the store has none yet. -EBADMSG: *ret_problem is part of a sentence
 * about the file, or NULL; the caller frees it. */
int host_store_open(const DbSource *source, const Uuid *new_host, char **ret_problem, HostStore **ret);
/* Called once a call has failed with -ESTALE: the database was removed, replaced or cut off, and nothing can be promised any more. */
void host_store_set_lost(HostStore *s, void (*lost)(void *userdata), void *userdata);
HostStore *host_store_close(HostStore *s);
DEFINE_CLEANUP(HostStore *, host_store_close)

const Uuid *host_store_host_uuid(const HostStore *s); /* that of the first open */

int host_store_get_claim(HostStore *s, HostClaim *ret); /* never claimed: epoch 0 */
int host_store_put_claim(HostStore *s, const HostClaim *claim);

/* The next event number, from 1, growing over restarts. */
int host_store_next_seq(HostStore *s, uint64_t *ret);
/* Given last, or a bound above every number given before the restart. */
uint64_t host_store_last_seq(const HostStore *s);

/* The number of the last order that is known of the pool which has the host claimed; 0: none. What is set is
 * stored with the next change, whichever that is. */
uint64_t host_store_get_orders(const HostStore *s);
void host_store_set_orders(HostStore *s, uint64_t orders);

/* Keyed by PCI address and device id: another card in the slot starts fresh. Nothing stored: an empty one. */
int host_store_get_enablement(HostStore *s, const Pgpu *p, Enablement *ret);
int host_store_put_enablement(HostStore *s, const Pgpu *p, const Enablement *e);

/* One order for each VM; put replaces. */
typedef struct StoredOrder {
        Uuid vm, token;
        char *state;  /* the service's name for how far it is */
        char *order;  /* the text of the start order */
        char *detail; /* JSON of what the service keeps beside it; may be NULL */
} StoredOrder;

typedef int (*StoredOrderVisitor)(const StoredOrder *order, void *userdata);

/* -EINVAL: the order is too deep or too long to be read again. */
int host_store_put_order(HostStore *s, const StoredOrder *order);
/* Of an order that cannot be read, only the VM is known. Either visitor may be NULL; they make no call to the store. */
typedef int (*UnreadOrderVisitor)(const Uuid *vm, void *userdata);
int host_store_each_order(
        HostStore *s, StoredOrderVisitor visitor, UnreadOrderVisitor unread, void *userdata);
void stored_order_done(StoredOrder *o);

/* The end of a VM: removes its order (which may be absent) and keeps its last event until the next claim, in
 * one commit. */
int host_store_end_order(HostStore *s, const Uuid *vm, const VmEvent *ended);
/* Without an event to keep. */
int host_store_del_order(HostStore *s, const Uuid *vm);

/* May take the texts, by clearing the event. */
typedef int (*EndedVisitor)(VmEvent *ended, void *userdata);
/* Those after a number that can be read, by their numbers; with a uuid only those that name it, as VM, token or otherwise. */
int host_store_each_ended(
        HostStore *s, uint64_t after_seq, const Uuid *naming_or_null, EndedVisitor visitor, void *userdata);
/* Forgets the ends up to and including seq: the claim that read them is over. */
int host_store_forget_ended(HostStore *s, uint64_t seq);
