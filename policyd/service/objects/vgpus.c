/*
 * VGPUs: created and destroyed while their VM is halted
 */

#include "policyd/service/internal.h"

int vgpu_add(Policy *p, Vm *vm, GpuGroup *group, VgpuType *type, uint32_t device, const Uuid *id_or_null,
        const char *extra_args, Vgpu **ret) {
        Uuid id = id_or_null ? *id_or_null : UUID_NULL;
        Vgpu *v;
        int r;

        if (uuid_is_null(&id)) {
                r = policy_new_uuid(p, &id);
                if (r < 0)
                        return r;
        }
        r = pool_add_vgpu(p->pool, &id, 0, vm, group, type, device, &v);
        if (r < 0)
                return r;
        batch_open(p);
        if (text_set(&v->extra_args, strempty(extra_args)) < 0)
                return batch_poison(p, -ENOMEM);
        *ret = v;
        return 0;
}

int vgpus_create(Policy *p, Vm *vm, GpuGroup *group, VgpuType *type_or_null, const char *device_or_null,
        const char *extra_args, Vgpu **ret, Refusal *refusal) {
        VgpuType *type = type_or_null;
        uint32_t device;
        Vgpu *v;
        int r;

        if (!type) {
                r = type_passthrough(p, &type);
                if (r < 0)
                        return r;
        }
        r = policy_check_limit(p, CLASS_VGPU, 1, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = policy_check_text("A VGPU", "text of extra_args", extra_args, TEXT_LINE, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = rule_vgpu_create(
                        p->pool, vm, group, type, device_or_null, /* importing= */ false, &device, refusal);
        if (r < 0 || refusal->code != ERROR_NONE) {
                types_collect(p);
                return r;
        }
        r = vgpu_add(p, vm, group, type, device, NULL, extra_args, &v);
        r = r ?: vm_needs_update(p, vm, refusal);
        if (r < 0)
                return batch_poison(p, r);
        *ret = v;
        return 0;
}

int vgpus_destroy(Policy *p, Vgpu *v, Refusal *refusal) {
        Vm *vm = v->vm;
        int r;

        r = rule_vgpu_destroy(v, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        pool_remove(p->pool, &v->object);
        batch_open(p);
        types_collect(p);
        return batch_poison(p, vm_needs_update(p, vm, refusal));
}
