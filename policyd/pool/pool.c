/*
 * The pool as a whole: it is made and freed, and keeps removed objects until pool_forget()
 */

#include "policyd/pool/former-card.h"
#include "policyd/pool/pool-internal.h"

#define CLASS_SIZE(class, x, type, ...) [CLASS_##class] = sizeof(type),
static const size_t object_sizes[_CLASS_MAX] = {POOL_CLASSES(CLASS_SIZE)};

static void pgpu_clear(Pgpu *p) {
        outsiders_free(p->outsiders, p->n_outsiders);
        free(p->uses);
}

void object_free(Object *o) {
        if (o->class == CLASS_HOST)
                host_free_types((Host *) o);
        else if (o->class == CLASS_PGPU)
                pgpu_clear((Pgpu *) o);
        owned_free(o);
        free(o);
}

void object_freep(Object **o) {
        if (*o)
                object_free(*o);
}

void *object_new(ObjectClass c, const Uuid *id) {
        _cleanup_(object_freep) Object *o = calloc(1, object_sizes[c]);

        if (!o)
                return NULL;
        o->class = c;
        o->id = *id;
        return owned_init(o) < 0 ? NULL : take_ptr(o);
}

Pool *pool_new(void) {
        Pool *pool = calloc(1, sizeof(Pool));

        if (!pool)
                return NULL;

        pool->next_key = 1;
        pool->notes = calloc(1, sizeof(PoolNotes));
        pool->owners = hashmap_new_string();
        for (size_t c = 0; c < _CLASS_MAX; c++)
                pool->by_id[c] = hashmap_new_uuid();

        for (size_t c = 0; c < _CLASS_MAX; c++)
                if (!pool->by_id[c] || !pool->notes || !pool->owners)
                        return pool_free(pool);

        return pool;
}

static void notes_free(PoolNotes *notes) {
        if (!notes)
                return;

        if (notes->kept)
                notes->kept_free(notes->kept);
        free(notes);
}

Pool *pool_free(Pool *pool) {
        if (!pool)
                return NULL;

        owners_free(pool);
        for (size_t c = 0; c < _CLASS_MAX; c++) {
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        object_free(pool->objects[c].items[i]);
                ptr_array_done(&pool->objects[c]);
                hashmap_free(pool->by_id[c]);
        }

        for (size_t i = 0; i < pool->removed.n; i++)
                object_free(pool->removed.items[i]);
        ptr_array_done(&pool->removed);
        while (pool->former.n > 0)
                pool_remove_former(pool, pool->former.items[pool->former.n - 1]);
        ptr_array_done(&pool->former);
        type_lists_free(pool);
        notes_free(pool->notes);
        free(pool);
        return NULL;
}

void pool_forget(Pool *pool, Object *o) {
        if (o->removed) {
                ptr_array_remove(&pool->removed, o);
                object_free(o);
                return;
        }

        o->changed = 0;
        o->is_new = o->must_store = o->in_changes = false;
        o->next_changed = NULL;
}
