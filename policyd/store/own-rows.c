/*
 * The store's own rows: the pool's record and remembered answers
 *
 * The pool's record is written with each start of policyd and now and then for the numbers in it. What a database of version 4 did not have
 * yet is absent there: no order was counted, and it is no copy.
 */

#include "policyd/store/internal.h"
#include "policyd/store/row.h"

const char store_no_meta[] = "There are objects, but the record meta/pool is missing";

static const char *old_to_word(const void *field) {
        static const char *const words[_OLD_MAX] = {
                [OLD_NOT] = "", [OLD_BACKUP] = "backup", [OLD_EPOCH] = "epoch", [OLD_ORDERS] = "orders"};

        return words[*(const OldReason *) field];
}

static int old_from_word(const char *text) {
        for (OldReason reason = OLD_NOT + 1; reason < _OLD_MAX; reason++)
                if (streq(text, old_to_word(&reason)))
                        return (int) reason;
        return -EINVAL;
}

static const RowField old_fields[] = {
        ROW_FIELD(StoreMeta, "reason", ENUM, old, .word = old_to_word, .from_word = old_from_word),
        ROW_FIELD(StoreMeta, "keys", U64, old_keys),
        ROW_FIELD(StoreMeta, "made", U64, old_made),
        {},
};

static const RowField past_fields[] = {
        ROW_FIELD(StoreEpoch, "epoch", U64, epoch),
        ROW_FIELD(StoreEpoch, "orders", U64, orders),
        {},
};

static void write_old(StrBuf *b, const char *member, const void *object) {
        const StoreMeta *meta = object;

        if (meta->old == OLD_NOT)
                return;
        json_write_open(b, member, '{');
        row_write_fields(b, old_fields, meta);
        json_write_close(b, '}');
}

static int read_old(RowReader *row, const char *member, void *object) {
        RowReader old = {.json = row->json};
        size_t mark;
        int q;

        q = json_get_object(row->json, row->record, member, &old.record);
        if (q < 0)
                return q;
        mark = json_enter(row->json, member);
        q = row_read_fields(&old, old_fields, object);
        json_leave(row->json, mark);
        return q;
}

static void write_past(StrBuf *b, const char *member, const void *object) {
        const StoreMeta *meta = object;

        if (meta->n_past == 0)
                return;
        json_write_open(b, member, '[');
        for (size_t i = 0; i < meta->n_past; i++) {
                json_write_open(b, NULL, '{');
                row_write_fields(b, past_fields, &meta->past[i]);
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
}

static int read_past_epoch(RowReader *row, size_t i, void *object) {
        StoreMeta *meta = object;

        meta->n_past = i + 1;
        return row_read_fields(row, past_fields, &meta->past[i]);
}

static int read_past(RowReader *row, const char *member, void *meta) {
        return row_read_list(row, member, STORE_PAST_MAX, read_past_epoch, meta);
}

static const RowField meta_fields[] = {
        ROW_FIELD(StoreMeta, "pool", UUID, pool),
        ROW_FIELD(StoreMeta, "epoch", U64, epoch),
        ROW_FIELD(StoreMeta, "next_key", U64, next_key),
        ROW_FIELD(StoreMeta, "orders", U64, orders, .presence = ROW_SINCE),
        ROW_FIELD(StoreMeta, "backup", U64, backup, .presence = ROW_UNLESS_NOTHING),
        ROW_FIELD(StoreMeta, "old", BY_HAND, old, .presence = ROW_UNLESS_NOTHING, .write = write_old, .read = read_old),
        ROW_FIELD(StoreMeta, "past", BY_HAND, past, .presence = ROW_UNLESS_NOTHING, .write = write_past, .read = read_past),
        {},
};

int store_meta_build(const StoreMeta *meta, char **ret_text) {
        return row_to_text(meta_fields, NULL, meta, ret_text);
}

int store_parse_meta(
        const void *data, size_t size, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem) {
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader = {};
        RowReader row = {.json = &reader};
        StoreMeta meta = {};
        uint32_t schema;
        int r;

        r = json_parse_cleaned(&reader, data, size, &record);
        row.record = record;
        r = r ?: json_get_u32(&reader, record, "version", &schema);
        r = r ?: row_read_fields(&row, meta_fields, &meta);
        r = r ?: row_read_by_hand(&row, meta_fields, &meta);
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

/* Answers */

static const RowField answer_fields[] = {
        ROW_FIELD(StoreAnswer, "digest", TEXT, digest),
        ROW_FIELD(StoreAnswer, "path", TEXT, path),
        ROW_FIELD(StoreAnswer, "class", ENUM, class, .word = row_class_word, .from_word = row_class_from_word),
        ROW_FIELD(StoreAnswer, "object", UUID, object),
        {},
};

int store_answer_build(const StoreAnswer *answer, char **ret_text) {
        return row_to_text(answer_fields, NULL, answer, ret_text);
}

int store_answer_read(RowReader *row, StoreAnswer *ret) {
        return row_read_fields(row, answer_fields, ret);
}

void store_answer_done(StoreAnswer *answer) {
        row_free_fields(answer_fields, answer);
}
