/*
 * The environment: open, write, meta record
 */

#include "policyd/store/store.h"

#include <ctype.h>
#include <stdio.h>

#include "common/strbuf.h"
#include "policyd/store/internal.h"

static const char *const table_names[_STORE_TABLE_MAX + 1] = {
        [STORE_META] = "meta",
        [STORE_FIRST_CLASS + CLASS_HOST] = "host",
        [STORE_FIRST_CLASS + CLASS_PGPU] = "pgpu",
        [STORE_FIRST_CLASS + CLASS_GPU_GROUP] = "gpu_group",
        [STORE_FIRST_CLASS + CLASS_VGPU_TYPE] = "vgpu_type",
        [STORE_FIRST_CLASS + CLASS_VM] = "vm",
        [STORE_FIRST_CLASS + CLASS_VGPU] = "vgpu",
        [STORE_FIRST_CLASS + CLASS_RESERVATION] = "reservation",
        [STORE_FIRST_CLASS + CLASS_QUOTA] = "quota",
        [STORE_FIRST_CLASS + CLASS_VM_GROUP] = "vm_group",
        [STORE_FIRST_CLASS + CLASS_JOB] = "job",
        [STORE_IDEMPOTENCY] = "idempotency",
};

const char *store_table_name(unsigned table) {
        return table < _STORE_TABLE_MAX ? table_names[table] : "?";
}

int store_open(const char *dir, size_t map_size, size_t map_max, Store **ret) {
        DbOptions options = {.tables = table_names, .map_size = map_size, .map_max = map_max};
        _cleanup_(store_closep) Store *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        r = db_open(dir, &options, &s->db);
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
                if (r != -ENOSPC)
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
        r = json_parse(&reader, data, size, &record);
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

int store_problem(unsigned table, const void *key, size_t key_size, const char *reason, char **ret_problem) {
        _cleanup_strbuf_ StrBuf b = {};
        const uint8_t *bytes = key;

        strbuf_addf(&b, "Table %s, key ", store_table_name(table));
        if (key_size == 8 && table != STORE_META && table != STORE_IDEMPOTENCY) {
                uint64_t n = 0;

                for (size_t i = 0; i < 8; i++)
                        n = n << 8 | bytes[i];
                strbuf_addf(&b, "%llu", (unsigned long long) n);
        } else
                for (size_t i = 0; i < key_size; i++)
                        if (isprint(bytes[i]))
                                strbuf_addf(&b, "%c", bytes[i]);
                        else
                                strbuf_addf(&b, "\\x%02x", bytes[i]);
        strbuf_addf(&b, ": %s.", reason);

        *ret_problem = strbuf_take(&b);
        return *ret_problem ? -EBADMSG : -ENOMEM;
}
