/*
 * Rows that cannot be read
 *
 * Each is named, with the reason. A row that no other row depends on is set aside: it is moved to the table
 * "aside", as one line of JSON that says what it was, followed by its bytes. Its key there is the letter of
 * its table and the key that it had. Every other row stays where it is until a person has it set aside.
 */

#include "common/base/text.h"
#include "common/json/json-write.h"
#include "policyd/store/internal.h"

#define REASON_MAX 400

static const char table_letters[_STORE_TABLE_MAX] = {
        [STORE_META] = 'm', [STORE_OBJECT] = 'o', [STORE_IDEMPOTENCY] = 'i', [STORE_ASIDE] = 'a', [STORE_FORMER] = 'f'};

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

static void build_aside(const UnreadableRow *row, const void *data, size_t size, StrBuf *b) {
        json_write_open(b, NULL, '{');
        json_write_u64(b, "version", STORE_SCHEMA);
        json_write_string(b, "row", row->name);
        json_write_string(b, "reason", row->reason);
        json_write_close(b, '}');
        strbuf_add(b, "\n");
        strbuf_add_n(b, data, size);
}

/* -ENOENT: it is not there any more. */
static int set_aside(DbTxn *txn, const UnreadableRow *row) {
        uint8_t key[STORE_ROW_KEY_MAX + 1];
        _cleanup_strbuf_ StrBuf b = {};
        const void *data;
        size_t size;
        int r;

        r = db_get(txn, row->table, row->key, row->key_size, &data, &size);
        if (r < 0)
                return r;
        build_aside(row, data, size, &b);
        r = strbuf_error(&b) ? -ENOMEM : db_put(txn, STORE_ASIDE, key, aside_key(row, key), b.text, b.len);
        return r ?: db_del(txn, row->table, row->key, row->key_size);
}

static int forget(DbTxn *txn, const UnreadableRow *row) {
        uint8_t key[STORE_ROW_KEY_MAX + 1];

        return db_del(txn, STORE_ASIDE, key, aside_key(row, key));
}

static int set_all_aside(DbTxn *txn, void *userdata) {
        const UnreadableRows *rows = userdata;
        int r = 0;

        for (size_t i = 0; i < rows->n && r == 0; i++)
                if (!rows->items[i].aside)
                        r = set_aside(txn, &rows->items[i]);
        return r;
}

int store_set_aside(Db *s, UnreadableRows *rows) {
        int r;

        r = db_change(s, set_all_aside, rows);
        for (size_t i = 0; i < rows->n && r == 0; i++) {
                rows->items[i].fresh = !rows->items[i].aside;
                rows->items[i].aside = true;
        }
        return r;
}

static int remove_row(DbTxn *txn, void *userdata) {
        const UnreadableRow *row = userdata;

        return row->aside ? forget(txn, row) : set_aside(txn, row);
}

int store_remove_row(Db *s, const UnreadableRow *row) {
        return db_change(s, remove_row, (void *) row);
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
