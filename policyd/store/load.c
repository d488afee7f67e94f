/*
 * Loading: every record read, every reference followed, or a sentence that says why not
 *
 * The classes are loaded one after the other, so that an object comes after those that it refers to. For each
 * class the whole table is read, and rows of other classes are skipped by their keys, which costs little
 * compared with parsing.
 */

#include "policyd/store/store.h"

#include "policyd/store/internal.h"
#include "policyd/store/row.h"

/* What an object refers to comes before it. */
static const ObjectClass load_order[] = {
        CLASS_VGPU_TYPE,
        CLASS_GPU_GROUP,
        CLASS_HOST,
        CLASS_PGPU,
        CLASS_RESERVATION,
        CLASS_VM_GROUP,
        CLASS_VM,
        CLASS_VGPU,
        CLASS_QUOTA,
        CLASS_JOB,
};

typedef struct Load {
        Pool *pool;
        ObjectClass class;
        StoreAnswerVisitor visitor;
        void *userdata;
        UnreadableRows *rows;
} Load;

/* An unfinished job goes on where its VM's booking is, without its record too. */
static bool row_blocks(StoreTable table, int class) {
        return table != STORE_IDEMPOTENCY && table != STORE_FORMER && !(table == STORE_OBJECT && class == CLASS_JOB);
}

static int check_version(JsonReader *r, struct json_object *record) {
        uint32_t version;
        int q;

        q = json_get_u32(r, record, "version", &version);
        if (q < 0)
                return q;
        if (version < 1 || version > STORE_SCHEMA)
                return json_fail(r, "version", "is %u; this policyd reads 1 to %d", version, STORE_SCHEMA);
        return 0;
}

/* Otherwise a later deletion would not find the record. */
static int check_key(JsonReader *r, const Object *o, const void *key, size_t key_size) {
        StoreKey expected;

        store_key_of(o, &expected);
        if (key_size != expected.size || memcmp(key, expected.bytes, key_size) != 0)
                return json_fail(r, "vm", "is not the VM of the record's key");
        return 0;
}

static int load_object(Load *load, RowReader *row, const void *key, size_t key_size) {
        JsonReader *r = &row->json;
        Object *o;
        int q;

        q = check_version(r, row->record);
        q = q ?: json_get_uuid(r, row->record, "uuid", &row->id);
        if (q < 0)
                return q;
        if (pool_get(load->pool, load->class, &row->id))
                return json_fail(r, "uuid", "is that of another %s too", object_class_to_string(load->class));
        q = row_load(row, load->class, &o);
        if (q < 0)
                return q;
        if (row->lacks)
                pool_touch(load->pool, o, 0, /* store= */ true);
        q = check_key(r, o, key, key_size);
        if (q < 0)
                pool_remove(load->pool, o);
        return q;
}

/* A number is never used twice. */
static void take_number(Pool *pool, uint64_t number) {
        if (number < UINT64_MAX)
                pool->next_key = MAX_OF(pool->next_key, number + 1);
}

static int visit_object(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_json_ struct json_object *record = NULL;
        Load *load = userdata;
        RowReader row = {.pool = load->pool, .all_read = load->rows->n_blocking == 0};
        uint64_t number;
        int class, r;

        class = store_key_read(key, key_size, &number);
        if (class < 0)
                return unreadable_rows_add(load->rows, STORE_OBJECT, key, key_size, /* blocks= */ true,
                        "The key is no number with the letter of a class");
        if (class != (int) load->class)
                return 0;
        take_number(load->pool, number);
        r = json_parse_cleaned(&row.json, data, size, &record);
        row.record = record;
        row.key = number;
        r = r ?: load_object(load, &row, key, key_size);
        if (r == -EINVAL || r == -EEXIST)
                return unreadable_rows_add(load->rows, STORE_OBJECT, key, key_size,
                        row_blocks(STORE_OBJECT, class),
                        *row.json.error ? row.json.error : "Another object has the same identity");
        return r;
}

static int visit_answer(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_(store_answer_done) StoreAnswer answer = {};
        _cleanup_free_ char *text = strndup(key, key_size);
        JsonReader reader = {};
        Load *load = userdata;
        int r;

        if (!text)
                return -ENOMEM;
        r = json_parse_cleaned(&reader, data, size, &record);
        r = r ?: check_version(&reader, record);
        r = r ?: store_answer_read(&reader, record, &answer);
        if (r == -EINVAL)
                return unreadable_rows_add(
                        load->rows, STORE_IDEMPOTENCY, key, key_size, /* blocks= */ false, reader.error);
        if (r < 0)
                return r;
        answer.key = text;
        return load->visitor ? load->visitor(&answer, load->userdata) : 0;
}

