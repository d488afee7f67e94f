/*
 * Inventory: what a host is and what runs on it
 *
 * One parser and one builder for each nested record, from the leaves up; the top ones stand last.
 */

#include "protocol/inventory.h"
#include "protocol/names.h"
#include "protocol/order.h"
#include "protocol/record.h"

/* Caps on what a host may say; far above any machine, and low enough that a broken hostd cannot fill policyd. */
#define INVENTORY_TYPES_MAX 4096
#define INVENTORY_PGPUS_MAX 256
#define INVENTORY_VMS_MAX 4096

static void pgpu_done(InventoryPgpu *p) {
        free(p->vendor_id);
        free(p->device_id);
        free(p->subsystem_vendor_id);
        free(p->subsystem_device_id);
        free(p->vendor_name);
        free(p->device_name);
        free(p->driver);
        free(p->bridge);
        strv_free(p->supported);
        strv_free(p->enabled);
        *p = (InventoryPgpu){};
}

static int pgpu_parse_members(JsonReader *r, struct json_object *o, InventoryPgpu *p) {
        int q;

        q = json_get_pci_text(r, o, "pci_id", &p->pci_id);
        if (q >= 0)
                q = record_get_text(r, o, "vendor_id", &p->vendor_id);
        if (q >= 0)
                q = record_get_text(r, o, "device_id", &p->device_id);
        if (q >= 0)
                q = record_opt_text(r, o, "subsystem_vendor_id", "", &p->subsystem_vendor_id);
        if (q >= 0)
                q = record_opt_text(r, o, "subsystem_device_id", "", &p->subsystem_device_id);
        if (q >= 0)
                q = record_opt_text(r, o, "vendor_name", "", &p->vendor_name);
        if (q >= 0)
                q = record_opt_text(r, o, "device_name", "", &p->device_name);
        if (q >= 0)
                q = record_opt_text(r, o, "driver", "", &p->driver);
        if (q >= 0)
                q = record_opt_text(r, o, "bridge", "", &p->bridge);
        if (q >= 0)
                q = json_opt_bool(r, o, "is_system_display_device", &p->is_system_display_device);
        if (q >= 0)
                q = record_opt_strv(r, o, "supported", &p->supported);
        if (q >= 0)
                q = record_opt_strv(r, o, "enabled", &p->enabled);
        return q;
}

static int pgpu_parse(JsonReader *r, struct json_object *o, void *ret) {
        int q;

        q = pgpu_parse_members(r, o, ret);
        if (q < 0)
                pgpu_done(ret);
        return q;
}

static int pgpu_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        const InventoryPgpu *p = item;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = json_add_string(o, "pci_id", PCI_TEXT(&p->pci_id));
        if (r >= 0)
                r = json_add_string(o, "vendor_id", p->vendor_id);
        if (r >= 0)
                r = json_add_string(o, "device_id", p->device_id);
        if (r >= 0)
                r = json_add_string(o, "subsystem_vendor_id", p->subsystem_vendor_id);
        if (r >= 0)
                r = json_add_string(o, "subsystem_device_id", p->subsystem_device_id);
        if (r >= 0)
                r = json_add_string(o, "vendor_name", p->vendor_name);
        if (r >= 0)
                r = json_add_string(o, "device_name", p->device_name);
        if (r >= 0)
                r = json_add_string(o, "driver", p->driver);
        if (r >= 0)
                r = json_add_string(o, "bridge", p->bridge);
        if (r >= 0)
                r = json_add_bool(o, "is_system_display_device", p->is_system_display_device);
        if (r >= 0)
                r = json_add_strv(o, "supported", (const char *const *) p->supported);
        if (r >= 0)
                r = json_add_strv(o, "enabled", (const char *const *) p->enabled);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static void vgpu_done(InventoryVgpu *v) {
        free(v->device);
        free(v->identifier);
        *v = (InventoryVgpu){};
}

