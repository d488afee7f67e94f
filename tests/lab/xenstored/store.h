#pragma once

/*
 * The store: one live tree, and transactions on snapshots of it
 *
 * A transaction reads and writes its own snapshot and remembers what it looked at and what it did. Its end
 * succeeds if nothing that it looked at has changed meanwhile; then what it did is done again on the live
 * tree. Otherwise -EAGAIN, and the client starts anew.
 */

#include "tests/lab/xenstored/tree.h"

#define TRANSACTION_STEPS_MAX 1024

typedef enum ChangeType {
        CHANGE_WRITE,
        CHANGE_MAKE,
        CHANGE_REMOVE,
        CHANGE_PERMISSIONS,
} ChangeType;

typedef struct Change {
        ChangeType type;
        char *path;
        char *data;
        size_t size;
} Change;

typedef struct Store {
        Tree tree;
        uint64_t generation;
        /* Called after each change of the live tree. */
        void (*changed)(const char *path, bool removed, void *userdata);
        void *userdata;
} Store;

typedef struct Transaction {
        uint32_t id;
        Tree base, tree;
        struct Seen {
                char *path;
                bool below; /* everything below it counts too */
        } * seen;
        size_t n_seen;
        Change *changes;
        size_t n_changes;
} Transaction;

int store_init(Store *ret);
void store_done(Store *s);

int transaction_new(const Store *s, uint32_t id, Transaction **ret);
Transaction *transaction_free(Transaction *t);
DEFINE_CLEANUP(Transaction *, transaction_free)

/* With transaction NULL, these act on the live tree. -ENOENT, -ENOMEM, -ENOSPC, -EINVAL. */
int store_find(Store *s, Transaction *t, const char *path, const Node **ret);
int store_change(Store *s, Transaction *t, ChangeType type, const char *path, const char *data, size_t size);

/* -EAGAIN on a conflict. The transaction stays the caller's to free, in any case. */
int store_commit(Store *s, Transaction *t);
