/*
 * VGPUs on disk
 */

#include "policyd/store/records.h"

#include "protocol/gpu-record.h"

static void vgpu_build(const Object *o, StrBuf *b) {
        const Vgpu *v = CONTAINER_OF(o, Vgpu, object);

        stored_write_reference(b, "vm", &v->vm->object);
        stored_write_reference(b, "gpu_group", &v->group->object);
        stored_write_reference(b, "type", &v->type->object);
        json_write_u64(b, "device", v->device);
        json_write_string(b, "extra_args", strempty(v->extra_args));
        if (v->pinned)
                json_write_string(b, "pinned_pci", PCI_TEXT(&v->pinned_pci));
        json_write_bool(b, "currently_attached", v->currently_attached);
        stored_write_reference(b, "scheduled_on", v->scheduled_on ? &v->scheduled_on->object : NULL);
        stored_write_reference(b, "resident_on", v->resident_on ? &v->resident_on->object : NULL);
        if (v->used_hold)
                json_write_bool(b, "used_hold", true);
}

static int vgpu_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        GpuGroup *group;
        VgpuType *type;
        uint32_t device;
        Vgpu *v;
        Vm *vm;
        int q = 0;

        q = q ?: stored_get_reference(pool, r, record, "vm", CLASS_VM, &vm);
        q = q ?: stored_get_reference(pool, r, record, "gpu_group", CLASS_GPU_GROUP, &group);
        q = q ?: stored_get_reference(pool, r, record, "type", CLASS_VGPU_TYPE, &type);
        q = q ?: json_get_u32(r, record, "device", &device);
        if (q < 0)
                return q;
        if (device > VGPU_DEVICE_MAX)
                return json_fail(r, "device", "is %u; devices are 0 to %d", device, VGPU_DEVICE_MAX);
        q = q ?: pool_add_vgpu(pool, id, key, vm, group, type, device, &v);
        q = q ?: stored_get_text(r, record, "extra_args", &v->extra_args);
        if (q == 0 && json_object_object_get_ex(record, "pinned_pci", NULL)) {
                q = json_get_pci_text(r, record, "pinned_pci", &v->pinned_pci);
                v->pinned = true;
        }
        return q;
}

static int vgpu_resolve(Pool *pool, JsonReader *r, struct json_object *record, Object *o) {
        Vgpu *v = CONTAINER_OF(o, Vgpu, object);
        Pgpu *scheduled, *resident;
        bool attached;
        int q = 0;

        q = q ?: json_get_bool(r, record, "currently_attached", &attached);
        q = q ?: stored_opt_reference(pool, r, record, "scheduled_on", CLASS_PGPU, &scheduled);
        q = q ?: stored_opt_reference(pool, r, record, "resident_on", CLASS_PGPU, &resident);
        q = q ?: json_opt_bool(r, record, "used_hold", &v->used_hold);
        q = q ?: pool_set_vgpu_scheduled(pool, v, scheduled);
        q = q ?: pool_set_vgpu_resident(pool, v, resident);
        if (q < 0)
                return q;
        pool_set_vgpu_attached(pool, v, attached);
        return 0;
}

const RecordCodec vgpu_codec = {.build = vgpu_build, .create = vgpu_create, .resolve = vgpu_resolve};
