/*
 * Adding objects
 *
 * Each adder copies its texts, reserves room in the lists that will point to the new object, registers it,
 * and links it: what can fail comes first. Loading from disk (a key is given) notes no change, neither in the
 * object nor in those that it refers to.
 */

#include <stdio.h>

#include "policyd/pool/pool-internal.h"

static int text_copy(char **field, const char *value) {
        return text_set(field, strempty(value));
}

static void note_unless_loading(Pool *pool, Object *o, uint64_t properties, uint64_t key) {
        if (!key)
                object_note(pool, o, properties, /* store= */ false);
}

int pool_add_host(
        Pool *pool, const Uuid *id, uint64_t key, const char *name_label, const char *address, Host **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_HOST, id);
        Host *h = (Host *) o;
        int r;

        if (!h)
                return -ENOMEM;

        h->enabled = true;
        h->state = HOST_CONNECTING;
        h->memory_noted = UINT64_MAX; /* nothing was: the first amount is news */
        if (text_copy(&h->name_label, name_label) < 0 || text_copy(&h->address, address) < 0 ||
                text_copy(&h->state_reason, HOST_NOT_HEARD) < 0)
                return -ENOMEM;

        r = object_register(pool, &o, key, ret);
        if (r < 0)
                return r;

        pool->notes->all = true; /* it has no place yet */
        return 0;
}

int pgpu_update_name(Pgpu *p) {
        char *name = NULL;

        if (asprintf(&name, "%s/%s", p->host->name_label, PCI_TEXT(&p->pci)) < 0)
                return -ENOMEM;

        free(p->name);
        p->name = name;
        return 0;
}

static int compare_addresses(const void *a, const void *b) {
        return pci_address_compare(&((const Pgpu *) a)->pci, &((const Pgpu *) b)->pci);
}

int pool_add_pgpu(Pool *pool, const Uuid *id, uint64_t key, Host *host, const PciAddress *pci,
        const char *vendor_id, const char *device_id, Pgpu **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_PGPU, id);
        Pgpu *p = (Pgpu *) o;
        int r;

        if (!p)
                return -ENOMEM;

        p->host = host;
        p->pci = *pci;
        p->present = !key;
        p->numa_node = -1;
        if (text_copy(&p->vendor_id, vendor_id) < 0 || text_copy(&p->device_id, device_id) < 0 || text_copy(&p->division, "none") < 0 ||
                pgpu_update_name(p) < 0 || ptr_array_reserve(&host->pgpus, 1) < 0)
                return -ENOMEM;

        r = object_register(pool, &o, key, ret);
        if (r < 0)
                return r;

        ptr_array_insert(&host->pgpus, p, compare_addresses);
        pool->notes->all = true; /* the PGPUs after it stand elsewhere in the list */
        note_unless_loading(pool, &host->object, HOST_PGPUS, key);
        return 0;
}

int pool_add_gpu_group(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, GpuGroup **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_GPU_GROUP, id);
        GpuGroup *g = (GpuGroup *) o;

        if (!g || text_copy(&g->name_label, name_label) < 0)
                return -ENOMEM;

        return object_register(pool, &o, key, ret);
}

/* Until a host reports the type, its kind is read from the identifier. */
static VgpuImplementation implementation_from_identifier(const char *identifier, const char *model_name) {
        static const struct {
                const char *prefix;
                VgpuImplementation implementation;
        } kinds[] = {
                {"passthrough", TYPE_PASSTHROUGH},
                {"gvt-g,", TYPE_GVT_G},
                {"mxgpu,", TYPE_MXGPU},
                {"sriov,", TYPE_SRIOV},
        };
        const char *colon = strchr(strempty(identifier), ':');

        if (!colon)
                return streq(strempty(model_name), "passthrough") ? TYPE_PASSTHROUGH : TYPE_NVIDIA;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (startswith(colon + 1, kinds[i].prefix))
                        return kinds[i].implementation;

        return TYPE_NVIDIA;
}

