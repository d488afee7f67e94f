/*
 * A copy of the pool
 *
 * Object by object, in the order of their making, under the same ids and keys.
 */

#include "policyd/pool/pool-internal.h"

static void *same(const Pool *copy, const void *object) {
        const Object *o = object;

        return o ? pool_get(copy, o->class, &o->id) : NULL;
}

static int copy_host(Pool *copy, const Host *h) {
        const HostFacts facts = {
                .boot_id = h->boot_id,
                .networks = h->networks,
                .functions = h->functions,
                .allowed_config_keys = h->allowed_config_keys,
                .storage = h->storage,
                .iommu = h->iommu,
                .hvm = h->hvm,
                .refuses_pcidevs = h->refuses_pcidevs,
        };
        Host *n;
        int r;

        r = pool_add_host(copy, &h->object.id, h->object.key, h->name_label, h->address, &n);
        if (r < 0)
                return r;

        pool_set_host_machine(copy, n, &h->host_uuid);
        pool_set_host_state(copy, n, h->state, strempty(h->state_reason));
        n->heard = h->heard;
        pool_set_host_enabled(copy, n, h->enabled);
        pool_set_host_memory(copy, n, h->memory_total, h->memory_free);
        r = pool_set_host_standing(copy, n, h->standing, h->standing_reason);
        if (r >= 0)
                r = strv_set(&n->taken_functions, (const char *const *) h->taken_functions);
        return r < 0 ? r : pool_set_host_facts(copy, n, &facts);
}

static int copy_type(Pool *copy, const VgpuType *t) {
        VgpuType *n;
        int r;

        r = pool_add_vgpu_type(
                copy, &t->object.id, t->object.key, t->identifier, t->vendor_name, t->model_name, &n);
        if (r >= 0)
                r = pool_set_type_size(copy, n, t->size, t->implementation);
        if (r >= 0)
                r = pool_set_type_compatible(copy, n, (const char *const *) t->compatible_on_pgpu,
                        (const char *const *) t->compatible_in_vm);
        for (size_t i = 0; i < t->of_hosts.n && r >= 0; i++) {
                const HostType *f = t->of_hosts.items[i];
                const TypeFacts facts = {f->size, f->framebuffer_size, f->internal_config};

                r = pool_set_host_type(copy, same(copy, f->host), n, &facts);
        }
        if (r >= 0)
                n->demand = t->demand;
        return r;
}

static int copy_group(Pool *copy, const GpuGroup *g) {
        GpuGroup *n;
        int r;

        r = pool_add_gpu_group(copy, &g->object.id, g->object.key, g->name_label, &n);
        if (r >= 0)
                pool_set_group_algorithm(copy, n, g->algorithm);
        return r;
}

/* One of a PGPU's lists of types. */
static int copy_types(Pool *copy, Pgpu *p, const PtrArray *types,
        int (*set)(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n)) {
        VgpuType *same_types[types->n + 1];

        for (size_t i = 0; i < types->n; i++)
                same_types[i] = same(copy, types->items[i]);
        return set(copy, p, same_types, types->n);
}

static int copy_outsiders(Pool *copy, Pgpu *n, const Pgpu *p) {
        _cleanup_free_ Outsider *outsiders = calloc(p->n_outsiders + 1, sizeof(*outsiders));

        if (!outsiders)
                return -ENOMEM;
        for (size_t i = 0; i < p->n_outsiders; i++) {
                outsiders[i] = p->outsiders[i];
                outsiders[i].type = same(copy, p->outsiders[i].type);
        }
        return pool_set_pgpu_outsiders(copy, n, outsiders, p->n_outsiders);
}

static int copy_pgpu(Pool *copy, const Pgpu *p) {
        Pgpu *n;
        int r;

        r = pool_add_pgpu(copy, &p->object.id, p->object.key, same(copy, p->host), &p->pci, p->vendor_id,
                p->device_id, &n);
        if (r >= 0)
                r = copy_types(copy, n, &p->supported, pool_set_pgpu_supported);
        if (r >= 0)
                r = copy_types(copy, n, &p->enabled, pool_set_pgpu_enabled);
        if (r >= 0)
                r = copy_types(copy, n, &p->disabling, pool_set_pgpu_disabling);
        if (r >= 0)
                r = pool_set_pgpu_group(copy, n, same(copy, p->group));
        if (r >= 0)
                r = pool_set_pgpu_held_by(copy, n, p->held_by);
        if (r >= 0)
                r = pool_set_pgpu_standing(copy, n, p->standing, p->standing_reason);
        if (r >= 0)
                r = pool_set_pgpu_health(copy, n, p->health, p->health_reason);
        if (r >= 0)
                pool_set_pgpu_present(copy, n, p->present);
        return r < 0 ? r : copy_outsiders(copy, n, p);
}

