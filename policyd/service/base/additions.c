/*
 * Objects that more than one use case makes, or changes
 */

#include "policyd/service/base/additions.h"

#include "policyd/service/base/limits.h"
#include "policyd/store/vm-needs.h"

int group_add(Batch *b, const char *name_label, const char *description, const char *const *gpu_types,
        GpuGroup **ret) {
        GpuGroup *g;
        Uuid id;
        int r;

        r = batch_new_uuid(b, &id);
        r = r ?: pool_add_gpu_group(b->pool, &id, 0, name_label, &g);
        if (r < 0)
                return r;
        batch_open(b);
        r = MIN_OF(text_set(&g->name_description, strempty(description)), 0);
        r = r ?: pool_set_group_gpu_types(b->pool, g, gpu_types);
        if (r < 0)
                return batch_poison(b, r);
        *ret = g;
        return 0;
}

int vgpu_add(Batch *b, Vm *vm, GpuGroup *group, VgpuType *type, uint32_t device, const Uuid *id_or_null,
        const char *extra_args, Vgpu **ret) {
        Vgpu *v;
        Uuid id;
        int r;

        r = batch_choose_uuid(b, id_or_null, &id);
        r = r ?: pool_add_vgpu(b->pool, &id, 0, vm, group, type, device, &v);
        if (r < 0)
                return r;
        batch_open(b);
        if (text_set(&v->extra_args, strempty(extra_args)) < 0)
                return batch_poison(b, -ENOMEM);
        *ret = v;
        return 0;
}

int vm_needs_update(Batch *b, Vm *vm, Refusal *refusal) {
        JsonReader reader = {};
        int r;

        r = vm_refresh_needs(b->pool, &reader, vm);
        if (r == -EINVAL)
                return refuse_record(refusal, "VM record", &reader);
        return r;
}

int object_set_texts(Batch *b, Object *o, const TextChange *changes, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                bool both_empty = isempty(*changes[i].field) && isempty(changes[i].text_or_null);

                r = changes[i].text_or_null && !both_empty ? text_set(changes[i].field, changes[i].text_or_null) : 0;
                if (r > 0)
                        pool_touch(b->pool, o, changes[i].property, /* store= */ true);
        }
        return batch_open_if_changed(b, r);
}

void object_remove(Batch *b, Object *o) {
        pool_remove(b->pool, o);
        batch_open(b);
}