static int vgpu_parse_members(JsonReader *r, struct json_object *o, InventoryVgpu *v) {
        struct json_object *state = NULL;
        const char *device = NULL;
        size_t mark;
        int q;

        q = record_get_id(r, o, "id", &v->vm, &device);
        if (q < 0)
                return q;
        v->device = strdup(device);
        if (!v->device)
                return -ENOMEM;

        q = json_opt_uuid(r, o, "uuid", &v->uuid);
        if (q >= 0)
                q = json_get_pci_text(r, o, "pgpu", &v->pgpu);
        if (q >= 0)
                q = record_opt_text(r, o, "identifier", "", &v->identifier);
        if (q >= 0)
                q = json_get_object(r, o, "state", &state);
        if (q < 0)
                return q;

        mark = json_enter(r, "state");
        q = vgpu_state_parse(r, state, &v->state);
        json_leave(r, mark);
        return q;
}

static int vgpu_parse(JsonReader *r, struct json_object *o, void *ret) {
        int q;

        q = vgpu_parse_members(r, o, ret);
        if (q < 0)
                vgpu_done(ret);
        return q;
}

static int vgpu_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL, *state = NULL;
        const InventoryVgpu *v = item;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = record_add_id(o, "id", &v->vm, v->device);
        if (r >= 0 && !uuid_is_null(&v->uuid))
                r = json_add_uuid(o, "uuid", &v->uuid);
        if (r >= 0)
                r = json_add_string(o, "pgpu", PCI_TEXT(&v->pgpu));
        if (r >= 0)
                r = json_add_string(o, "identifier", v->identifier);
        if (r >= 0)
                r = vgpu_state_build(&v->state, &state);
        if (r >= 0)
                r = json_add(o, "state", take_ptr(state));
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static int pci_parse(JsonReader *r, struct json_object *o, void *ret) {
        InventoryPci *p = ret;
        struct json_object *state;
        const char *device;
        size_t mark;
        int q;

        q = record_get_id(r, o, "id", &p->vm, &device);
        if (q >= 0)
                q = json_get_pci_text(r, o, "address", &p->address);
        if (q >= 0)
                q = json_get_object(r, o, "state", &state);
        if (q < 0)
                return q;

        mark = json_enter(r, "state");
        q = json_get_bool(r, state, "plugged", &p->plugged);
        json_leave(r, mark);
        return q;
}

