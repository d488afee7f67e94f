/*
 * The environment: open and write
 */

#include "policyd/store/store.h"

#include "common/daemon/database.h"
#include "policyd/store/internal.h"

const char *const store_table_names[_STORE_TABLE_MAX + 1] = {
        [STORE_META] = "meta",
        [STORE_OBJECT] = "object",
        [STORE_IDEMPOTENCY] = "idempotency",
        [STORE_ASIDE] = "aside",
};

int store_open(const char *dir, size_t map_size, size_t map_max, char **ret_problem, Store **ret) {
        DbOptions options = {
                .tables = store_table_names,
                .map_size = map_size,
                .map_max = map_max,
                .broken = database_broken,
        };
        _cleanup_(store_closep) Store *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        r = db_open(dir, &options, ret_problem, &s->db);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

Store *store_close(Store *s) {
        if (!s)
                return NULL;
        db_close(s->db);
        free(s);
        return NULL;
}

static int write_once(Store *s, const StoreOps *ops) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = db_begin(s->db, /* write= */ true, &txn);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ops->n; i++) {
                const StoreOp *op = &ops->items[i];

                if (op->value)
                        r = db_put(txn, op->table, op->key, op->key_size, op->value, strlen(op->value));
                else
                        r = db_del(txn, op->table, op->key, op->key_size);
                if (r < 0 && !(r == -ENOENT && !op->value))
                        return r;
        }
        return db_commit(take_ptr(txn));
}

int store_write(Store *s, const StoreOps *ops) {
        int r;

        for (;;) {
                r = write_once(s, ops);
                if (r != -EOVERFLOW)
                        return r;
                r = db_grow(s->db);
                if (r < 0)
                        return r;
        }
}

void store_forget_readers(Store *s) {
        db_forget_readers(s->db);
}
