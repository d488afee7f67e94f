#pragma once

/*
 * A database in memory whose rows are the lines of an input: a letter, the row's key, a blank, its value
 */

#include "tests/sim/sim-db.h"

typedef int (*RowPut)(DbTxn *txn, char letter, const char *key, const char *value, size_t size);

static inline void rows_put_line(DbTxn *txn, char *line, size_t size, RowPut put) {
        char *blank = memchr(line, ' ', size);

        /* LMDB takes no empty key, and none of more than 511 bytes. */
        if (!blank || blank < line + 2 || blank > line + 512)
                return;
        *blank = '\0';
        if (put(txn, *line, line + 1, blank + 1, size - (size_t) (blank + 1 - line)) < 0)
                abort();
}

static inline SimDb *rows_in_memory(const char *const *tables, const uint8_t *data, size_t size, RowPut put) {
        const DbOptions options = {.tables = tables, .map_size = 1 << 20, .map_max = 64 << 20};
        _cleanup_free_ char *copy = malloc(size + 1), *problem = NULL;
        char *at, *end;
        DbTxn *txn;
        SimDb *s;
        Db *db;

        if (!copy || sim_db_new(&s) < 0 || sim_db_source(s)->open(sim_db_source(s), &options, &problem, &db) < 0 ||
                db_begin(db, /* write= */ true, &txn) < 0)
                abort();
        memcpy(copy, data, size);
        copy[size] = '\0';
        for (at = copy; size > 0; at = end) {
                char *newline = memchr(at, '\n', size);

                end = newline ? newline + 1 : at + size;
                rows_put_line(txn, at, (size_t) ((newline ?: at + size) - at), put);
                size -= (size_t) (end - at);
        }
        if (db_commit(txn) < 0)
                abort();
        (void) db_close(db);
        return s;
}
