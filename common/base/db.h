#pragma once

/*
 * A database as the store of a daemon sees it: named tables, explicit transactions
 *
 * A store is given a DbSource and asks nobody else. In a daemon it is LMDB in the state folder (common/lmdb/table.h); a test or
 * a simulator gives one in memory (tests/sim/sim-db.h), which also fails when it is told to.
 *
 * A commit that returned 0 is on disk. Calls return 0 or a negative errno: -ENOENT no such key, -EOVERFLOW the map is full
 * (db_change() makes it larger), -ENOSPC the disk is full, -EIO, -EBADMSG a damaged file, -EBUSY another process holds the
 * database, -ESTALE the file was removed, replaced or cut off under this process: what is written now would be gone with it, so
 * nothing that followed may be acknowledged.
 */

#include "common/base/macros.h"

typedef struct Db Db;
typedef struct DbTxn DbTxn;
typedef struct DbSource DbSource;

typedef struct DbOptions {
        const char *const *tables; /* NULL-terminated; created when missing */
        size_t map_size;           /* first size of the map, bytes */
        size_t map_max;            /* db_grow() goes no further */
        /* LMDB found its file damaged while it worked on it. Must not return. NULL: abort() */
        void (*broken)(const char *dir, const char *reason);
        /* A commit failed, and only the next start can tell whether it was written. Whoever is told that it was not might do it
         * again elsewhere, so this must not return. NULL: the commit returns its error */
        void (*undecided)(const char *dir, const char *reason);
} DbOptions;

struct DbSource {
        const char *dir; /* where it is, for what is said of it */
        int (*open)(const DbSource *source, const DbOptions *options, char **ret_problem, Db **ret);
};

typedef int (*DbVisitor)(const void *key, size_t key_size, const void *data, size_t size, void *userdata);

/* What an implementation does. Its databases and its transactions begin with the structs below. */
typedef struct DbOps {
        void (*close)(Db *db);
        int (*grow)(Db *db);
        void (*forget_readers)(Db *db);
        int (*begin)(Db *db, bool write, DbTxn **ret);
        int (*commit)(DbTxn *txn);
        void (*abort)(DbTxn *txn);
        int (*get)(DbTxn *txn, unsigned table, const void *key, size_t key_size, const void **ret, size_t *ret_size);
        int (*put)(DbTxn *txn, unsigned table, const void *key, size_t key_size, const void *data, size_t size);
        int (*del)(DbTxn *txn, unsigned table, const void *key, size_t key_size);
        int (*iterate)(DbTxn *txn, unsigned table, DbVisitor visitor, void *userdata);
        int (*open_old)(DbTxn *txn, const char *name, unsigned *ret);
        int (*drop)(DbTxn *txn, unsigned table);
} DbOps;

struct Db {
        const DbOps *ops;
};

struct DbTxn {
        Db *db;
};

static inline Db *db_close(Db *db) {
        if (db)
                db->ops->close(db);
        return NULL;
}
DEFINE_CLEANUP(Db *, db_close)

/* Doubles the map up to map_max; -EOVERFLOW beyond. No transaction may be open. */
static inline int db_grow(Db *db) {
        return db->ops->grow(db);
}

/* Removes readers that were killed; LMDB would keep the pages that they read for ever. */
static inline void db_forget_readers(Db *db) {
        db->ops->forget_readers(db);
}

/* After a failed put or del the transaction is only good for db_abort(). */
static inline int db_begin(Db *db, bool write, DbTxn **ret) {
        return db->ops->begin(db, write, ret);
}

/* Frees the transaction, also on failure. */
static inline int db_commit(DbTxn *txn) {
        return txn->db->ops->commit(txn);
}

static inline DbTxn *db_abort(DbTxn *txn) {
        if (txn)
                txn->db->ops->abort(txn);
        return NULL;
}
DEFINE_CLEANUP(DbTxn *, db_abort)

/* One write transaction; where the map is full, once more with a larger one. So change() may run more than once, and changes nothing
 * but the transaction and its own argument. */
typedef int (*DbChange)(DbTxn *txn, void *userdata);
int db_change(Db *db, DbChange change, void *userdata);

/* table is the index in DbOptions.tables. Data returned by get and iterate is valid until the end of the
 * transaction. */
static inline int db_get(
        DbTxn *txn, unsigned table, const void *key, size_t key_size, const void **ret, size_t *ret_size) {
        return txn->db->ops->get(txn, table, key, key_size, ret, ret_size);
}

static inline int db_put(
        DbTxn *txn, unsigned table, const void *key, size_t key_size, const void *data, size_t size) {
        return txn->db->ops->put(txn, table, key, key_size, data, size);
}

/* -ENOENT */
static inline int db_del(DbTxn *txn, unsigned table, const void *key, size_t key_size) {
        return txn->db->ops->del(txn, table, key, key_size);
}

/* In the order of the keys, until a visitor returns a negative value. */
static inline int db_iterate(DbTxn *txn, unsigned table, DbVisitor visitor, void *userdata) {
        return txn->db->ops->iterate(txn, table, visitor, userdata);
}

/* A table of an older layout, for upgrades: it is not made (-ENOENT), and the index given is good within this
 * transaction. -ENFILE beyond 16 of them. db_drop() removes such a table with all that it holds. */
static inline int db_open_old(DbTxn *txn, const char *name, unsigned *ret) {
        return txn->db->ops->open_old(txn, name, ret);
}

static inline int db_drop(DbTxn *txn, unsigned table) {
        return txn->db->ops->drop(txn, table);
}

/* A number as a key that sorts by size. */
static inline void db_key_u64(uint64_t n, uint8_t ret[static 8]) {
        for (int i = 7; i >= 0; i--, n >>= 8)
                ret[i] = (uint8_t) n;
}

static inline uint64_t db_key_number(const uint8_t key[static 8]) {
        uint64_t n = 0;

        for (int i = 0; i < 8; i++)
                n = n << 8 | key[i];
        return n;
}
