/*
 * VGPUs: created and destroyed while their VM is halted
 */

#include "policyd/service/objects/policy-private.h"

/* They are options of NVIDIA's emulator, which no other type has. */
int vgpu_check_extra_args(const VgpuType *type, const char *extra_args, Refusal *refusal) {
        int r = check_text("A VGPU", "text of extra_args", extra_args, TEXT_LINE, refusal);

        if (r != 0 || isempty(extra_args) || type->implementation == TYPE_NVIDIA)
                return r;
        return refuse(refusal, ERROR_INVALID_RECORD,
                "A VGPU of type '%s' takes no extra_args: they are for NVIDIA's emulator, and a VGPU of this type has none. Leave them out.",
                isempty(type->model_name) ? type->identifier : type->model_name);
}

int vgpus_create(Policy *p, Vm *vm, GpuGroup *group, VgpuType *type_or_null, const char *device_or_null,
        const char *extra_args, Vgpu **ret, Refusal *refusal) {
        VgpuType *type = type_or_null;
        uint32_t device;
        Vgpu *v;
        int r;

        r = type ? 0 : type_passthrough(&p->hosts, &type);
        if (r < 0)
                return decided(r);
        r = check_limit(&p->batch, CLASS_VGPU, 1, refusal);
        r = r ?: vgpu_check_extra_args(type, extra_args, refusal);
        r = r
                    ?: refused(rule_vgpu_create(p->batch.pool, vm, group, type, device_or_null,
                                       /* importing= */ false, &device, refusal),
                               refusal);
        if (r != 0) {
                types_collect(&p->hosts);
                return decided(r);
        }
        r = vgpu_add(&p->batch, vm, group, type, device, NULL, extra_args, &v);
        r = r ?: vm_needs_update(&p->batch, vm, refusal);
        if (r < 0)
                return decided(batch_poison(&p->batch, r));
        *ret = v;
        return 0;
}

int vgpus_set_extra_args(Policy *p, Vgpu *v, const char *extra_args, Refusal *refusal) {
        const TextChange change = {&v->extra_args, extra_args, VGPU_EXTRA_ARGS};
        int r;

        r = vgpu_check_extra_args(v->type, extra_args, refusal);
        return decided(r ?: object_set_texts(&p->batch, &v->object, &change, 1));
}

int vgpus_destroy(Policy *p, Vgpu *v, Refusal *refusal) {
        Vm *vm = v->vm;
        int r;

        r = refused(rule_vgpu_destroy(v, refusal), refusal);
        if (r != 0)
                return decided(r);
        object_remove(&p->batch, &v->object);
        types_collect(&p->hosts);
        return decided(batch_poison(&p->batch, vm_needs_update(&p->batch, vm, refusal)));
}
