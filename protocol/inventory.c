/*
 * Inventory: what a host is and what runs on it
 *
 * From the leaves up: PGPU, VGPU, PCI device, VM, host. Plain members stand in a table for each; what is
 * nested is parsed and built by hand below it.
 */

#include "common/base/text.h"
#include "protocol/inventory.h"
#include "protocol/names.h"
#include "protocol/order.h"
#include "protocol/record.h"

/* Caps on what a host may say; far above any machine, and low enough that a broken hostd cannot fill policyd.
 */
#define INVENTORY_TYPES_MAX 4096
#define INVENTORY_PGPUS_MAX 256
#define INVENTORY_VMS_MAX 4096

static const RecordField pgpu_fields[] = {
        REQUIRED(InventoryPgpu, pci_id, RECORD_PCI_TEXT),
        REQUIRED(InventoryPgpu, vendor_id, RECORD_TEXT),
        REQUIRED(InventoryPgpu, device_id, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, subsystem_vendor_id, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, subsystem_device_id, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, vendor_name, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, device_name, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, driver, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, bridge, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, is_system_display_device, RECORD_BOOL),
        OPTIONAL(InventoryPgpu, supported, RECORD_STRV),
        OPTIONAL(InventoryPgpu, enabled, RECORD_STRV),
};

/* Written where there is one. */
static const RecordField held_fields[] = {
        OPTIONAL(InventoryPgpu, held_by, RECORD_TEXT),
};

static const RecordField health_fields[] = {
        OPTIONAL(InventoryPgpu, health, RECORD_TEXT),
        OPTIONAL(InventoryPgpu, health_reason, RECORD_TEXT),
};

static void pgpu_done(InventoryPgpu *p) {
        record_free_fields(pgpu_fields, ARRAY_SIZE(pgpu_fields), p);
        record_free_fields(held_fields, ARRAY_SIZE(held_fields), p);
        record_free_fields(health_fields, ARRAY_SIZE(health_fields), p);
        *p = (InventoryPgpu){};
}

static int pgpu_parse(JsonReader *r, struct json_object *o, void *ret) {
        int q;

        q = record_parse_fields(r, o, pgpu_fields, ARRAY_SIZE(pgpu_fields), ret);
        if (q >= 0)
                q = record_parse_fields(r, o, held_fields, ARRAY_SIZE(held_fields), ret);
        if (q >= 0)
                q = record_parse_fields(r, o, health_fields, ARRAY_SIZE(health_fields), ret);
        if (q < 0)
                pgpu_done(ret);
        return q;
}

static int pgpu_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = record_add_fields(o, pgpu_fields, ARRAY_SIZE(pgpu_fields), item);
        if (r >= 0 && !isempty(((const InventoryPgpu *) item)->held_by))
                r = record_add_fields(o, held_fields, ARRAY_SIZE(held_fields), item);
        if (r >= 0 && !isempty(((const InventoryPgpu *) item)->health))
                r = record_add_fields(o, health_fields, ARRAY_SIZE(health_fields), item);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static int vgpu_parse(JsonReader *r, struct json_object *o, void *ret) {
        return vgpu_report_parse(r, o, ret);
}

static int vgpu_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        r = o ? vgpu_report_add(o, item) : -ENOMEM;
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static int pci_parse(JsonReader *r, struct json_object *o, void *ret) {
        return pci_report_parse(r, o, ret);
}

static int pci_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        r = o ? pci_report_add(o, item) : -ENOMEM;
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static const RecordField vm_fields[] = {
        REQUIRED(InventoryVm, uuid, RECORD_UUID),
        REQUIRED(InventoryVm, token, RECORD_UUID),
        OPTIONAL(InventoryVm, name_label, RECORD_TEXT),
        OPTIONAL(InventoryVm, stage, RECORD_TEXT),
        OPTIONAL(InventoryVm, progress, RECORD_PROGRESS),
        OPTIONAL(InventoryVm, domid, RECORD_U32),
        OPTIONAL(InventoryVm, memory, RECORD_U64),
};

/* Written where there are any. */
static const RecordField vm_function_fields[] = {
        OPTIONAL(InventoryVm, functions, RECORD_STRV),
};

