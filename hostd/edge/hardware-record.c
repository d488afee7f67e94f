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
        _cleanup_(idset_freep) char **list = NULL;

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

static char *format_id(uint16_t id, bool known) {
        char text[5] = "";

        if (known)
                snprintf(text, sizeof(text), "%04x", id);
        return strdup(text);
}

int hardware_pgpu_record(const Pgpu *p, InventoryPgpu *ret) {
        InventoryPgpu record = {
                .pci_id = p->address,
                .vendor_id = format_id(p->vendor_id, /* known= */ true),
                .device_id = format_id(p->device_id, /* known= */ true),
                .subsystem_vendor_id = format_id(p->subsystem_vendor_id, p->subsystem_known),
                .subsystem_device_id = format_id(p->subsystem_device_id, p->subsystem_known),
                .vendor_name = strdup(p->vendor_name),
                .device_name = strdup(p->device_name),
                .driver = strdup(p->driver),
                .bridge = strdup(p->bridge),
                .is_system_display_device = p->is_system_display_device,
                .health = p->is_lost ? strdup("lost") : NULL,
                .health_reason = p->is_lost ? strdup(PGPU_LOST_REASON) : NULL,
        };

        if ((p->is_lost && (!record.health || !record.health_reason)) || !record.vendor_id || !record.device_id || !record.subsystem_vendor_id ||
                !record.subsystem_device_id || !record.vendor_name || !record.device_name || !record.driver ||
                !record.bridge || idset_copy(p->supported, &record.supported) < 0 ||
                idset_copy(p->enabled, &record.enabled) < 0) {
                hardware_pgpu_record_done(&record);
                return -ENOMEM;
        }

        *ret = record;
        return 0;
}

void hardware_pgpu_record_done(InventoryPgpu *r) {
        free(r->vendor_id);
        free(r->device_id);
        free(r->subsystem_vendor_id);
        free(r->subsystem_device_id);
        free(r->vendor_name);
        free(r->device_name);
        free(r->driver);
        free(r->bridge);
        free(r->health);
        free(r->health_reason);
        idset_free(r->supported);
        idset_free(r->enabled);
        *r = (InventoryPgpu){};
}
