#pragma once

/*
 * What the files of the store share
 */

#include "common/json/json-get.h"
#include "common/lmdb/table.h"
#include "policyd/store/store.h"

struct Store {
        Db *db;
};

/* Sets *ret_problem to "Table vm, key 17: <reason>." and returns -EBADMSG (or -ENOMEM). */
int store_problem(unsigned table, const void *key, size_t key_size, const char *reason, char **ret_problem);

/* Brings an older database to STORE_SCHEMA, in the transaction given. Returns 1 when something was changed.
 */
int store_upgrade(DbTxn *txn, char **ret_problem);

/* The meta record; -ENOENT in a new database. */
int store_read_meta(DbTxn *txn, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem);
int store_meta_build(const StoreMeta *meta, char **ret_text);
