#pragma once

/*
 * Where policyd keeps the pool, as its use cases see it
 *
 * A struct of functions that is handed in from above. The daemon's is LMDB in the state folder; its functions
 * are explained in store.h and backup.h, where they have the same names.
 */

#include "policyd/store/store.h"

typedef struct Storage Storage;

struct Storage {
        const char *dir; /* for what is said of it */
        /* Opens it, or opens it anew, and reads all of it. On an error it is closed, and may be read again. */
        int (*load)(Storage *s, StoreAnswerVisitor visitor, void *userdata, Pool **ret, StoreMeta *ret_meta,
                UnreadableRows *ret_rows, char **ret_problem);
        int (*write)(Storage *s, const StoreOps *ops); /* -EIO while it is closed */
        int (*remove_row)(Storage *s, const UnreadableRow *row);
        /* Called in a child process, which does nothing else with the storage. When the child has ended, call
         * forget_readers(). */
        int (*backup)(Storage *s, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes);
        void (*forget_readers)(Storage *s);
        void (*close)(Storage *s);
};

/* The folder is made where it is not there. */
int lmdb_storage_new(const char *dir, size_t map_size, size_t map_max, Storage **ret);
Storage *lmdb_storage_free(Storage *s);
DEFINE_CLEANUP(Storage *, lmdb_storage_free)
