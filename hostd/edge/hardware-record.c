/*
 * PGPUs and types as they travel in the inventory
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "hostd/edge/hardware.h"

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
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        r = add_text(o, "type_id", t->type_id) ?: add_text(o, "vclass", t->vclass) ?:
            add_text(o, "config_file", t->config_file);
        if (t->implementation == TYPE_GVT_G)
                r = r ?: add_number_text(o, "vgt_low_gm_sz", t->low_gm_sz) ?:
                    add_number_text(o, "vgt_high_gm_sz", t->high_gm_sz) ?:
                    add_number_text(o, "vgt_fence_sz", t->fence_sz);
        if (t->implementation == TYPE_SRIOV)
                r = r ?: add_number_text(o, "vfs_per_pgpu", t->vgpus_per_pgpu) ?:
                    add_number_text(o, "exec_quantum_ms", t->exec_quantum_ms) ?:
                    add_number_text(o, "preempt_timeout_us", t->preempt_timeout_us) ?:
                    add_text(o, "priority", strempty(t->priority));
        if (t->implementation == TYPE_MXGPU)
                r = r ?: add_number_text(o, "vgpus_per_pgpu", t->vgpus_per_pgpu);
        if (r >= 0)
                *ret = take_ptr(o);
        return r;
}

int hardware_type_record(const HostType *t, char *ret_itself[static 2], TypeRecord *ret) {
        struct json_object *config;
        char **none = ret_itself + 1;

        if (build_internal_config(t, &config) < 0)
                return -ENOMEM;
        ret_itself[0] = t->identifier;
        ret_itself[1] = NULL;
        *ret = (TypeRecord){
                .implementation = t->implementation,
                .identifier = t->identifier,
                .vendor_name = t->vendor_name,
                .model_name = t->model_name,
                .framebuffer_size = t->framebuffer_size,
                .max_heads = t->max_heads,
                .max_resolution_x = t->max_x,
                .max_resolution_y = t->max_y,
                .size = t->size,
                .experimental = t->experimental,
                .internal_config = config,
                .compatible_types_in_vm = t->self_compatible_in_vm ? ret_itself : none,
                .compatible_types_on_pgpu = t->self_compatible_on_pgpu ? ret_itself : none,
        };
        return 0;
}

InventoryPgpu hardware_pgpu_record(const Pgpu *p, PgpuIds *ids) {
        const uint16_t values[] = {p->vendor_id, p->device_id, p->subsystem_vendor_id, p->subsystem_device_id};

        *ids = (PgpuIds){};
        for (size_t i = 0; i < (p->subsystem_known ? 4 : 2); i++)
                (void) snprintf(ids->text[i], sizeof(ids->text[i]), "%04x", values[i]);
        if (p->n_functions > 0)
                (void) pgpu_division(p, ids->division);
        if (p->node_known)
                text_format(ids->node, sizeof(ids->node), "%" PRIu32, p->numa_node);
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
                .pci_switch = p->pci_switch,
                .serial_number = p->serial,
                .numa_node = ids->node,
                .is_system_display_device = p->is_system_display_device,
                .supported = p->supported,
                .enabled = p->enabled,
                .division = ids->division,
                .health = p->is_lost || p->n_suspect > 0 ? (char *) pgpu_condition(p) : NULL,
                .health_reason = (char *) pgpu_condition_reason(p),
                .suspect_functions = p->n_suspect,
        };
}
