/*
 * The pool's own record
 *
 * Written with each start of policyd and now and then for the numbers in it. What a database of version 4 did
 * not have yet is absent there: no order was counted, and it is no copy.
 */

#include "policyd/store/internal.h"

static const char *const old_names[_OLD_MAX] = {
        [OLD_NOT] = "",
        [OLD_BACKUP] = "backup",
        [OLD_EPOCH] = "epoch",
        [OLD_ORDERS] = "orders",
};

static OldReason old_from_string(const char *text) {
        for (OldReason reason = OLD_NOT + 1; reason < _OLD_MAX; reason++)
                if (streq(text, old_names[reason]))
                        return reason;
        return _OLD_INVALID;
}

static int add_old(struct json_object *record, const StoreMeta *meta) {
        struct json_object *o;
        int r;

        if (meta->old == OLD_NOT)
                return 0;
        o = json_object_new_object();
        r = o ? json_add(record, "old", o) : -ENOMEM;
        r = r ?: json_add_string(o, "reason", old_names[meta->old]);
        r = r ?: json_add_u64(o, "keys", meta->old_keys);
        return r ?: json_add_u64(o, "made", meta->old_made);
}

static int add_past(struct json_object *record, const StoreMeta *meta) {
        struct json_object *array = NULL;
        int r = 0;

        if (meta->n_past > 0) {
                array = json_object_new_array();
                r = array ? json_add(record, "past", array) : -ENOMEM;
        }
        for (size_t i = 0; i < meta->n_past && r == 0; i++) {
                struct json_object *o = json_object_new_object();

                if (!o || json_object_array_add(array, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }
                r = json_add_u64(o, "epoch", meta->past[i].epoch);
                r = r ?: json_add_u64(o, "orders", meta->past[i].orders);
        }
        return r;
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
        r = r ?: json_add_u64(record, "orders", meta->orders);
        if (meta->backup != 0)
                r = r ?: json_add_u64(record, "backup", meta->backup);
        r = r ?: add_old(record, meta);
        r = r ?: add_past(record, meta);
        if (r < 0)
                return r;
        text = json_to_text(record);
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        return 0;
}

static int read_old(JsonReader *r, struct json_object *record, StoreMeta *meta) {
        struct json_object *o = NULL;
        const char *reason;
        size_t mark;
        int q;

        q = json_opt_object(r, record, "old", &o);
        if (q < 0 || !o)
                return q;
        mark = json_enter(r, "old");
        q = json_get_string(r, o, "reason", &reason);
        q = q ?: json_get_u64(r, o, "keys", &meta->old_keys);
        q = q ?: json_get_u64(r, o, "made", &meta->old_made);
        if (q == 0) {
                meta->old = old_from_string(reason);
                if (meta->old == _OLD_INVALID)
                        q = json_fail(r, "reason", "is no reason that is known");
        }
        json_leave(r, mark);
        return q;
}

static int read_past(JsonReader *r, struct json_object *record, StoreMeta *meta) {
        struct json_object *array = NULL;
        size_t n, mark;
        int q;

        q = json_opt_array(r, record, "past", &array);
        if (q < 0 || !array)
                return q;
        n = json_object_array_length(array);
        if (n > STORE_PAST_MAX)
                return json_fail(r, "past", "has %zu elements; the limit is %d", n, STORE_PAST_MAX);
        mark = json_enter(r, "past");
        for (size_t i = 0; i < n && q == 0; i++) {
                struct json_object *o = json_object_array_get_idx(array, i);
                size_t inner = json_enter_index(r, i);

                q = json_get_u64(r, o, "epoch", &meta->past[i].epoch);
                q = q ?: json_get_u64(r, o, "orders", &meta->past[i].orders);
                json_leave(r, inner);
                meta->n_past = i + 1;
        }
        json_leave(r, mark);
        return q;
}

int store_parse_meta(
        const void *data, size_t size, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem) {
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader = {};
        StoreMeta meta = {};
        uint32_t schema;
        int r;

        r = json_parse_cleaned(&reader, data, size, &record);
        r = r ?: json_get_u32(&reader, record, "version", &schema);
        r = r ?: json_get_uuid(&reader, record, "pool", &meta.pool);
        r = r ?: json_get_u64(&reader, record, "epoch", &meta.epoch);
        r = r ?: json_get_u64(&reader, record, "next_key", &meta.next_key);
        r = r ?: json_opt_u64(&reader, record, "orders", &meta.orders);
        r = r ?: json_opt_u64(&reader, record, "backup", &meta.backup);
        r = r ?: read_old(&reader, record, &meta);
        r = r ?: read_past(&reader, record, &meta);
        if (r == -EINVAL && ret_problem) {
                *ret_problem = strdup(reader.error);
                return *ret_problem ? -EBADMSG : -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret_schema = schema;
        *ret = meta;
        return 0;
}

int store_read_meta(DbTxn *txn, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem) {
        const void *data;
        size_t size;
        int r;

        r = db_get(txn, STORE_META, "pool", 4, &data, &size);
        return r < 0 ? r : store_parse_meta(data, size, ret_schema, ret, ret_problem);
}
