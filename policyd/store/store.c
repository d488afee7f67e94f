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
        [STORE_FORMER] = "former",
};

int store_open(const DbSource *source, size_t map_size, size_t map_max, char **ret_problem, Db **ret) {
        const DbOptions options = {
                .tables = store_table_names,
                .map_size = map_size,
                .map_max = map_max,
                .broken = database_broken,
                .undecided = database_undecided,
        };

        return source->open(source, &options, ret_problem, ret);
}

static int write_ops(DbTxn *txn, void *userdata) {
        const StoreOps *ops = userdata;
        int r = 0;

        for (size_t i = 0; i < ops->n && r == 0; i++) {
                const StoreOp *op = &ops->items[i];

                if (op->value)
                        r = db_put(txn, op->table, op->key, op->key_size, op->value, strlen(op->value));
                else
                        r = db_del(txn, op->table, op->key, op->key_size);
                if (r == -ENOENT && !op->value)
                        r = 0;
        }
        return r;
}

int store_write(Db *s, const StoreOps *ops) {
        return db_change(s, write_ops, (void *) ops);
}
