/*
 * A database in memory: its rows are one array, in the order of their tables and keys
 *
 * What is committed never changes: a transaction that writes works on an array of its own, which takes the
 * place of the committed one at its commit; one that reads holds on to the array that it began with. Arrays
 * share their rows.
 */

#include "tests/sim/sim-db.h"

typedef struct Row {
        unsigned n_ref, table;
        size_t key_size, size;
        uint8_t bytes[]; /* the key, then the value */
} Row;

typedef struct Rows {
        unsigned n_ref;
        size_t n, size;
        Row *items[];
} Rows;

struct SimDb {
        Db db;
        DbSource source;
        Rows *committed;
        bool open, cut;
        SimDbFault fault;
        int error;
        unsigned n_before_fault;
        uint64_t *count; /* of faults; or NULL */
        void (*undecided)(void *userdata);
        void *userdata;
};

typedef struct SimTxn {
        DbTxn txn;
        Rows *rows;
        bool write, changed;
} SimTxn;

static SimDb *sim_of(const Db *db) {
        return CONTAINER_OF(db, SimDb, db);
}

static SimTxn *txn_of(const DbTxn *txn) {
        return CONTAINER_OF(txn, SimTxn, txn);
}

static void row_unref(Row *row) {
        if (row && --row->n_ref == 0)
                free(row);
}

static void rows_unref(Rows *rows) {
        if (!rows || --rows->n_ref > 0)
                return;
        for (size_t i = 0; i < rows->n; i++)
                row_unref(rows->items[i]);
        free(rows);
}

static Rows *rows_copy(const Rows *from) {
        size_t size = from ? from->n + from->n / 2 + 16 : 0;
        Rows *rows = malloc(sizeof(*rows) + size * sizeof(rows->items[0]));

        if (!rows)
                return NULL;
        *rows = (Rows){.n_ref = 1, .n = from ? from->n : 0, .size = size};
        for (size_t i = 0; i < rows->n; i++) {
                rows->items[i] = from->items[i];
                rows->items[i]->n_ref++;
        }
        return rows;
}

static int compare(const Row *row, unsigned table, const void *key, size_t key_size) {
        int r;

        if (row->table != table)
                return row->table < table ? -1 : 1;
        r = memcmp(row->bytes, key, MIN_OF(row->key_size, key_size));
        return r != 0 ? r : (row->key_size > key_size) - (row->key_size < key_size);
}

/* The first that is not before the key. */
static size_t find(const Rows *rows, unsigned table, const void *key, size_t key_size, bool *ret_found) {
        size_t low = 0, high = rows->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(rows->items[middle], table, key, key_size) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_found = low < rows->n && compare(rows->items[low], table, key, key_size) == 0;
        return low;
}

static int check_change(const SimTxn *txn) {
        return !txn->write ? -EACCES : sim_of(txn->txn.db)->cut ? -EIO : 0;
}

static int sim_begin(Db *db, bool write, DbTxn **ret) {
        SimDb *s = sim_of(db);
        SimTxn *txn;

        if (s->cut)
                return -EIO;
        txn = calloc(1, sizeof(*txn));
        if (!txn)
                return -ENOMEM;
        *txn = (SimTxn){.txn.db = db, .write = write, .rows = write ? rows_copy(s->committed) : s->committed};
        if (!txn->rows) {
                free(txn);
                return -ENOMEM;
        }
        s->committed->n_ref += !write;
        *ret = &txn->txn;
        return 0;
}

static void sim_abort(DbTxn *base) {
        SimTxn *txn = txn_of(base);

        rows_unref(txn->rows);
        free(txn);
}

static int take_fault(SimDb *s) {
        if (s->fault == SIM_DB_WORKS)
                return 0;
        if (s->n_before_fault > 0) {
                s->n_before_fault--;
                return 0;
        }
        if (s->count)
                (*s->count)++;
        s->count = NULL;
        return s->error;
}

static int sim_commit(DbTxn *base) {
        SimTxn *txn = txn_of(base);
        SimDb *s = sim_of(base->db);
        int r;

        r = s->cut ? -EIO : txn->changed ? take_fault(s) : 0;
        if (txn->write && !s->cut && (r == 0 || s->fault == SIM_DB_WRITTEN)) {
                Rows *before = s->committed;

                s->committed = txn->rows;
                txn->rows = before;
        }
        if (r < 0 && !s->cut && s->fault >= SIM_DB_WRITTEN && s->undecided) {
                s->cut = true;
                s->fault = SIM_DB_WORKS;
                s->undecided(s->userdata);
        }
        sim_abort(base);
        return r;
}

static int sim_get(DbTxn *base, unsigned table, const void *key, size_t key_size, const void **ret, size_t *ret_size) {
        const Rows *rows = txn_of(base)->rows;
        bool found;
        size_t at = find(rows, table, key, key_size, &found);

        if (!found)
                return -ENOENT;
        *ret = rows->items[at]->bytes + rows->items[at]->key_size;
        *ret_size = rows->items[at]->size;
        return 0;
}

static int insert(SimTxn *txn, size_t at, Row *row) {
        if (txn->rows->n == txn->rows->size) {
                Rows *more = rows_copy(txn->rows);

                if (!more)
                        return -ENOMEM;
                rows_unref(txn->rows);
                txn->rows = more;
        }
        memmove(txn->rows->items + at + 1, txn->rows->items + at, (txn->rows->n++ - at) * sizeof(Row *));
        txn->rows->items[at] = row;
        return 0;
}

