/*
 * Removing objects
 *
 * Objects that cannot exist without the object are removed with it (a host's PGPUs, a VM's VGPUs, the VGPUs and
 * reservations of a group or type, a group's quotas); in others the reference is cleared. The caller has checked that the
 * removal is allowed (rules.h).
 */

#include "policyd/pool/pool-internal.h"

static void remove_quotas(Pool *pool, const GpuGroup *g) {
        PtrArray *all = &pool->objects[CLASS_QUOTA];

        for (size_t i = all->n; i > 0; i--) {
                Quota *q = all->items[i - 1];

                if (q->group == g)
                        pool_remove(pool, &q->object);
        }
}

static void remove_last_first(Pool *pool, PtrArray *list) {
        while (list->n > 0)
                pool_remove(pool, list->items[list->n - 1]);
}

static void remove_reservations(Pool *pool, const GpuGroup *g, const VgpuType *t) {
        PtrArray *all = &pool->objects[CLASS_RESERVATION];

        for (size_t i = all->n; i > 0; i--) {
                Reservation *r = all->items[i - 1];

                if (r->group == g || r->type == t)
                        pool_remove(pool, &r->object);
        }
}

static void unlink_host(Pool *pool, Host *h) {
        while (h->vms.n > 0) {
                Vm *vm = h->vms.items[h->vms.n - 1];

                if (vm->scheduled_on == h)
                        (void) pool_set_vm_scheduled(pool, vm, NULL);
                if (vm->resident_on == h)
                        (void) pool_set_vm_resident(pool, vm, NULL);
        }

        remove_last_first(pool, &h->pgpus);
        pool->n_uneven -= h->uneven;
        host_forget_types(pool, h);
        while (pool_take_noted(pool, &(uint64_t){0}))
                ;
        pool->notes->all = true;
}

static void unlink_pgpu(Pool *pool, Pgpu *p) {
        while (p->vgpus.n > 0) {
                Vgpu *v = p->vgpus.items[p->vgpus.n - 1];

                if (v->scheduled_on == p)
                        (void) pool_set_vgpu_scheduled(pool, v, NULL);
                if (v->resident_on == p)
                        (void) pool_set_vgpu_resident(pool, v, NULL);
        }

        while (p->holds.n > 0)
                pool_unhold(pool, p->holds.items[p->holds.n - 1], p);

        /* Shrinking takes no memory. */
        (void) pool_set_pgpu_outsiders(pool, p, NULL, 0);
        (void) pool_set_pgpu_group(pool, p, NULL);
        (void) pool_set_pgpu_enabled(pool, p, NULL, 0);
        (void) pool_set_pgpu_supported(pool, p, NULL, 0);
        (void) pool_set_pgpu_disabling(pool, p, NULL, 0);

        ptr_array_remove(&p->host->pgpus, p);
        pool->notes->all = true; /* those after it stand elsewhere in the list */
        host_update_standing(pool, p->host);
        object_note(pool, &p->host->object, HOST_PGPUS, /* store= */ false);
}

static void unlink_group(Pool *pool, GpuGroup *g) {
        remove_last_first(pool, &g->vgpus);
        remove_reservations(pool, g, NULL);
        remove_quotas(pool, g);
        owners_forget_group(pool, g);

        while (g->pgpus.n > 0)
                (void) pool_set_pgpu_group(pool, g->pgpus.items[g->pgpus.n - 1], NULL);

        pool->notes->all = true;
}

/* Takes t out of one of a PGPU's lists by setting the list without it, so that every reference is updated. */
static void pgpu_drop_type(Pool *pool, Pgpu *p, const VgpuType *t, const PtrArray *list,
        int (*set)(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n)) {
        VgpuType *rest[list->n + 1];
        size_t n = 0;

        for (size_t i = 0; i < list->n; i++)
                if (list->items[i] != t)
                        rest[n++] = list->items[i];

        (void) set(pool, p, rest, n);
}

/* A type in use is not collected, so there are any only if a caller removes the type all the same. */
static void pgpu_drop_outsiders(Pool *pool, Pgpu *p, const VgpuType *t) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_outsiders; i++)
                n += p->outsiders[i].type == t;
        if (n > 0)
                (void) pool_set_pgpu_outsiders(pool, p, NULL, 0);
}

static void unlink_type(Pool *pool, VgpuType *t) {
        const PtrArray *pgpus = &pool->objects[CLASS_PGPU];

        remove_last_first(pool, &t->vgpus);
        remove_reservations(pool, NULL, t);

        for_each(Pgpu, p, pgpus) {
                pgpu_drop_type(pool, p, t, &p->enabled, pool_set_pgpu_enabled);
                pgpu_drop_type(pool, p, t, &p->supported, pool_set_pgpu_supported);
                pgpu_drop_type(pool, p, t, &p->disabling, pool_set_pgpu_disabling);
                pgpu_drop_outsiders(pool, p, t);
        }

        type_forget_hosts(pool, t);
        pool->notes->all = true;
}

static void unlink_vgpu(Pool *pool, Vgpu *v) {
        vgpu_unplace(pool, v);

        ptr_array_remove(&v->vm->vgpus, v);
        ptr_array_remove(&v->group->vgpus, v);
        ptr_array_remove(&v->type->vgpus, v);
        object_note(pool, &v->vm->object, VM_VGPUS, /* store= */ false);
        object_note(pool, &v->group->object, GROUP_VGPUS, /* store= */ false);
        object_note(pool, &v->type->object, TYPE_VGPUS, /* store= */ false);
}

static void unlink_reservation(Pool *pool, Reservation *r) {
        const PtrArray *vms = &pool->objects[CLASS_VM];

        while (r->holds.n > 0)
                pool_unhold(pool, r, r->holds.items[r->holds.n - 1]);
        reservation_disown(pool, r);

        for_each(Vm, vm, vms) {
                if (vm->reservation != r)
                        continue;
                vm->reservation = NULL;
                object_note(pool, &vm->object, 0, /* store= */ true);
        }
}

static void unlink_vm_group(Pool *pool, VmGroup *g) {
        while (g->vms.n > 0)
                (void) pool_set_vm_group(pool, g->vms.items[g->vms.n - 1], NULL);
}

void pool_remove(Pool *pool, Object *o) {
        switch (o->class) {
        case CLASS_HOST:
                unlink_host(pool, (Host *) o);
                break;
        case CLASS_PGPU:
                unlink_pgpu(pool, (Pgpu *) o);
                break;
        case CLASS_GPU_GROUP:
                unlink_group(pool, (GpuGroup *) o);
                break;
        case CLASS_VGPU_TYPE:
                unlink_type(pool, (VgpuType *) o);
                break;
        case CLASS_VM:
                remove_last_first(pool, &((Vm *) o)->vgpus);
                vm_unplace(pool, (Vm *) o);
                vm_disown(pool, (Vm *) o);
                (void) pool_set_vm_group(pool, (Vm *) o, NULL);
                break;
        case CLASS_VGPU:
                unlink_vgpu(pool, (Vgpu *) o);
                break;
        case CLASS_RESERVATION:
                unlink_reservation(pool, (Reservation *) o);
                break;
        case CLASS_QUOTA:
                quota_disown(pool, (Quota *) o);
                break;
        case CLASS_VM_GROUP:
                unlink_vm_group(pool, (VmGroup *) o);
                break;
        case CLASS_JOB:
        case _CLASS_MAX:
        case _CLASS_INVALID:
                break;
        }

        object_unregister(pool, o);
}