static int copy_vm_group(Pool *copy, const VmGroup *g) {
        VmGroup *n;

        return pool_add_vm_group(copy, &g->object.id, g->object.key, g->name_label, g->placement, &n);
}

static int copy_vm(Pool *copy, const Vm *vm) {
        Vm *n;
        int r;

        r = pool_add_vm(copy, &vm->object.id, vm->object.key, vm->name_label, &n);
        if (r < 0)
                return r;

        n->memory = vm->memory;
        n->target_is_max = vm->target_is_max;
        n->hvm = vm->hvm;
        r = text_set(&n->affinity, vm->affinity);
        if (r >= 0)
                r = pool_set_vm_owner(copy, n, vm->owner);
        if (r >= 0)
                r = pool_set_vm_group(copy, n, same(copy, vm->group));
        if (r >= 0)
                r = strv_set(&n->networks, (const char *const *) vm->networks);
        if (r >= 0)
                r = strv_set(&n->functions, (const char *const *) vm->functions);
        if (r >= 0 && vm->objections)
                r = strv_set(&n->objections, (const char *const *) vm->objections);
        if (r >= 0)
                r = strv_set(&n->storage, (const char *const *) vm->storage);
        if (r >= 0)
                r = pool_set_vm_resident(copy, n, same(copy, vm->resident_on));
        if (r >= 0)
                r = pool_set_vm_scheduled(copy, n, same(copy, vm->scheduled_on));
        pool_set_vm_power_state(copy, n, vm->power_state);
        n->memory_counted = vm->memory_counted;
        return r;
}

static int copy_vgpu(Pool *copy, const Vgpu *v) {
        Vgpu *n;
        int r;

        r = pool_add_vgpu(copy, &v->object.id, v->object.key, same(copy, v->vm), same(copy, v->group),
                same(copy, v->type), v->device, &n);
        if (r < 0)
                return r;

        n->pinned = v->pinned;
        n->pinned_pci = v->pinned_pci;
        r = pool_set_vgpu_resident(copy, n, same(copy, v->resident_on));
        return r < 0 ? r : pool_set_vgpu_scheduled(copy, n, same(copy, v->scheduled_on));
}

static int copy_reservation(Pool *copy, const Reservation *reservation) {
        Reservation *n;
        int r;

        r = pool_add_reservation(copy, &reservation->object.id, reservation->object.key,
                reservation->name_label, same(copy, reservation->group), same(copy, reservation->type),
                reservation->count, &n);
        if (r >= 0)
                r = pool_set_reservation_owner(copy, n, reservation->owner);
        for (size_t i = 0; i < reservation->holds.n && r >= 0; i++)
                r = pool_hold(copy, n, same(copy, reservation->holds.items[i]));
        return r;
}

static int copy_quota(Pool *copy, const Quota *q) {
        Quota *n;
        int r;

        r = pool_add_quota(copy, &q->object.id, q->object.key, q->owner, same(copy, q->group), &n);
        if (r >= 0)
                pool_set_quota_limits(copy, n, q->vgpus_max, q->size_max);
        return r;
}

static int copy_object(Pool *copy, const Object *o) {
        switch (o->class) {
        case CLASS_HOST:
                return copy_host(copy, (const Host *) o);
        case CLASS_PGPU:
                return copy_pgpu(copy, (const Pgpu *) o);
        case CLASS_GPU_GROUP:
                return copy_group(copy, (const GpuGroup *) o);
        case CLASS_VGPU_TYPE:
                return copy_type(copy, (const VgpuType *) o);
        case CLASS_VM:
                return copy_vm(copy, (const Vm *) o);
        case CLASS_VGPU:
                return copy_vgpu(copy, (const Vgpu *) o);
        case CLASS_RESERVATION:
                return copy_reservation(copy, (const Reservation *) o);
        case CLASS_QUOTA:
                return copy_quota(copy, (const Quota *) o);
        case CLASS_VM_GROUP:
                return copy_vm_group(copy, (const VmGroup *) o);
        case CLASS_JOB:
        case _CLASS_MAX:
        case _CLASS_INVALID:
                break;
        }

        return 0;
}

int pool_copy(const Pool *pool, Pool **ret) {
        /* What others point to comes first. */
        static const ObjectClass order[] = {CLASS_HOST, CLASS_VGPU_TYPE, CLASS_GPU_GROUP, CLASS_PGPU,
                CLASS_VM_GROUP, CLASS_VM, CLASS_VGPU, CLASS_RESERVATION, CLASS_QUOTA};
        _cleanup_(pool_freep) Pool *copy = pool_new();

        if (!copy)
                return -ENOMEM;

        for (size_t c = 0; c < ARRAY_SIZE(order); c++) {
                const PtrArray *objects = &pool->objects[order[c]];

                for (size_t i = 0; i < objects->n; i++) {
                        int r = copy_object(copy, objects->items[i]);

                        if (r < 0)
                                return r;
                }
        }

        *ret = take_ptr(copy);
        return 0;
}
