/*
 * Owners
 *
 * An owner exists while a VM, a reservation or a quota names it, and is found by its name. What it uses is
 * kept as it changes: once over all groups and once for each group that one of its VGPUs or reservations is
 * for. The row of a group is made when such a VGPU or reservation comes to the owner, so that counting never
 * needs memory. A VGPU counts while it is scheduled or resident, and once where it is both; a reservation
 * counts with what it still holds.
 */

#include "policyd/pool/pool-internal.h"

static OwnerUse *find_use(const Owner *o, const GpuGroup *g) {
        for (size_t i = 0; i < o->n_uses; i++)
                if (o->uses[i].group == g)
                        return &o->uses[i];

        return NULL;
}

OwnerUse owner_use(const Owner *o, const GpuGroup *group_or_null) {
        const OwnerUse *use = o ? find_use(o, group_or_null) : NULL;

        return use ? *use : (OwnerUse){.group = group_or_null};
}

int owner_prepare(Owner *o, const GpuGroup *g) {
        OwnerUse *uses;

        if (!o || find_use(o, g))
                return 0;

        uses = reallocarray(o->uses, o->n_uses + 1, sizeof(OwnerUse));
        if (!uses)
                return -ENOMEM;
        o->uses = uses;
        uses[o->n_uses++] = (OwnerUse){.group = g};
        return 0;
}

static void note_quotas(Pool *pool, const Owner *o, const GpuGroup *g, uint64_t properties) {
        for_each(Quota, q, &o->quotas)
                if (!q->group || q->group == g)
                        object_note(pool, &q->object, properties, /* store= */ false);
}

void owner_count(Pool *pool, Owner *o, const GpuGroup *g, int64_t vgpus, int64_t size) {
        OwnerUse *use;

        if (!o || (vgpus == 0 && size == 0))
                return;

        use = find_use(o, g);
        use->vgpus += (uint64_t) vgpus;
        use->size += (uint64_t) size;
        o->uses[0].vgpus += (uint64_t) vgpus;
        o->uses[0].size += (uint64_t) size;
        note_quotas(pool, o, g, (vgpus ? QUOTA_VGPUS_USED : 0) | (size ? QUOTA_SIZE_USED : 0));
}

static Owner *owner_free(Owner *o) {
        if (!o)
                return NULL;

        free(o->name);
        free(o->uses);
        ptr_array_done(&o->vms);
        ptr_array_done(&o->reservations);
        ptr_array_done(&o->quotas);
        free(o);
        return NULL;
}
DEFINE_CLEANUP(Owner *, owner_free)

void owners_free(Pool *pool) {
        Owner *o;

        for (size_t i = 0; pool->owners && (o = hashmap_next(pool->owners, &i));)
                owner_free(o);
        pool->owners = hashmap_free(pool->owners);
}

const Owner *pool_find_owner(const Pool *pool, const char *name) {
        return hashmap_get(pool->owners, name);
}

int owner_get(Pool *pool, const char *name, Owner **ret) {
        _cleanup_(owner_freep) Owner *o = NULL;
        int r;

        *ret = isempty(name) ? NULL : hashmap_get(pool->owners, name);
        if (isempty(name) || *ret)
                return 0;

        o = calloc(1, sizeof(Owner));
        if (!o || text_set(&o->name, name) < 0 || owner_prepare(o, /* g= */ NULL) < 0)
                return -ENOMEM;
        r = hashmap_put(pool->owners, o->name, o);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void owner_settle(Pool *pool, Owner *o) {
        if (!o || o->vms.n > 0 || o->reservations.n > 0 || o->quotas.n > 0)
                return;

        hashmap_remove(pool->owners, o->name);
        owner_free(o);
}

void owners_forget_group(Pool *pool, const GpuGroup *g) {
        Owner *o;

        for (size_t i = 0; (o = hashmap_next(pool->owners, &i));)
                for (size_t j = 1; j < o->n_uses; j++)
                        if (o->uses[j].group == g) {
                                o->uses[j] = o->uses[--o->n_uses];
                                break;
                        }
}

static bool vgpu_stands(const Vgpu *v) {
        return v->scheduled_on || v->resident_on;
}

/* What an owner has of a class; a VM and a reservation are owned alike. */
static PtrArray *owned_list(Owner *o, const Object *owned) {
        return owned->class == CLASS_VM ? &o->vms : &o->reservations;
}

static int owned_prepare(Owner *o, const Object *owned) {
        int r = 0;

        if (owned->class == CLASS_RESERVATION)
                return owner_prepare(o, CONTAINER_OF(owned, Reservation, object)->group);
        for_each_while(r == 0, const Vgpu, v, &CONTAINER_OF(owned, Vm, object)->vgpus)
                r = owner_prepare(o, v->group);
        return r;
}

static void owned_count(Pool *pool, Owner *o, const Object *owned, int sign) {
        if (owned->class == CLASS_RESERVATION) {
                const Reservation *r = CONTAINER_OF(owned, Reservation, object);
                int64_t n = sign * (int64_t) r->holds.n;

                owner_count(pool, o, r->group, n, n * type_units(r->type));
                return;
        }
        for_each(const Vgpu, v, &CONTAINER_OF(owned, Vm, object)->vgpus)
                if (vgpu_stands(v))
                        owner_count(pool, o, v->group, sign, sign * (int64_t) type_units(v->type));
}

static void disown(Pool *pool, Object *owned, Owner **by) {
        Owner *o = *by;

        if (!o)
                return;
        owned_count(pool, o, owned, -1);
        *by = NULL;
        ptr_array_remove(owned_list(o, owned), owned);
        owner_settle(pool, o);
}

static int set_owner(Pool *pool, Object *owned, char **field, Owner **by, const char *name, uint64_t property) {
        Owner *to;
        int r;

        if (streq(*field, strempty(name)))
                return 0;

        r = owner_get(pool, name, &to);
        if (r == 0 && to)
                r = ptr_array_reserve(owned_list(to, owned), 1);
        r = r ?: owned_prepare(to, owned);
        r = r ?: MIN_OF(text_set(field, strempty(name)), 0);
        if (r < 0) {
                owner_settle(pool, to);
                return r;
        }

        disown(pool, owned, by);
        *by = to;
        if (to)
                ptr_array_add(owned_list(to, owned), owned);
        owned_count(pool, to, owned, 1);
        object_note(pool, owned, property, /* store= */ true);
        return 0;
}

int pool_set_vm_owner(Pool *pool, Vm *vm, const char *owner) {
        return set_owner(pool, &vm->object, &vm->owner, &vm->owned_by, owner, VM_OWNER);
}

int pool_set_reservation_owner(Pool *pool, Reservation *v, const char *owner) {
        return set_owner(pool, &v->object, &v->owner, &v->owned_by, owner, RESERVATION_OWNER);
}

void vm_disown(Pool *pool, Vm *vm) {
        disown(pool, &vm->object, &vm->owned_by);
}

void reservation_disown(Pool *pool, Reservation *v) {
        disown(pool, &v->object, &v->owned_by);
}

void quota_disown(Pool *pool, Quota *q) {
        Owner *o = q->owned_by;

        q->owned_by = NULL;
        ptr_array_remove(&o->quotas, q);
        owner_settle(pool, o);
}
