/*
 * policyd's rows: whatever stands in the database, the pool is loaded, and what was loaded can be stored and is the same again
 *
 * Each line of the input is a row: the table's or class's letter, its key, a blank, its value.
 */

#include "policyd/pool/each.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/policyd/pool-rows.h"

static void demand(bool holds) {
        if (!holds)
                abort();
}

static int see_answer(const StoreAnswer *answer, void *userdata) {
        demand(answer->key && answer->digest && answer->path);
        return 0;
}

static size_t count_objects(const Pool *pool) {
        size_t n = 0;

        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                n += pool->objects[c].n;
        return n;
}

static int load(const SimDb *db, UnreadableRows *rows, StoreMeta *meta, Pool **ret) {
        _cleanup_(db_closep) Db *store = NULL;
        _cleanup_free_ char *problem = NULL, *sentence = NULL;
        int r;

        demand(store_open(sim_db_source(db), 1 << 20, 64 << 20, &problem, &store) == 0);
        r = store_load(store, see_answer, NULL, ret, meta, rows, &sentence);
        demand(r >= 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        demand(r >= 0 || !isempty(sentence));
        for (size_t i = 0; r >= 0 && i < rows->n; i++)
                demand(!isempty(rows->items[i].name) && !isempty(rows->items[i].reason));
        return r;
}

/* A row that was read may be too large to be written again, which a request would be told. */
static void store_again(const Pool *pool, const StoreMeta *meta) {
        _cleanup_(sim_db_freep) SimDb *db = NULL;
        _cleanup_(db_closep) Db *store = NULL;
        _cleanup_free_ char *problem = NULL;
        UnreadableRows rows = {};
        StoreMeta again_meta;
        StoreOps ops = {};
        Pool *again;
        bool fits = true;

        demand(sim_db_new(&db) == 0 && store_open(sim_db_source(db), 1 << 20, 64 << 20, &problem, &store) == 0);
        demand(store_ops_put_meta(&ops, meta) >= 0);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for_each(const Object, o, &pool->objects[c])
                        fits &= store_ops_put_object(&ops, o) >= 0;
        if (fits) {
                demand(store_write(store, &ops) == 0);
                store = db_close(store);
                demand(load(db, &rows, &again_meta, &again) == 0);
                demand(rows.n == 0 && count_objects(again) == count_objects(pool));
                pool_free(again);
        }
        store_ops_done(&ops);
        unreadable_rows_done(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(sim_db_freep) SimDb *db = rows_in_memory(pool_tables, data, size, pool_row_put);
        UnreadableRows rows = {};
        StoreMeta meta = {};
        Pool *pool = NULL;

        if (load(db, &rows, &meta, &pool) >= 0 && rows.n == 0 && rows.n_more == 0 && !uuid_is_null(&meta.pool))
                store_again(pool, &meta);
        pool_free(pool);
        unreadable_rows_done(&rows);
        return 0;
}
