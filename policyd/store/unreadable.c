/*
 * Rows that cannot be read
 *
 * Each is named, with the reason. What nothing rests on is set aside: its bytes go to the table "aside", as
 * one line of JSON that says what it was, and the bytes after it. Its key there is the letter of its table
 * and the key it had. Every other row stays where it is until a person has it set aside.
 */

#include <inttypes.h>

#include "common/base/text.h"
#include "policyd/store/internal.h"

#define REASON_MAX 400

static const char table_letters[_STORE_TABLE_MAX] = {
        [STORE_META] = 'm', [STORE_OBJECT] = 'o', [STORE_IDEMPOTENCY] = 'i', [STORE_ASIDE] = 'a'};

void unreadable_rows_done(UnreadableRows *rows) {
        for (size_t i = 0; i < rows->n; i++) {
                free(rows->items[i].name);
                free(rows->items[i].reason);
        }
        free(rows->items);
        *rows = (UnreadableRows){};
}

const UnreadableRow *unreadable_rows_find(const UnreadableRows *rows, const char *name) {
        for (size_t i = 0; i < rows->n; i++)
                if (streq(rows->items[i].name, name))
                        return &rows->items[i];
        return NULL;
}

bool unreadable_rows_has(const UnreadableRows *rows, unsigned table, const void *key, size_t key_size) {
        for (size_t i = 0; i < rows->n; i++) {
                const UnreadableRow *row = &rows->items[i];

                if (row->table == table && row->key_size == key_size && memcmp(row->key, key, key_size) == 0)
                        return true;
        }
        return false;
}

static int add_row(UnreadableRows *rows, UnreadableRow *row) {
        UnreadableRow *items;

        items = reallocarray(rows->items, rows->n + 1, sizeof(*items));
        if (!items || !row->name || !row->reason) {
                rows->items = items ?: rows->items;
                free(row->name);
                free(row->reason);
                return -ENOMEM;
        }
        rows->items = items;
        rows->items[rows->n++] = *row;
        rows->n_blocking += row->blocks;
        return 0;
}

int unreadable_rows_add(UnreadableRows *rows, StoreTable table, const void *key, size_t key_size, bool blocks,
        const char *reason) {
        UnreadableRow row = {.table = table, .key_size = MIN_OF(key_size, sizeof(row.key)), .blocks = blocks};

        if (unreadable_rows_has(rows, table, key, row.key_size))
                return 0;
        if (rows->n >= UNREADABLE_ROWS_MAX) {
                rows->n_more++;
                rows->n_blocking += blocks;
                return 0;
        }
        memcpy(row.key, key, row.key_size);
        row.name = store_row_name(table, key, key_size);
        row.reason = text_clean(reason, strlen(reason), TEXT_LINE, REASON_MAX);
        return add_row(rows, &row);
}

/* The table of rows set aside */

static size_t aside_key(const UnreadableRow *row, uint8_t buf[static STORE_ROW_KEY_MAX + 1]) {
        buf[0] = (uint8_t) table_letters[row->table];
        memcpy(buf + 1, row->key, row->key_size);
        return row->key_size + 1;
}

static int build_aside(const UnreadableRow *row, const void *data, size_t size, StrBuf *b) {
        _cleanup_json_ struct json_object *record = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        int r;

        if (!record)
                return -ENOMEM;
        r = json_add_u64(record, "version", STORE_SCHEMA);
        r = r ?: json_add_string(record, "row", row->name);
        r = r ?: json_add_string(record, "reason", row->reason);
        if (r < 0)
                return r;
        text = json_to_text(record);
        if (!text)
                return -ENOMEM;
        strbuf_addf(b, "%s\n", text);
        strbuf_add_n(b, data, size);
        return 0;
}

/* -ENOENT: it is not there any more. */
static int set_aside(DbTxn *txn, const UnreadableRow *row) {
        uint8_t key[STORE_ROW_KEY_MAX + 1];
        _cleanup_strbuf_ StrBuf b = {};
        const void *data;
        size_t size;
        int r;

        r = db_get(txn, row->table, row->key, row->key_size, &data, &size);
        r = r ?: build_aside(row, data, size, &b);
        if (r < 0)
                return r;
        size = b.len;
        r = strbuf_error(&b) ? -ENOMEM : db_put(txn, STORE_ASIDE, key, aside_key(row, key), b.text, size);
        return r ?: db_del(txn, row->table, row->key, row->key_size);
}

static int forget(DbTxn *txn, const UnreadableRow *row) {
        uint8_t key[STORE_ROW_KEY_MAX + 1];

        return db_del(txn, STORE_ASIDE, key, aside_key(row, key));
}

typedef int (*RowChange)(DbTxn *txn, const UnreadableRow *row);

static int change_once(Store *s, const UnreadableRow *rows, size_t n, RowChange change) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = db_begin(s->db, /* write= */ true, &txn);
        for (size_t i = 0; i < n && r == 0; i++)
                if (!rows[i].aside || change == forget)
                        r = change(txn, &rows[i]);
        return r < 0 ? r : db_commit(take_ptr(txn));
}

static int change_rows(Store *s, const UnreadableRow *rows, size_t n, RowChange change) {
        int r;

        for (;;) {
                r = change_once(s, rows, n, change);
                if (r == -EOVERFLOW)
                        r = db_grow(s->db);
                else
                        return r;
                if (r < 0)
                        return r;
        }
}

int store_set_aside(Store *s, UnreadableRows *rows) {
        int r;

        r = change_rows(s, rows->items, rows->n, set_aside);
        for (size_t i = 0; i < rows->n && r == 0; i++) {
                rows->items[i].fresh = !rows->items[i].aside;
                rows->items[i].aside = true;
        }
        return r;
}

int store_remove_row(Store *s, const UnreadableRow *row) {
        return change_rows(s, row, 1, row->aside ? forget : set_aside);
}

/* What was set aside at earlier starts. */
static int visit_aside(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        const char *letter = memchr(table_letters, *(const char *) key, sizeof(table_letters));
        const char *end = memchr(data, '\n', size), *name, *reason;
        _cleanup_json_ struct json_object *record = NULL;
        UnreadableRow row = {.aside = true};
        JsonReader reader = {};
        int r;

        if (!letter || key_size > sizeof(row.key) + 1)
                return 0;
        row.table = (unsigned) (letter - table_letters);
        row.key_size = key_size - 1;
        memcpy(row.key, (const uint8_t *) key + 1, row.key_size);
        r = json_parse_cleaned(&reader, data, end ? (size_t) (end - (const char *) data) : 0, &record);
        r = r ?: json_get_string(&reader, record, "row", &name);
        r = r ?: json_get_string(&reader, record, "reason", &reason);
        if (r == -ENOMEM)
                return r;
        row.name = r < 0 ? store_row_name(row.table, row.key, row.key_size) : strdup(name);
        row.reason = strdup(r < 0 ? "it was set aside" : reason);
        return add_row(userdata, &row);
}

int store_load_aside(DbTxn *txn, UnreadableRows *rows) {
        return db_iterate(txn, STORE_ASIDE, visit_aside, rows);
}