static void vm_done(InventoryVm *v) {
        record_free_fields(vm_fields, ARRAY_SIZE(vm_fields), v);
        record_free_fields(vm_function_fields, ARRAY_SIZE(vm_function_fields), v);
        for (size_t i = 0; i < v->n_vgpus; i++)
                vgpu_report_done(v->vgpus + i);
        free(v->vgpus);
        free(v->pcis);
        *v = (InventoryVm){};
}

static int vm_parse_state(JsonReader *r, struct json_object *o, InventoryVm *v) {
        const char *state;
        int q;

        q = json_get_string(r, o, "state", &state);
        if (q < 0)
                return q;

        v->state = vm_state_from_string(state);
        if (v->state < 0 || v->state == VM_STATE_HALTED)
                return json_fail(r, "state", "is '%s', not starting, running, paused or stopping",
                        TEXT_SHORT(state, 64));
        return 0;
}

static int vm_parse_members(JsonReader *r, struct json_object *o, InventoryVm *v) {
        int q;

        q = record_parse_fields(r, o, vm_fields, ARRAY_SIZE(vm_fields), v);
        if (q >= 0)
                q = record_parse_fields(r, o, vm_function_fields, ARRAY_SIZE(vm_function_fields), v);
        if (q >= 0)
                q = vm_parse_state(r, o, v);
        if (q >= 0)
                q = record_opt_list(r, o, "vgpus", ORDER_GPUS_MAX, sizeof(InventoryVgpu), vgpu_parse,
                        (void **) &v->vgpus, &v->n_vgpus);
        if (q >= 0)
                q = record_opt_list(r, o, "pcis", ORDER_GPUS_MAX, sizeof(InventoryPci), pci_parse,
                        (void **) &v->pcis, &v->n_pcis);
        return q;
}

static int vm_parse(JsonReader *r, struct json_object *o, void *ret) {
        int q;

        q = vm_parse_members(r, o, ret);
        if (q < 0)
                vm_done(ret);
        return q;
}

static int vm_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        const InventoryVm *v = item;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = record_add_fields(o, vm_fields, ARRAY_SIZE(vm_fields), v);
        if (r >= 0)
                r = json_add_string(o, "state", vm_state_to_string(v->state));
        if (r >= 0)
                r = record_add_list(o, "vgpus", v->vgpus, v->n_vgpus, sizeof(InventoryVgpu), vgpu_build);
        if (r >= 0)
                r = record_add_list(o, "pcis", v->pcis, v->n_pcis, sizeof(InventoryPci), pci_build);
        if (r >= 0 && v->functions && v->functions[0])
                r = record_add_fields(o, vm_function_fields, ARRAY_SIZE(vm_function_fields), v);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static int type_parse(JsonReader *r, struct json_object *o, void *ret) {
        return type_record_parse(r, o, ret);
}

static int type_build(const void *item, struct json_object **ret) {
        return type_record_build(item, ret);
}

static int ended_parse(JsonReader *r, struct json_object *o, void *ret) {
        return vm_event_parse(r, o, ret);
}

static int ended_build(const void *item, struct json_object **ret) {
        return vm_event_build(item, ret);
}

/* Written where there are any: a host that tells none is one that does not tell. */
static const RecordField function_fields[] = {
        OPTIONAL(Inventory, functions, RECORD_STRV),
};

/* Written where it is true. */
static const RecordField rule_fields[] = {
        OPTIONAL(Inventory, refuses_pcidevs, RECORD_BOOL),
};

/* Written where it is told, though it be empty. */
static const RecordField key_fields[] = {
        OPTIONAL(Inventory, allowed_config_keys, RECORD_STRV),
};

static const RecordField host_fields[] = {
        REQUIRED(Inventory, seq, RECORD_U64),
        REQUIRED(Inventory, host_uuid, RECORD_UUID),
        REQUIRED(Inventory, boot_id, RECORD_TEXT),
        OPTIONAL(Inventory, hostname, RECORD_TEXT),
        OPTIONAL(Inventory, hypervisor, RECORD_TEXT),
        OPTIONAL(Inventory, epoch, RECORD_U64),
        OPTIONAL(Inventory, orders, RECORD_U64),
        REQUIRED(Inventory, memory_total, RECORD_U64),
        REQUIRED(Inventory, memory_free, RECORD_U64),
        OPTIONAL(Inventory, cpus, RECORD_U32),
        OPTIONAL(Inventory, iommu, RECORD_BOOL),
        OPTIONAL(Inventory, hvm, RECORD_BOOL),
        OPTIONAL(Inventory, networks, RECORD_STRV),
        OPTIONAL(Inventory, storage, RECORD_STRV),
        OPTIONAL(Inventory, problems, RECORD_STRV),
};

