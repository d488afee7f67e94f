/*
 * The store's own rows: the pool's record and remembered answers
 *
 * The pool's record is written with each start of policyd, and sometimes later for the numbers in it. A
 * database of version 4 does not have all members: then no order was counted, and the database is no copy.
 */

#include "policyd/store/internal.h"
#include "policyd/store/row.h"

const char store_no_meta[] = "There are objects, but the record meta/pool is missing";

DEFINE_WORD_TABLE(old_reason_words, OLD_REASONS)

static const RecordField old_fields[] = {
        FIELD_AS(StoreMeta, old, "reason", REQUIRED, WORD, .words = &old_reason_words),
        FIELD_AS(StoreMeta, old_keys, "keys", REQUIRED, U64),
        FIELD_AS(StoreMeta, old_made, "made", REQUIRED, U64),
};
static const RecordTable old_table = RECORD_TABLE(StoreMeta, old_fields);

static int parse_old(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        struct json_object *old = NULL;
        size_t mark;
        int q;

        q = json_opt_object(r, o, f->member, &old);
        if (q < 0 || !old)
                return q;
        mark = json_enter(r, f->member);
        q = record_parse_members(&old_table, r, old, value);
        json_leave(r, mark);
        return q;
}

static void write_old(const void *value, StrBuf *b, const char *member) {
        const StoreMeta *meta = value;

        if (meta->old != OLD_NOT)
                record_write(&old_table, meta, b, member);
}

static const RecordField epoch_fields[] = {
        FIELD(StoreEpoch, epoch, REQUIRED, U64),
        FIELD(StoreEpoch, orders, REQUIRED, U64),
};
static const RecordTable epoch_table = RECORD_TABLE(StoreEpoch, epoch_fields);

typedef struct Past {
        StoreEpoch *past;
        size_t n_past;
} Past;
static const RecordField past_fields[] = {FIELD_LIST(Past, past, OPTIONAL, &epoch_table, STORE_PAST_MAX)};
static const RecordTable past_table = RECORD_TABLE(Past, past_fields);

static int parse_past(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        StoreMeta *meta = value;
        Past past;
        int q;

        q = record_parse(&past_table, r, o, &past);
        if (q < 0)
                return q;
        for (size_t i = 0; i < past.n_past; i++)
                meta->past[i] = past.past[i];
        meta->n_past = past.n_past;
        record_done(&past_table, &past);
        return 0;
}

static void write_past(const void *value, StrBuf *b, const char *member) {
        const StoreMeta *meta = value;
        const Past past = {.past = (StoreEpoch *) meta->past, .n_past = meta->n_past};

        if (meta->n_past > 0)
                record_write_members(&past_table, &past, b);
}

static const RecordField meta_fields[] = {
        FIELD(StoreMeta, pool, REQUIRED, UUID),
        FIELD(StoreMeta, epoch, REQUIRED, U64),
        FIELD(StoreMeta, next_key, REQUIRED, U64),
        FIELD(StoreMeta, orders, OPTIONAL, U64),
        FIELD(StoreMeta, backup, IF_ANY, U64),
        FIELD_OWN("old", (&(const RecordCoder){.parse = parse_old, .write = write_old})),
        FIELD_OWN("past", (&(const RecordCoder){.parse = parse_past, .write = write_past})),
};
static const RecordTable meta_table = RECORD_TABLE(StoreMeta, meta_fields);

int store_meta_build(const StoreMeta *meta, char **ret_text) {
        return row_to_text(&meta_table, NULL, meta, ret_text);
}

int store_parse_meta(
        const void *data, size_t size, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem) {
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader = {};
        StoreMeta meta;
        uint32_t schema;
        int r;

        r = json_parse_cleaned(&reader, data, size, &record);
        r = r ?: json_get_u32(&reader, record, "version", &schema);
        r = r ?: record_parse(&meta_table, &reader, record, &meta);
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

/* Their texts are the giver's, and constant to the store. */
#define ANSWER_TEXT(m) {.member = #m, .kind = RECORD_KIND_TEXT, .use = RECORD_REQUIRED, .offset = offsetof(StoreAnswer, m)}

static const RecordField answer_fields[] = {
        ANSWER_TEXT(digest),
        ANSWER_TEXT(path),
        FIELD(StoreAnswer, class, REQUIRED, WORD, .words = &object_class_words),
        FIELD(StoreAnswer, object, REQUIRED, UUID),
};
static const RecordTable answer_table = RECORD_TABLE(StoreAnswer, answer_fields);

int store_answer_build(const StoreAnswer *answer, char **ret_text) {
        return row_to_text(&answer_table, NULL, answer, ret_text);
}

int store_answer_read(JsonReader *r, struct json_object *record, StoreAnswer *ret) {
        return record_parse(&answer_table, r, record, ret);
}

void store_answer_done(StoreAnswer *answer) {
        record_done(&answer_table, answer);
}