static int visit_former(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_json_ struct json_object *record = NULL;
        uint64_t number = key_size == sizeof(number) ? db_key_number(key) : 0;
        JsonReader reader = {};
        Load *load = userdata;
        int r;

        take_number(load->pool, number);
        r = json_parse_cleaned(&reader, data, size, &record);
        r = r ?: key_size == sizeof(number) ? 0 : json_fail(&reader, NULL, "has a key that is no number");
        r = r ?: check_version(&reader, record);
        r = r ?: store_former_load(&reader, record, number, load->pool);
        if (r == -EINVAL)
                return unreadable_rows_add(load->rows, STORE_FORMER, key, key_size, row_blocks(STORE_FORMER, 0), reader.error);
        return r;
}

static int load_tables(DbTxn *txn, Load *load) {
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(load_order) && r == 0; i++) {
                load->class = load_order[i];
                r = db_iterate(txn, STORE_OBJECT, visit_object, load);
        }
        if (r < 0)
                return r;
        pool_settle_types(load->pool);
        pool_label_types(load->pool);
        r = db_iterate(txn, STORE_FORMER, visit_former, load);
        return r ?: db_iterate(txn, STORE_IDEMPOTENCY, visit_answer, load);
}

/* Loading sets values, but these are no changes. */
static void forget_changes(Pool *pool) {
        Object *o, *next;

        for (o = pool_take_changes(pool); o; o = next) {
                next = o->next_changed;
                pool_forget(pool, o);
        }
}

typedef struct LoadMeta {
        StoreMeta *meta;
        UnreadableRows *rows;
        bool found, any_other;
} LoadMeta;

/* Without it the objects are still shown. */
static int visit_meta(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_free_ char *problem = NULL;
        LoadMeta *m = userdata;
        uint32_t schema;
        int r;

        m->found = true;
        r = store_parse_meta(data, size, &schema, m->meta, &problem);
        if (r == -EBADMSG)
                return unreadable_rows_add(m->rows, STORE_META, key, key_size, /* blocks= */ true,
                        problem ?: "it does not decode");
        return r;
}

static int visit_other(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        ((LoadMeta *) userdata)->any_other = true;
        return 0;
}

/* No meta record: fine when nothing else is there either. The upgrade has looked into the older tables. */
static int load_meta(DbTxn *txn, UnreadableRows *rows, StoreMeta *ret) {
        LoadMeta m = {.meta = ret, .rows = rows};
        int r;

        r = db_iterate(txn, STORE_META, visit_meta, &m);
        if (r < 0 || m.found)
                return r;
        r = db_iterate(txn, STORE_OBJECT, visit_other, &m);
        r = r ?: db_iterate(txn, STORE_IDEMPOTENCY, visit_other, &m);
        if (r < 0 || !m.any_other)
                return r;
        return unreadable_rows_add(rows, STORE_META, "pool", 4, /* blocks= */ true, store_no_meta);
}

static int load_rows(DbTxn *txn, StoreAnswerVisitor visitor, void *userdata, Pool **ret,
        StoreMeta *ret_meta, UnreadableRows *rows) {
        _cleanup_(pool_freep) Pool *pool = pool_new();
        Load load = {.pool = pool, .visitor = visitor, .userdata = userdata, .rows = rows};
        StoreMeta meta = {.next_key = 1};
        int r;

        if (!pool)
                return -ENOMEM;
        r = load_meta(txn, rows, &meta);
        r = r ?: load_tables(txn, &load);
        if (r < 0)
                return r;
        forget_changes(pool);
        pool->next_key = MAX_OF(pool->next_key, meta.next_key);
        for (size_t i = 0; i < pool->objects[CLASS_VM].n; i++)
                meta.orders = MAX_OF(meta.orders, ((const Vm *) pool->objects[CLASS_VM].items[i])->order);
        *ret = take_ptr(pool);
        *ret_meta = meta;
        return 0;
}

int store_schema(Db *db, uint32_t *ret) {
        _cleanup_free_ char *problem = NULL;
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        StoreMeta meta;
        int r;

        *ret = 0;
        r = db_begin(db, /* write= */ false, &txn);
        r = r ?: store_read_meta(txn, ret, &meta, &problem);
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

int store_load(Db *s, StoreAnswerVisitor visitor, void *userdata, Pool **ret, StoreMeta *ret_meta,
        UnreadableRows *ret_rows, char **ret_problem) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *pool = NULL;
        DbTxn *txn = NULL;
        int r;

        r = db_change(s, store_upgrade, ret_problem);
        r = r ?: db_begin(s, /* write= */ false, &txn);
        r = r ?: load_rows(txn, visitor, userdata, &pool, ret_meta, &rows);
        r = r ?: store_load_aside(txn, &rows);
        db_abort(txn);
        if (r < 0)
                return r;
        /* Nothing is written while a row blocks. If the disk takes no writes now, the rows are set aside at
         * the next start. */
        if (rows.n_blocking == 0)
                (void) store_set_aside(s, &rows);
        *ret = take_ptr(pool);
        *ret_rows = rows;
        rows = (UnreadableRows){};
        return 0;
}
