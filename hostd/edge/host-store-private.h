#pragma once

/*
 * Shared by the files of the host store
 *
 * Four tables: "host" with one record each for the identity, the claim and the event number; "enablement" by
 * PCI address and ids; "orders" by VM; "ended" by event number. host_store_write() is the one way to change any of
 * them: it runs the change in a transaction, and where the map is full it makes the map larger and runs it
 * again.
 */

#include "hostd/edge/host-store.h"
#include "protocol/record.h"

enum {
        TABLE_HOST,
        TABLE_ENABLEMENT,
        TABLE_ORDERS,
        TABLE_ENDED,
};

struct HostStore {
        Db *db;
        Uuid host_uuid;
        uint64_t last_seq;     /* given */
        uint64_t reserved_seq; /* on disk: none above was ever given */
        uint64_t orders, stored_orders;
        size_t n_orders, n_ended;
        void (*lost)(void *userdata);
        void *lost_userdata;
};

/* May run more than once: it changes nothing but the transaction and its own argument. */
typedef int (*StoreChange)(HostStore *s, DbTxn *txn, void *argument);

int store_begin(HostStore *s, DbTxn **ret); /* to read */
int host_store_write(HostStore *s, StoreChange change, void *argument);

/* -EBADMSG when it does not decode or has another version. */
int store_parse_value(const void *data, size_t size, struct json_object **ret);
/* The members of the table; what is in *ret already stays. */
int store_parse_record(const RecordTable *t, const void *data, size_t size, void *ret);

/* A value of ours that does not decode is damage, whatever the codec calls it. */
static inline int store_damaged(int r) {
        return r == -EINVAL ? -EBADMSG : r;
}
