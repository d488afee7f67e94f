/*
 * The file of a database: one that passes the check is one that LMDB can read through, and write to, without harm
 *
 * The input changes a good file: two bytes of its length in pages of 64 bytes, if not 0; then pieces of four bytes: which page,
 * where in it (two bytes), and the new byte.
 */

#include "common/lmdb/check.h"
#include "common/lmdb/table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#define PAGE 4096u
#define FILE_MAX (64 * PAGE)
#define ROWS 120

static const char *const tables[] = {"few", "many", "none", NULL};

static char *good;
static size_t good_size;

/* It must not be reached: what passes the check is whole. */
static void broken(const char *dir, const char *reason) {
        abort();
}

static Db *open_database(int *ret_error) {
        const DbSource source = db_in_folder(scratch_folder());
        const DbOptions options = {.tables = tables, .map_size = 1 << 20, .map_max = 4 << 20, .broken = broken};
        _cleanup_free_ char *problem = NULL;
        Db *db = NULL;

        *ret_error = source.open(&source, &options, &problem, &db);
        if (*ret_error == -EBADMSG && isempty(problem))
                abort();
        return db;
}

static void put(Db *db, unsigned table, unsigned number, size_t size) {
        static const char value[3 * PAGE];
        uint8_t key[8];
        DbTxn *txn;

        db_key_u64(number, key);
        if (db_begin(db, /* write= */ true, &txn) < 0)
                abort();
        if (db_put(txn, table, key, sizeof(key), value, size) < 0 || db_commit(txn) < 0)
                abort();
}

/* A tree of two levels, values of several pages, and pages that are free again. */
static void make_good(void) {
        _cleanup_free_ char *path = path_join(scratch_folder(), "data.mdb");
        int r;
        Db *db = open_database(&r);

        if (r < 0)
                abort();
        for (unsigned i = 0; i < ROWS; i++)
                put(db, 1, i, 200);
        put(db, 0, 1, 2 * PAGE + 100);
        put(db, 0, 1, 10);
        put(db, 0, 2, PAGE + 100);
        (void) db_close(db);
        if (file_read(path, FILE_MAX, &good, &good_size) < 0)
                abort();
}

static int add_size(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        size_t *sum = userdata;

        for (size_t i = 0; i < key_size; i++)
                *sum += ((const uint8_t *) key)[i];
        for (size_t i = 0; i < size; i++)
                *sum += ((const uint8_t *) data)[i];
        return 0;
}

static void use(Db *db) {
        size_t sum = 0;
        DbTxn *txn;

        if (db_begin(db, /* write= */ false, &txn) < 0)
                return;
        for (unsigned t = 0; tables[t]; t++)
                (void) db_iterate(txn, t, add_size, &sum);
        (void) db_abort(txn);
        if (db_begin(db, /* write= */ true, &txn) < 0)
                return;
        for (unsigned t = 0; t < 3; t++)
                if (db_put(txn, t, "another", 7, &sum, sizeof(sum)) < 0) {
                        (void) db_abort(txn);
                        return;
                }
        (void) db_commit(txn);
}

static size_t change(char *file, const uint8_t *data, size_t size) {
        size_t length = size < 2 ? 0 : (size_t) (data[0] | data[1] << 8) * 64, n_pages = good_size / PAGE;

        for (size_t i = 2; i + 4 <= size; i += 4)
                file[data[i] % n_pages * PAGE + ((size_t) data[i + 1] | (size_t) data[i + 2] << 8) % PAGE] = (char) data[i + 3];
        return length == 0 ? good_size : MIN_OF(length, good_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *file = NULL;
        Db *db;
        int r;

        if (!good)
                make_good();
        file = malloc(good_size);
        if (!file)
                return 0;
        memcpy(file, good, good_size);
        scratch_write("data.mdb", file, change(file, data, size));
        db = open_database(&r);
        if (!db)
                return 0;
        use(db);
        (void) db_close(db);
        return 0;
}
