/*
 * Objects, names, changes
 *
 * Objects are found by id through one map for each class, and walked in the order of their keys. An object
 * enters the list of changes at its first change and stays in it, once, until pool_take_changes() hands the
 * list over; what is removed is kept (pool->removed) until pool_forget().
 */

#include "policyd/pool/pool-internal.h"

void *pool_get(const Pool *pool, ObjectClass c, const Uuid *id) {
        return hashmap_get(pool->by_id[c], id);
}

const char *object_name(const Object *o) {
        static const size_t names[_CLASS_MAX] = {
                [CLASS_HOST] = offsetof(Host, name_label),
                [CLASS_PGPU] = offsetof(Pgpu, name),
                [CLASS_GPU_GROUP] = offsetof(GpuGroup, name_label),
                [CLASS_VGPU_TYPE] = offsetof(VgpuType, model_name),
                [CLASS_VM] = offsetof(Vm, name_label),
                [CLASS_RESERVATION] = offsetof(Reservation, name_label),
                [CLASS_QUOTA] = offsetof(Quota, owner),
                [CLASS_VM_GROUP] = offsetof(VmGroup, name_label),
        };

        return names[o->class] > 0 ? *(char *const *) ((const char *) o + names[o->class]) : "";
}

static bool object_has_name(const Object *o, const char *name) {
        if (streq(object_name(o), name))
                return true;

        return (o->class == CLASS_PGPU && streq(PCI_TEXT(&((const Pgpu *) o)->pci), name)) ||
               (o->class == CLASS_VGPU_TYPE && streq(((const VgpuType *) o)->identifier, name));
}

size_t pool_find_named(const Pool *pool, ObjectClass c, const char *name, Object **ret, size_t n_max) {
        const PtrArray *all = &pool->objects[c];
        size_t n = 0;

        for (size_t i = 0; i < all->n; i++) {
                if (!object_has_name(all->items[i], name))
                        continue;
                if (n < n_max)
                        ret[n] = all->items[i];
                n++;
        }

        return n;
}

int pool_find(const Pool *pool, ObjectClass c, const char *uuid_or_name, Object **ret) {
        Object *found = NULL;
        size_t n = 1;
        Uuid id;

        if (isempty(uuid_or_name))
                return -ENOENT;

        if (uuid_from_string(uuid_or_name, &id) >= 0)
                found = pool_get(pool, c, &id);
        if (!found)
                n = pool_find_named(pool, c, uuid_or_name, &found, 1);
        if (n != 1)
                return n == 0 ? -ENOENT : -EEXIST;

        *ret = found;
        return 0;
}

VgpuType *pool_type_by_identifier(const Pool *pool, const char *identifier) {
        const PtrArray *types = &pool->objects[CLASS_VGPU_TYPE];

        if (isempty(identifier))
                return NULL;

        for_each(VgpuType, t, types)
                if (streq(t->identifier, identifier))
                        return t;

        return NULL;
}

void host_note(Pool *pool, Host *h, uint64_t pgpus) {
        if (!h || h->object.removed)
                return;

        h->noted_pgpus |= pgpus;
        if (h->next_noted)
                return;
        h->next_noted = pool->notes->hosts ?: h;
        pool->notes->hosts = h;
}

void pgpu_note(Pool *pool, const Pgpu *p) {
        host_note(pool, p->host, PGPU_BIT(ptr_array_index(&p->host->pgpus, p)));
}

Host *pool_take_noted(const Pool *pool, uint64_t *ret_pgpus) {
        Host *h = pool->notes->hosts;

        if (!h)
                return NULL;
        pool->notes->hosts = h->next_noted == h ? NULL : h->next_noted;
        h->next_noted = NULL;
        *ret_pgpus = h->noted_pgpus;
        h->noted_pgpus = 0;
        return h;
}

/* Memory is all that changes of a host with each start, and no PGPU offers more or less for it. */
static uint64_t pgpus_of_properties(uint64_t properties) {
        return properties && !(properties & ~(uint64_t) (HOST_MEMORY_TOTAL | HOST_MEMORY_FREE | HOST_MEMORY_COMPUTED)) ? 0 : PGPU_BITS_ALL;
}

static void note_hosts(Pool *pool, Object *o, uint64_t properties) {
        if (o->class == CLASS_HOST)
                host_note(pool, (Host *) o, pgpus_of_properties(properties));
        else if (o->class == CLASS_PGPU)
                pgpu_note(pool, (Pgpu *) o);
        else if (o->class == CLASS_VM) {
                host_note(pool, ((Vm *) o)->scheduled_on, 0);
                host_note(pool, ((Vm *) o)->resident_on, 0);
        }
}

void object_note(Pool *pool, Object *o, uint64_t properties, bool store) {
        note_hosts(pool, o, properties);
        if (pool->simulated)
                return;
        o->changed |= properties;
        o->must_store |= store;

        if (o->in_changes)
                return;

        o->in_changes = true;
        o->next_changed = NULL;
        if (pool->changes_tail)
                pool->changes_tail->next_changed = o;
        else
                pool->changes = o;
        pool->changes_tail = o;
}

Object *pool_take_changes(Pool *pool) {
        Object *first = pool->changes;

        pool->changes = pool->changes_tail = NULL;
        return first;
}

bool pool_has_changes(const Pool *pool) {
        return pool->changes;
}

static int compare_keys(const void *a, const void *b) {
        const Object *x = a, *y = b;

        return x->key < y->key ? -1 : x->key > y->key;
}

int object_register(Pool *pool, Object **object, uint64_t key, void *ret) {
        Object *o = *object;
        PtrArray *all = &pool->objects[o->class];
        int r;

        /* Removal must not fail: the room that it needs is taken when the object comes. */
        r = ptr_array_reserve(all, 1);
        if (r < 0)
                return r;
        r = ptr_array_reserve(&pool->removed, object_count(pool) + 1);
        if (r < 0)
                return r;
        r = hashmap_put(pool->by_id[o->class], &o->id, o);
        if (r < 0)
                return r;

        o->key = key ?: pool->next_key;
        pool->next_key = MAX_OF(pool->next_key, o->key + 1);
        ptr_array_insert(all, o, compare_keys);
        if (!key) {
                o->is_new = true;
                object_note(pool, o, 0, /* store= */ true);
        }
        *object = NULL;
        memcpy(ret, &o, sizeof(o));
        return 0;
}

void object_unregister(Pool *pool, Object *o) {
        PtrArray *all = &pool->objects[o->class];

        hashmap_remove(pool->by_id[o->class], &o->id);
        ptr_array_remove_at(all, ptr_array_position(all, o, compare_keys) - 1);
        o->removed = true;
        ptr_array_add(&pool->removed, o);
        object_note(pool, o, 0, /* store= */ true);
}

size_t object_count(const Pool *pool) {
        size_t n = 0;

        for (size_t c = 0; c < _CLASS_MAX; c++)
                n += pool->objects[c].n;

        return n;
}

void pool_touch(Pool *pool, Object *o, uint64_t properties, bool store) {
        object_note(pool, o, properties, store);
}
