/*
 * The pool in the state folder
 */

#include "policyd/store/storage.h"

#include "common/io/file.h"
#include "policyd/store/backup.h"

typedef struct LmdbStorage {
        Storage storage;
        char *dir;
        size_t map_size, map_max;
        Store *store;
} LmdbStorage;

static LmdbStorage *lmdb_of(Storage *s) {
        return CONTAINER_OF(s, LmdbStorage, storage);
}

static void storage_close(Storage *s) {
        lmdb_of(s)->store = store_close(lmdb_of(s)->store);
}

static int storage_load(Storage *s, StoreAnswerVisitor visitor, void *userdata, Pool **ret, StoreMeta *ret_meta,
        UnreadableRows *ret_rows, char **ret_problem) {
        LmdbStorage *l = lmdb_of(s);
        int r;

        storage_close(s);
        r = store_open(l->dir, l->map_size, l->map_max, ret_problem, &l->store);
        r = r ?: store_load(l->store, visitor, userdata, ret, ret_meta, ret_rows, ret_problem);
        if (r < 0)
                storage_close(s);
        return r;
}

static int storage_write(Storage *s, const StoreOps *ops) {
        return lmdb_of(s)->store ? store_write(lmdb_of(s)->store, ops) : -EIO;
}

static int storage_remove_row(Storage *s, const UnreadableRow *row) {
        return lmdb_of(s)->store ? store_remove_row(lmdb_of(s)->store, row) : -EIO;
}

static int storage_backup(Storage *s, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return store_backup(lmdb_of(s)->dir, now, fd, progress, ret_bytes);
}

static void storage_forget_readers(Storage *s) {
        if (lmdb_of(s)->store)
                store_forget_readers(lmdb_of(s)->store);
}

int lmdb_storage_new(const char *dir, size_t map_size, size_t map_max, Storage **ret) {
        _cleanup_free_ char *copy = strdup(dir);
        LmdbStorage *l;
        int r;

        if (!copy)
                return -ENOMEM;
        r = mkdir_parents(dir, 0700);
        if (r < 0)
                return r;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->storage = (Storage){
                .dir = copy,
                .load = storage_load,
                .write = storage_write,
                .remove_row = storage_remove_row,
                .backup = storage_backup,
                .forget_readers = storage_forget_readers,
                .close = storage_close,
        };
        l->dir = take_ptr(copy);
        l->map_size = map_size;
        l->map_max = map_max;
        *ret = &l->storage;
        return 0;
}

Storage *lmdb_storage_free(Storage *s) {
        if (!s)
                return NULL;
        storage_close(s);
        free(lmdb_of(s)->dir);
        free(lmdb_of(s));
        return NULL;
}