int pool_add_vgpu_type(Pool *pool, const Uuid *id, uint64_t key, const char *identifier,
        const char *vendor_name, const char *model_name, VgpuType **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_VGPU_TYPE, id);
        VgpuType *t = (VgpuType *) o;

        if (!t)
                return -ENOMEM;

        t->pool = pool;
        t->implementation = implementation_from_identifier(identifier, model_name);
        if (text_copy(&t->identifier, identifier) < 0 || text_copy(&t->vendor_name, vendor_name) < 0 ||
                text_copy(&t->model_name, model_name) < 0 || text_copy(&t->internal_config, "{}") < 0)
                return -ENOMEM;

        return object_register(pool, &o, key, ret);
}

int pool_add_vm(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, Vm **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_VM, id);
        Vm *vm = (Vm *) o;

        if (!vm || text_copy(&vm->name_label, name_label) < 0 || text_copy(&vm->platform, "{}") < 0 ||
                text_copy(&vm->config, "{}") < 0)
                return -ENOMEM;

        vm->hvm = true;
        vm->target_is_max = true;

        return object_register(pool, &o, key, ret);
}

static int compare_devices(const void *a, const void *b) {
        const Vgpu *x = a, *y = b;

        return x->device < y->device ? -1 : x->device > y->device;
}

int pool_add_vgpu(Pool *pool, const Uuid *id, uint64_t key, Vm *vm, GpuGroup *group, VgpuType *type,
        uint32_t device, Vgpu **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_VGPU, id);
        Vgpu *v = (Vgpu *) o;
        int r;

        if (!v)
                return -ENOMEM;

        v->vm = vm;
        v->group = group;
        v->type = type;
        v->device = device;
        if (ptr_array_reserve(&vm->vgpus, 1) < 0 ||
                ptr_array_reserve(&group->vgpus, 1) < 0 || ptr_array_reserve(&type->vgpus, 1) < 0 ||
                owner_prepare(vm->owned_by, group) < 0)
                return -ENOMEM;

        r = object_register(pool, &o, key, ret);
        if (r < 0)
                return r;

        ptr_array_insert(&vm->vgpus, v, compare_devices);
        ptr_array_add(&group->vgpus, v);
        ptr_array_add(&type->vgpus, v);
        note_unless_loading(pool, &vm->object, VM_VGPUS, key);
        note_unless_loading(pool, &group->object, GROUP_VGPUS, key);
        note_unless_loading(pool, &type->object, TYPE_VGPUS, key);
        return 0;
}

int pool_add_reservation(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, GpuGroup *group,
        VgpuType *type, uint32_t count, Reservation **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_RESERVATION, id);
        Reservation *reservation = (Reservation *) o;

        if (!reservation || text_copy(&reservation->name_label, name_label) < 0)
                return -ENOMEM;

        reservation->group = group;
        reservation->type = type;
        reservation->count = count;
        reservation->expires = UINT64_MAX;
        return object_register(pool, &o, key, ret);
}

int pool_add_quota(
        Pool *pool, const Uuid *id, uint64_t key, const char *owner, GpuGroup *group, Quota **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_QUOTA, id);
        Quota *q = (Quota *) o;
        Owner *of;
        int r;

        if (!q || text_copy(&q->owner, owner) < 0 || owner_get(pool, owner, &of) < 0)
                return -ENOMEM;
        if (!of)
                return -EINVAL;

        q->group = group;
        q->vgpus_max = q->size_max = QUOTA_UNLIMITED;
        r = 0;
        for_each_while(r == 0, Quota, quota, &of->quotas)
                if (quota->group == group)
                        r = -EEXIST;
        r = r ?: ptr_array_reserve(&of->quotas, 1);
        r = r ?: object_register(pool, &o, key, ret);
        if (r < 0) {
                owner_settle(pool, of);
                return r;
        }

        q->owned_by = of;
        ptr_array_add(&of->quotas, q);
        return 0;
}

int pool_add_vm_group(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, VmPlacement placement,
        VmGroup **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_VM_GROUP, id);
        VmGroup *g = (VmGroup *) o;

        if (!g || text_copy(&g->name_label, name_label) < 0)
                return -ENOMEM;

        g->placement = placement;
        return object_register(pool, &o, key, ret);
}

int pool_add_job(Pool *pool, const Uuid *id, uint64_t key, const char *operation, Job **ret) {
        _cleanup_(object_freep) Object *o = object_new(CLASS_JOB, id);
        Job *j = (Job *) o;

        if (!j || text_copy(&j->operation, operation) < 0)
                return -ENOMEM;

        return object_register(pool, &o, key, ret);
}
