/*
 * VGPUs: created and destroyed while their VM is halted
 */

#include "policyd/service/objects/policy-private.h"

int vgpus_create(Policy *p, Vm *vm, GpuGroup *group, VgpuType *type_or_null, const char *device_or_null,
        const char *extra_args, Vgpu **ret, Refusal *refusal) {
        VgpuType *type = type_or_null;
        uint32_t device;
        Vgpu *v;
        int r;

        if (!type) {
                r = type_passthrough(&p->hosts, &type);
                if (r < 0)
                        return r;
        }
        r = check_limit(&p->batch, CLASS_VGPU, 1, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_text("A VGPU", "text of extra_args", extra_args, TEXT_LINE, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = rule_vgpu_create(p->batch.pool, vm, group, type, device_or_null, /* importing= */ false,
                        &device, refusal);
        if (r < 0 || refusal->code != ERROR_NONE) {
                types_collect(&p->hosts);
                return r;
        }
        r = vgpu_add(&p->batch, vm, group, type, device, NULL, extra_args, &v);
        r = r ?: vm_needs_update(&p->batch, vm, refusal);
        if (r < 0)
                return batch_poison(&p->batch, r);
        *ret = v;
        return 0;
}

int vgpus_destroy(Policy *p, Vgpu *v, Refusal *refusal) {
        Vm *vm = v->vm;
        int r;

        r = rule_vgpu_destroy(v, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        pool_remove(p->batch.pool, &v->object);
        batch_open(&p->batch);
        types_collect(&p->hosts);
        return batch_poison(&p->batch, vm_needs_update(&p->batch, vm, refusal));
}
