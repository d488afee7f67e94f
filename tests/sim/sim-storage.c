/*
 * A storage in memory: one array of rows, in the order of their tables and keys
 */

#include "tests/sim/sim-storage.h"

typedef struct Row {
        unsigned table;
        void *key;
        size_t key_size;
        char *value;
} Row;

typedef struct SimStorage {
        Storage storage;
        StoreRows rows;
        Row *items;
        size_t n, size;
        int error;
} SimStorage;

static SimStorage *sim_of(Storage *s) {
        return CONTAINER_OF(s, SimStorage, storage);
}

static void row_done(Row *row) {
        free(row->key);
        free(row->value);
}

static int compare(const Row *row, const StoreOp *op) {
        int r;

        if (row->table != op->table)
                return row->table < op->table ? -1 : 1;
        r = memcmp(row->key, op->key, MIN_OF(row->key_size, op->key_size));
        return r != 0 ? r : (row->key_size > op->key_size) - (row->key_size < op->key_size);
}

static size_t find(const SimStorage *s, const StoreOp *op, bool *ret_found) {
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(&s->items[middle], op) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_found = low < s->n && compare(&s->items[low], op) == 0;
        return low;
}

static int insert(SimStorage *s, size_t at, const StoreOp *op) {
        Row row = {.table = op->table, .key = malloc(op->key_size), .key_size = op->key_size};
        Row *more = s->items;

        if (s->n == s->size) {
                more = reallocarray(s->items, s->size * 2 + 64, sizeof(*more));
                if (more) {
                        s->items = more;
                        s->size = s->size * 2 + 64;
                }
        }
        if (!row.key || !more) {
                free(row.key);
                return -ENOMEM;
        }
        memcpy(row.key, op->key, op->key_size);
        memmove(more + at + 1, more + at, (s->n++ - at) * sizeof(*more));
        more[at] = row;
        return 0;
}

static int apply(SimStorage *s, const StoreOp *op) {
        char *value = op->value ? strdup(op->value) : NULL;
        bool found;
        size_t at = find(s, op, &found);

        if (op->value && (!value || (!found && insert(s, at, op) < 0))) {
                free(value);
                return -ENOMEM;
        }
        if (op->value) {
                free(s->items[at].value);
                s->items[at].value = value;
        } else if (found) {
                row_done(&s->items[at]);
                memmove(s->items + at, s->items + at + 1, (--s->n - at) * sizeof(*s->items));
        }
        return 0;
}

/* All or nothing, but for a lack of memory. */
static int storage_write(Storage *storage, const StoreOps *ops) {
        SimStorage *s = sim_of(storage);
        int r = s->error;

        for (size_t i = 0; i < ops->n && r == 0; i++)
                r = apply(s, &ops->items[i]);
        return r;
}

static int each(const StoreRows *rows, StoreTable table, StoreRowVisitor visitor, void *userdata) {
        const SimStorage *s = CONTAINER_OF(rows, SimStorage, rows);
        int r = 0;

        for (size_t i = 0; i < s->n && r == 0; i++)
                if (s->items[i].table == table)
                        r = visitor(s->items[i].key, s->items[i].key_size, s->items[i].value,
                                strlen(s->items[i].value), userdata);
        return r;
}

static int storage_load(Storage *storage, StoreAnswerVisitor visitor, void *userdata, Pool **ret,
        StoreMeta *ret_meta, UnreadableRows *ret_rows, char **ret_problem) {
        return store_load_rows(&sim_of(storage)->rows, visitor, userdata, ret, ret_meta, ret_rows);
}

static int storage_remove_row(Storage *storage, const UnreadableRow *row) {
        return apply(sim_of(storage),
                &(StoreOp){.table = row->table, .key = (void *) row->key, .key_size = row->key_size});
}

static int storage_backup(Storage *s, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return -EOPNOTSUPP;
}

static void nothing(Storage *s) {
}

int sim_storage_new(Storage **ret) {
        SimStorage *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->rows.each = each;
        s->storage = (Storage){
                .dir = "memory",
                .load = storage_load,
                .write = storage_write,
                .remove_row = storage_remove_row,
                .backup = storage_backup,
                .forget_readers = nothing,
                .close = nothing,
        };
        *ret = &s->storage;
        return 0;
}

Storage *sim_storage_free(Storage *storage) {
        SimStorage *s;

        if (!storage)
                return NULL;
        s = sim_of(storage);
        for (size_t i = 0; i < s->n; i++)
                row_done(&s->items[i]);
        free(s->items);
        free(s);
        return NULL;
}

void sim_storage_fail(Storage *s, int error) {
        sim_of(s)->error = error;
}
