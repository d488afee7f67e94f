/*
 * The list of changes that one transaction writes
 */

#include "policyd/store/store.h"

#include "policyd/store/internal.h"
#include "policyd/store/row.h"

static int ops_reserve(StoreOps *ops, size_t n) {
        size_t size = ops->size ? ops->size : 16;
        StoreOp *items;

        while (size < ops->n + n)
                size *= 2;
        if (size == ops->size)
                return 0;
        items = reallocarray(ops->items, size, sizeof(*items));
        if (!items)
                return -ENOMEM;
        ops->items = items;
        ops->size = size;
        return 0;
}

/* Takes value over, also on failure. */
static int ops_add(StoreOps *ops, unsigned table, const void *key, size_t key_size, char *value) {
        _cleanup_free_ char *owned = value;
        void *copy;
        int r;

        r = ops_reserve(ops, 1);
        if (r < 0)
                return r;
        copy = malloc(key_size);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, key, key_size);

        ops->items[ops->n++] = (StoreOp){
                .table = table,
                .key = copy,
                .key_size = key_size,
                .value = take_ptr(owned),
        };
        return 0;
}

int store_ops_put_meta(StoreOps *ops, const StoreMeta *meta) {
        char *text;
        int r;

        r = store_meta_build(meta, &text);
        return r < 0 ? r : ops_add(ops, STORE_META, "pool", 4, text);
}

int store_ops_del_object(StoreOps *ops, const Object *o) {
        StoreKey key;

        store_key_of(o, &key);
        return ops_add(ops, STORE_OBJECT, key.bytes, key.size, NULL);
}

int store_ops_put_answer(StoreOps *ops, const StoreAnswer *answer) {
        char *text;
        int r;

        r = store_answer_build(answer, &text);
        return r < 0 ? r : ops_add(ops, STORE_IDEMPOTENCY, answer->key, strlen(answer->key), text);
}

int store_ops_del_answer(StoreOps *ops, const char *key) {
        return ops_add(ops, STORE_IDEMPOTENCY, key, strlen(key), NULL);
}

/* The loader refuses a longer record; of an object it would then refuse the whole pool. */
static int add_row(StoreOps *ops, unsigned table, const StoreKey *key, char *text) {
        if (strlen(text) <= JSON_SIZE_MAX)
                return ops_add(ops, table, key->bytes, key->size, text);
        free(text);
        return -EMSGSIZE;
}

int store_ops_put_object(StoreOps *ops, const Object *o) {
        StoreKey key;
        char *text;
        int r;

        r = row_write(o, &text);
        if (r < 0)
                return r;
        store_key_of(o, &key);
        return add_row(ops, STORE_OBJECT, &key, text);
}

static void former_key(const FormerCard *f, StoreKey *ret) {
        *ret = (StoreKey){.size = sizeof(f->number)};
        db_key_u64(f->number, ret->bytes);
}

int store_ops_put_former(StoreOps *ops, const FormerCard *f) {
        StoreKey key;
        char *text;
        int r;

        r = store_former_build(f, &text);
        if (r < 0)
                return r;
        former_key(f, &key);
        return add_row(ops, STORE_FORMER, &key, text);
}

int store_ops_del_former(StoreOps *ops, const FormerCard *f) {
        StoreKey key;

        former_key(f, &key);
        return ops_add(ops, STORE_FORMER, key.bytes, key.size, NULL);
}

int store_ops_move(StoreOps *ops, StoreOps *from) {
        int r;

        r = ops_reserve(ops, from->n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < from->n; i++)
                ops->items[ops->n++] = from->items[i];
        from->n = 0;
        return 0;
}

void store_ops_done(StoreOps *ops) {
        for (size_t i = 0; i < ops->n; i++) {
                free(ops->items[i].key);
                free(ops->items[i].value);
        }
        free(ops->items);
        *ops = (StoreOps){};
}
