/*
 * PGPUs and types as they travel in the inventory
 */

#include <inttypes.h>
#include <stdio.h>

#include "hostd/core/idset.h"
#include "hostd/edge/hardware.h"

static VgpuImplementation implementation_of(HostTypeKind kind) {
        switch (kind) {
        case HOST_TYPE_KIND_PASSTHROUGH:
                return TYPE_PASSTHROUGH;
        case HOST_TYPE_KIND_NVIDIA:
                return TYPE_NVIDIA;
        case HOST_TYPE_KIND_NVIDIA_SRIOV:
                return TYPE_NVIDIA_SRIOV;
        case HOST_TYPE_KIND_GVT_G:
                return TYPE_GVT_G;
        case HOST_TYPE_KIND_MXGPU:
                return TYPE_MXGPU;
        case _HOST_TYPE_KIND_MAX:
        case _HOST_TYPE_KIND_INVALID:
                break;
        }
        return TYPE_PASSTHROUGH;
}

static int add_text(struct json_object *o, const char *member, const char *text) {
        return text ? json_add_string(o, member, text) : 0;
}

/* XenServer's internal_config is a map of strings, numbers included. */
static int add_number_text(struct json_object *o, const char *member, uint64_t n) {
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, n);
        return json_add_string(o, member, text);
}

static int build_internal_config(const HostType *t, struct json_object **ret) {
        struct json_object *o = json_object_new_object();
        int r = 0;

        if (!o)
                return -ENOMEM;

        r |= add_text(o, "type_id", t->type_id);
        r |= add_text(o, "vclass", t->vclass);
        r |= add_text(o, "config_file", t->config_file);
        if (t->kind == HOST_TYPE_KIND_GVT_G) {
                r |= add_number_text(o, "vgt_low_gm_sz", t->low_gm_sz);
                r |= add_number_text(o, "vgt_high_gm_sz", t->high_gm_sz);
                r |= add_number_text(o, "vgt_fence_sz", t->fence_sz);
        }
        if (t->kind == HOST_TYPE_KIND_MXGPU)
                r |= add_number_text(o, "vgpus_per_pgpu", t->vgpus_per_pgpu);
        if (r < 0) {
                json_object_put(o);
                return -ENOMEM;
        }

        *ret = o;
        return 0;
}

/* The type itself, or nothing: what a K1 or K2 type lists. */
static int build_list(const HostType *t, bool lists_itself, char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;

        list = idset_new();
        if (!list || (lists_itself && idset_add(&list, t->identifier) < 0))
                return -ENOMEM;

        *ret = take_ptr(list);
        return 0;
}

int hardware_type_record(const HostType *t, TypeRecord *ret) {
        TypeRecord record = {
                .implementation = implementation_of(t->kind),
                .identifier = strdup(t->identifier),
                .vendor_name = strdup(t->vendor_name),
                .model_name = strdup(t->model_name),
                .framebuffer_size = t->framebuffer_size,
                .max_heads = t->max_heads,
                .max_resolution_x = t->max_x,
                .max_resolution_y = t->max_y,
                .size = t->size,
                .experimental = t->experimental,
        };

        if (!record.identifier || !record.vendor_name || !record.model_name ||
                build_internal_config(t, &record.internal_config) < 0 ||
                build_list(t, t->self_compatible_in_vm, &record.compatible_types_in_vm) < 0 ||
                build_list(t, t->self_compatible_on_pgpu, &record.compatible_types_on_pgpu) < 0) {
                type_record_done(&record);
                return -ENOMEM;
        }

        *ret = record;
        return 0;
}

InventoryPgpu hardware_pgpu_record(const Pgpu *p, PgpuIds *ids) {
        const uint16_t values[] = {p->vendor_id, p->device_id, p->subsystem_vendor_id, p->subsystem_device_id};

        *ids = (PgpuIds){};
        for (size_t i = 0; i < (p->subsystem_known ? 4 : 2); i++)
                (void) snprintf(ids->text[i], sizeof(ids->text[i]), "%04x", values[i]);
        return (InventoryPgpu){
                .pci_id = p->address,
                .vendor_id = ids->text[0],
                .device_id = ids->text[1],
                .subsystem_vendor_id = ids->text[2],
                .subsystem_device_id = ids->text[3],
                .vendor_name = p->vendor_name,
                .device_name = p->device_name,
                .driver = p->driver,
                .bridge = p->bridge,
                .is_system_display_device = p->is_system_display_device,
                .supported = p->supported,
                .enabled = p->enabled,
                .health = p->is_lost ? (char *) "lost" : NULL,
                .health_reason = p->is_lost ? (char *) PGPU_LOST_REASON : NULL,
        };
}