static int parse_content(JsonReader *r, struct json_object *o, Inventory *i) {
        int q;

        q = record_opt_list(r, o, "types", INVENTORY_TYPES_MAX, sizeof(TypeRecord), type_parse,
                (void **) &i->types, &i->n_types);
        if (q >= 0)
                q = record_opt_list(r, o, "pgpus", INVENTORY_PGPUS_MAX, sizeof(InventoryPgpu), pgpu_parse,
                        (void **) &i->pgpus, &i->n_pgpus);
        if (q >= 0)
                q = record_opt_list(r, o, "vms", INVENTORY_VMS_MAX, sizeof(InventoryVm), vm_parse,
                        (void **) &i->vms, &i->n_vms);
        if (q >= 0)
                q = record_opt_list(r, o, "ended", INVENTORY_VMS_MAX, sizeof(VmEvent), ended_parse,
                        (void **) &i->ended, &i->n_ended);
        return q;
}

static int parse_keys(JsonReader *r, struct json_object *o, Inventory *i) {
        if (!json_object_object_get_ex(o, "allowed_config_keys", NULL))
                return 0;
        return record_parse_fields(r, o, key_fields, ARRAY_SIZE(key_fields), i);
}

int inventory_parse(JsonReader *r, struct json_object *o, Inventory *ret) {
        int q;

        *ret = (Inventory){};
        q = record_check_version(r, o);
        if (q >= 0)
                q = record_parse_fields(r, o, host_fields, ARRAY_SIZE(host_fields), ret);
        if (q >= 0)
                q = record_parse_fields(r, o, function_fields, ARRAY_SIZE(function_fields), ret);
        if (q >= 0)
                q = record_parse_fields(r, o, rule_fields, ARRAY_SIZE(rule_fields), ret);
        if (q >= 0)
                q = parse_keys(r, o, ret);
        if (q >= 0)
                q = parse_content(r, o, ret);
        if (q < 0)
                inventory_done(ret);
        return q;
}

int inventory_build(const Inventory *i, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = json_add_u64(o, "version", RECORD_VERSION);
        if (r >= 0)
                r = record_add_fields(o, host_fields, ARRAY_SIZE(host_fields), i);
        if (r >= 0 && i->functions && i->functions[0])
                r = record_add_fields(o, function_fields, ARRAY_SIZE(function_fields), i);
        if (r >= 0 && i->refuses_pcidevs)
                r = record_add_fields(o, rule_fields, ARRAY_SIZE(rule_fields), i);
        if (r >= 0 && i->allowed_config_keys)
                r = record_add_fields(o, key_fields, ARRAY_SIZE(key_fields), i);
        if (r >= 0)
                r = record_add_list(o, "types", i->types, i->n_types, sizeof(TypeRecord), type_build);
        if (r >= 0)
                r = record_add_list(o, "pgpus", i->pgpus, i->n_pgpus, sizeof(InventoryPgpu), pgpu_build);
        if (r >= 0)
                r = record_add_list(o, "vms", i->vms, i->n_vms, sizeof(InventoryVm), vm_build);
        if (r >= 0)
                r = record_add_list(o, "ended", i->ended, i->n_ended, sizeof(VmEvent), ended_build);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void inventory_done(Inventory *i) {
        record_free_fields(host_fields, ARRAY_SIZE(host_fields), i);
        record_free_fields(function_fields, ARRAY_SIZE(function_fields), i);
        record_free_fields(key_fields, ARRAY_SIZE(key_fields), i);
        for (size_t n = 0; n < i->n_types; n++)
                type_record_done(i->types + n);
        free(i->types);
        for (size_t n = 0; n < i->n_pgpus; n++)
                pgpu_done(i->pgpus + n);
        free(i->pgpus);
        for (size_t n = 0; n < i->n_vms; n++)
                vm_done(i->vms + n);
        free(i->vms);
        for (size_t n = 0; n < i->n_ended; n++)
                vm_event_done(i->ended + n);
        free(i->ended);
        *i = (Inventory){};
}