static int sim_put(DbTxn *base, unsigned table, const void *key, size_t key_size, const void *data, size_t size) {
        SimTxn *txn = txn_of(base);
        int r = check_change(txn);
        bool found;
        size_t at;
        Row *row;

        if (r < 0)
                return r;
        row = malloc(sizeof(*row) + key_size + size);
        if (!row)
                return -ENOMEM;
        *row = (Row){.n_ref = 1, .table = table, .key_size = key_size, .size = size};
        memcpy(row->bytes, key, key_size);
        memcpy(row->bytes + key_size, data, size);
        at = find(txn->rows, table, key, key_size, &found);
        if (found) {
                row_unref(txn->rows->items[at]);
                txn->rows->items[at] = row;
        } else if (insert(txn, at, row) < 0) {
                row_unref(row);
                return -ENOMEM;
        }
        txn->changed = true;
        return 0;
}

static int sim_del(DbTxn *base, unsigned table, const void *key, size_t key_size) {
        SimTxn *txn = txn_of(base);
        int r = check_change(txn);
        bool found;
        size_t at;

        if (r < 0)
                return r;
        at = find(txn->rows, table, key, key_size, &found);
        if (!found)
                return -ENOENT;
        row_unref(txn->rows->items[at]);
        memmove(txn->rows->items + at, txn->rows->items + at + 1, (--txn->rows->n - at) * sizeof(Row *));
        txn->changed = true;
        return 0;
}

static int sim_iterate(DbTxn *base, unsigned table, DbVisitor visitor, void *userdata) {
        const SimTxn *txn = txn_of(base);
        int r = 0;

        for (size_t i = 0; i < txn->rows->n && r >= 0; i++) {
                const Row *row = txn->rows->items[i];

                if (row->table == table)
                        r = visitor(row->bytes, row->key_size, row->bytes + row->key_size, row->size, userdata);
        }
        return MIN_OF(r, 0);
}

static int sim_grow(Db *db) {
        return -EOVERFLOW;
}

static void sim_forget_readers(Db *db) {
}

/* It was made with the layout of today. */
static int sim_open_old(DbTxn *txn, const char *name, unsigned *ret) {
        return -ENOENT;
}

static int sim_drop(DbTxn *txn, unsigned table) {
        return -EINVAL;
}

static void sim_close(Db *db) {
        sim_of(db)->open = false;
}

static const DbOps ops = {
        .close = sim_close,
        .grow = sim_grow,
        .forget_readers = sim_forget_readers,
        .begin = sim_begin,
        .commit = sim_commit,
        .abort = sim_abort,
        .get = sim_get,
        .put = sim_put,
        .del = sim_del,
        .iterate = sim_iterate,
        .open_old = sim_open_old,
        .drop = sim_drop,
};

static int sim_open(const DbSource *source, const DbOptions *options, char **ret_problem, Db **ret) {
        SimDb *s = CONTAINER_OF(source, SimDb, source);

        if (s->open)
                return -EBUSY;
        s->open = true;
        s->cut = false;
        *ret = &s->db;
        return 0;
}

int sim_db_new(SimDb **ret) {
        _cleanup_(sim_db_freep) SimDb *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->db.ops = &ops;
        s->source = (DbSource){.dir = "memory", .open = sim_open};
        s->committed = rows_copy(NULL);
        if (!s->committed)
                return -ENOMEM;
        *ret = take_ptr(s);
        return 0;
}

SimDb *sim_db_free(SimDb *s) {
        if (s)
                rows_unref(s->committed);
        free(s);
        return NULL;
}

const DbSource *sim_db_source(const SimDb *s) {
        return &s->source;
}

void sim_db_fail(SimDb *s, SimDbFault fault, int error, unsigned n) {
        s->fault = fault;
        s->error = error;
        s->n_before_fault = n;
        if (fault == SIM_DB_WORKS)
                s->count = NULL;
}

void sim_db_count_fault(SimDb *s, uint64_t *count) {
        s->count = count;
}

void sim_db_on_undecided(SimDb *s, void (*undecided)(void *userdata), void *userdata) {
        s->undecided = undecided;
        s->userdata = userdata;
}

void sim_db_cut(SimDb *s) {
        s->cut = true;
}

bool sim_db_spoil(SimDb *s, unsigned table, const void *key, size_t key_size) {
        static const char noise[] = "\x7f\x45noise";
        Rows *rows = rows_copy(s->committed);
        bool found;
        size_t at = find(rows, table, key, key_size, &found);
        Row *row = found ? malloc(sizeof(*row) + key_size + sizeof(noise)) : NULL;

        if (row) {
                *row = (Row){.n_ref = 1, .table = table, .key_size = key_size, .size = sizeof(noise)};
                memcpy(row->bytes, key, key_size);
                memcpy(row->bytes + key_size, noise, sizeof(noise));
                row_unref(rows->items[at]);
                rows->items[at] = row;
        }
        rows_unref(s->committed);
        s->committed = rows;
        return found;
}

void sim_db_restore(SimDb *s, const SimDb *copy) {
        rows_unref(s->committed);
        s->committed = copy->committed;
        s->committed->n_ref++;
}

SimDb *sim_db_copy(const SimDb *s) {
        SimDb *copy;

        if (sim_db_new(&copy) < 0)
                return NULL;
        sim_db_restore(copy, s);
        return copy;
}

size_t sim_db_count(const SimDb *s) {
        return s->committed->n;
}