static int pci_build(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL, *state = NULL;
        const InventoryPci *p = item;
        int r;

        o = json_object_new_object();
        state = json_object_new_object();
        if (!o || !state)
                return -ENOMEM;

        r = record_add_id(o, "id", &p->vm, PCI_TEXT(&p->address));
        if (r >= 0)
                r = json_add_string(o, "address", PCI_TEXT(&p->address));
        if (r >= 0)
                r = json_add_bool(state, "plugged", p->plugged);
        if (r >= 0)
                r = json_add(o, "state", take_ptr(state));
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static void vm_done(InventoryVm *v) {
        free(v->name_label);
        free(v->stage);
        for (size_t i = 0; i < v->n_vgpus; i++)
                vgpu_done(v->vgpus + i);
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
                return json_fail(r, "state", "is '%.64s', not starting, running, paused or stopping", state);
        return 0;
}

static int vm_parse_members(JsonReader *r, struct json_object *o, InventoryVm *v) {
        int q;

        q = json_get_uuid(r, o, "uuid", &v->uuid);
        if (q >= 0)
                q = json_get_uuid(r, o, "token", &v->token);
        if (q >= 0)
                q = record_opt_text(r, o, "name_label", "", &v->name_label);
        if (q >= 0)
                q = vm_parse_state(r, o, v);
        if (q >= 0)
                q = record_opt_text(r, o, "stage", "", &v->stage);
        if (q >= 0)
                q = record_opt_progress(r, o, &v->progress);
        if (q >= 0)
                q = json_opt_u32(r, o, "domid", &v->domid);
        if (q >= 0)
                q = json_opt_u64(r, o, "memory", &v->memory);
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

        r = json_add_uuid(o, "uuid", &v->uuid);
        if (r >= 0)
                r = json_add_uuid(o, "token", &v->token);
        if (r >= 0)
                r = json_add_string(o, "name_label", v->name_label);
        if (r >= 0)
                r = json_add_string(o, "state", vm_state_to_string(v->state));
        if (r >= 0)
                r = json_add_string(o, "stage", v->stage);
        if (r >= 0)
                r = json_add_double(o, "progress", v->progress);
        if (r >= 0)
                r = json_add_u64(o, "domid", v->domid);
        if (r >= 0)
                r = json_add_u64(o, "memory", v->memory);
        if (r >= 0)
                r = record_add_list(o, "vgpus", v->vgpus, v->n_vgpus, sizeof(InventoryVgpu), vgpu_build);
        if (r >= 0)
                r = record_add_list(o, "pcis", v->pcis, v->n_pcis, sizeof(InventoryPci), pci_build);
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

static int parse_host(JsonReader *r, struct json_object *o, Inventory *i) {
        int q;

        q = record_check_version(r, o);
        if (q >= 0)
                q = json_get_u64(r, o, "seq", &i->seq);
        if (q >= 0)
                q = json_get_uuid(r, o, "host_uuid", &i->host_uuid);
        if (q >= 0)
                q = record_get_text(r, o, "boot_id", &i->boot_id);
        if (q >= 0)
                q = record_opt_text(r, o, "hostname", "", &i->hostname);
        if (q >= 0)
                q = record_opt_text(r, o, "hypervisor", "", &i->hypervisor);
        if (q >= 0)
                q = json_opt_u64(r, o, "epoch", &i->epoch);
        if (q >= 0)
                q = json_get_u64(r, o, "memory_total", &i->memory_total);
        if (q >= 0)
                q = json_get_u64(r, o, "memory_free", &i->memory_free);
        if (q >= 0)
                q = json_opt_u32(r, o, "cpus", &i->cpus);
        if (q >= 0)
                q = json_opt_bool(r, o, "iommu", &i->iommu);
        if (q >= 0)
                q = json_opt_bool(r, o, "hvm", &i->hvm);
        if (q >= 0)
                q = record_opt_strv(r, o, "networks", &i->networks);
        if (q >= 0)
                q = record_opt_strv(r, o, "storage", &i->storage);
        return q;
}

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
        if (q >= 0)
                q = record_opt_strv(r, o, "problems", &i->problems);
        return q;
}

int inventory_parse(JsonReader *r, struct json_object *o, Inventory *ret) {
        int q;

        *ret = (Inventory){};
        q = parse_host(r, o, ret);
        if (q >= 0)
                q = parse_content(r, o, ret);
        if (q < 0)
                inventory_done(ret);
        return q;
}

static int build_host(const Inventory *i, struct json_object *o) {
        int r;

        r = json_add_u64(o, "version", RECORD_VERSION);
        if (r >= 0)
                r = json_add_u64(o, "seq", i->seq);
        if (r >= 0)
                r = json_add_uuid(o, "host_uuid", &i->host_uuid);
        if (r >= 0)
                r = json_add_string(o, "boot_id", i->boot_id);
        if (r >= 0)
                r = json_add_string(o, "hostname", i->hostname);
        if (r >= 0)
                r = json_add_string(o, "hypervisor", i->hypervisor);
        if (r >= 0)
                r = json_add_u64(o, "epoch", i->epoch);
        if (r >= 0)
                r = json_add_u64(o, "memory_total", i->memory_total);
        if (r >= 0)
                r = json_add_u64(o, "memory_free", i->memory_free);
        if (r >= 0)
                r = json_add_u64(o, "cpus", i->cpus);
        if (r >= 0)
                r = json_add_bool(o, "iommu", i->iommu);
        if (r >= 0)
                r = json_add_bool(o, "hvm", i->hvm);
        if (r >= 0)
                r = json_add_strv(o, "networks", (const char *const *) i->networks);
        if (r >= 0)
                r = json_add_strv(o, "storage", (const char *const *) i->storage);
        return r;
}

int inventory_build(const Inventory *i, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = build_host(i, o);
        if (r >= 0)
                r = record_add_list(o, "types", i->types, i->n_types, sizeof(TypeRecord), type_build);
        if (r >= 0)
                r = record_add_list(o, "pgpus", i->pgpus, i->n_pgpus, sizeof(InventoryPgpu), pgpu_build);
        if (r >= 0)
                r = record_add_list(o, "vms", i->vms, i->n_vms, sizeof(InventoryVm), vm_build);
        if (r >= 0)
                r = record_add_list(o, "ended", i->ended, i->n_ended, sizeof(VmEvent), ended_build);
        if (r >= 0)
                r = json_add_strv(o, "problems", (const char *const *) i->problems);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void inventory_done(Inventory *i) {
        free(i->boot_id);
        free(i->hostname);
        free(i->hypervisor);
        strv_free(i->networks);
        strv_free(i->storage);
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
        strv_free(i->problems);
        *i = (Inventory){};
}
