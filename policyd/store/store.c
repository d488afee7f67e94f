/*
 * The environment: open, write, meta record
 */

#include "policyd/store/store.h"

#include "common/daemon/database.h"
#include "policyd/store/internal.h"

const char *const store_table_names[_STORE_TABLE_MAX + 1] = {
        [STORE_META] = "meta",
        [STORE_OBJECT] = "object",
        [STORE_IDEMPOTENCY] = "idempotency",
};

int store_open(const char *dir, size_t map_size, size_t map_max, char **ret_problem, Store **ret) {
        DbOptions options = {
                .tables = store_table_names,
                .map_size = map_size,
                .map_max = map_max,
                .broken = database_broken,
        };
        _cleanup_(store_closep) Store *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        r = db_open(dir, &options, ret_problem, &s->db);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

Store *store_close(Store *s) {
        if (!s)
                return NULL;
        db_close(s->db);
        free(s);
        return NULL;
}

static int write_once(Store *s, const StoreOps *ops) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = db_begin(s->db, /* write= */ true, &txn);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ops->n; i++) {
                const StoreOp *op = &ops->items[i];

                if (op->value)
                        r = db_put(txn, op->table, op->key, op->key_size, op->value, strlen(op->value));
                else
                        r = db_del(txn, op->table, op->key, op->key_size);
                if (r < 0 && !(r == -ENOENT && !op->value))
                        return r;
        }
        return db_commit(take_ptr(txn));
}

int store_write(Store *s, const StoreOps *ops) {
        int r;

        for (;;) {
                r = write_once(s, ops);
                if (r != -EOVERFLOW)
                        return r;
                r = db_grow(s->db);
                if (r < 0)
                        return r;
        }
}

int store_meta_build(const StoreMeta *meta, char **ret_text) {
        _cleanup_json_ struct json_object *record = NULL;
        char *text;
        int r = 0;

        record = json_object_new_object();
        if (!record)
                return -ENOMEM;
        r = r ?: json_add_u64(record, "version", STORE_SCHEMA);
        r = r ?: json_add_uuid(record, "pool", &meta->pool);
        r = r ?: json_add_u64(record, "epoch", meta->epoch);
        r = r ?: json_add_u64(record, "next_key", meta->next_key);
        if (r < 0)
                return r;
        text = json_to_text(record);
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        return 0;
}

int store_read_meta(DbTxn *txn, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem) {
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader = {};
        uint32_t schema;
        StoreMeta meta;
        const void *data;
        size_t size;
        int r;

        r = db_get(txn, STORE_META, "pool", 4, &data, &size);
        if (r < 0)
                return r;
        r = json_parse_cleaned(&reader, data, size, &record);
        r = r ?: json_get_u32(&reader, record, "version", &schema);
        r = r ?: json_get_uuid(&reader, record, "pool", &meta.pool);
        r = r ?: json_get_u64(&reader, record, "epoch", &meta.epoch);
        r = r ?: json_get_u64(&reader, record, "next_key", &meta.next_key);
        if (r == -EINVAL)
                return store_problem(STORE_META, "pool", 4, reader.error, ret_problem);
        if (r < 0)
                return r;
        *ret_schema = schema;
        *ret = meta;
        return 0;
}
