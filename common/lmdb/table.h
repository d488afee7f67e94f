#pragma once

/*
 * LMDB: one environment, named tables, explicit transactions
 *
 * Never MDB_WRITEMAP, never MDB_NOSYNC: a commit that returned 0 is on disk. Calls return 0 or a negative
 * errno: -ENOENT no such key, -EOVERFLOW the map is full (db_change() makes it larger), -ENOSPC the disk is full, -EIO,
 * -EBADMSG a damaged file, -EBUSY another process holds the environment for three seconds (checked with a
 * lock file, since two writers of one state folder would each act on a stale model), -ESTALE the file was
 * removed, replaced or cut off under this process: what is written now would be gone with it, so nothing that
 * followed may be acknowledged.
 *
 * The file "owner" beside the database is this lock; once the database was written it also says so. A
 * database that is missing or empty after that is a lost one, never a new one.
 */

#include <sys/types.h>

#include "common/base/macros.h"

typedef struct Db Db;
typedef struct DbTxn DbTxn;

typedef struct DbOptions {
        const char *const *tables; /* NULL-terminated; created when missing */
        size_t map_size;           /* first size of the map, bytes */
        size_t map_max;            /* db_grow() goes no further */
        /* LMDB found its file damaged while it worked on it. Must not return. NULL: abort() */
        void (*broken)(const char *dir, const char *reason);
} DbOptions;

/* -EBADMSG: *ret_problem says in part of a sentence what is wrong with the file, "page 17 is used twice"; the
 * caller frees it. */
int db_open(const char *dir, const DbOptions *options, char **ret_problem, Db **ret);
Db *db_close(Db *db);
DEFINE_CLEANUP(Db *, db_close)

/* Doubles the map up to map_max; -EOVERFLOW beyond. No transaction may be open. */
int db_grow(Db *db);
size_t db_map_size(const Db *db);
/* Removes readers that were killed; LMDB would keep the pages that they read for ever. */
void db_forget_readers(Db *db);
int db_errno(int e); /* a code of LMDB as a negative errno; for common/lmdb alone */

/* After a failed put or del the transaction is only good for db_abort(). */
int db_begin(Db *db, bool write, DbTxn **ret);
int db_commit(DbTxn *txn); /* frees the transaction, also on failure */
DbTxn *db_abort(DbTxn *txn);
DEFINE_CLEANUP(DbTxn *, db_abort)

/* One write transaction; where the map is full, once more with a larger one. So change() may run more than once, and changes nothing
 * but the transaction and its own argument. */
typedef int (*DbChange)(DbTxn *txn, void *userdata);
int db_change(Db *db, DbChange change, void *userdata);

/* table is the index in DbOptions.tables. Data returned by get and iterate is valid until the end of the
 * transaction. */
int db_get(DbTxn *txn, unsigned table, const void *key, size_t key_size, const void **ret, size_t *ret_size);
int db_put(DbTxn *txn, unsigned table, const void *key, size_t key_size, const void *data, size_t size);
int db_del(DbTxn *txn, unsigned table, const void *key, size_t key_size); /* -ENOENT */

/* A table of an older layout, for upgrades: it is not made (-ENOENT), and the index given is good within this
 * transaction. -ENFILE beyond 16 of them. db_drop() removes such a table with all that it holds. */
int db_open_old(DbTxn *txn, const char *name, unsigned *ret);
int db_drop(DbTxn *txn, unsigned table);

typedef int (*DbVisitor)(const void *key, size_t key_size, const void *data, size_t size, void *userdata);
int db_iterate(DbTxn *txn, unsigned table, DbVisitor visitor, void *userdata);

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
