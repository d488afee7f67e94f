/*
 * Objects as JSON for the wire: every D-Bus property under its D-Bus name
 *
 * References are object paths, an empty one is "/"; the rest as the property's type has it.
 */

#include "policyd/service/internal.h"

#include <stdio.h>

#include "common/json/json-get.h"

int json_add_path(struct json_object *o, const char *member, const Object *object_or_null) {
        _cleanup_free_ char *path = NULL;

        if (!object_or_null)
                return json_add_string(o, member, "/");
        path = policy_object_path(object_or_null->class, &object_or_null->id);
        return path ? json_add_string(o, member, path) : -ENOMEM;
}

static int append_path(struct json_object *array, const Object *object) {
        _cleanup_free_ char *path = policy_object_path(object->class, &object->id);
        struct json_object *item;

        item = path ? json_object_new_string(path) : NULL;
        if (!item)
                return -ENOMEM;
        if (json_object_array_add(array, item) < 0) {
                json_object_put(item);
                return -ENOMEM;
        }
        return 0;
}

int json_add_paths(struct json_object *o, const char *member, const PtrArray *objects) {
        struct json_object *array = json_object_new_array();
        int r;

        if (!array)
                return -ENOMEM;
        r = json_add(o, member, array);
        for (size_t i = 0; i < objects->n && r == 0; i++)
                r = append_path(array, objects->items[i]);
        return r;
}

/* Of the VGPUs that stand on a PGPU, those that are resident there, or those that are only scheduled. */
static int add_vgpus_on(struct json_object *o, const char *member, const Pgpu *pgpu, bool resident) {
        struct json_object *array = json_object_new_array();
        int r;

        if (!array)
                return -ENOMEM;
        r = json_add(o, member, array);
        for (size_t i = 0; i < pgpu->vgpus.n && r == 0; i++) {
                const Vgpu *v = pgpu->vgpus.items[i];

                if ((resident ? v->resident_on : v->scheduled_on) == pgpu)
                        r = append_path(array, &v->object);
        }
        return r;
}

/* As the property: a domain of which only a name is known has no uuid and no type. */
static int append_outsider(struct json_object *array, const char *vm, const char *name, const char *type) {
        struct json_object *one = json_object_new_array();

        if (!one || json_object_array_add(array, one) < 0) {
                json_object_put(one);
                return -ENOMEM;
        }
        json_object_array_add(one, json_object_new_string(vm));
        json_object_array_add(one, json_object_new_string(name));
        return json_object_array_add(one, json_object_new_string(type)) < 0 ? -ENOMEM : 0;
}

static int add_outsiders(struct json_object *o, const Pgpu *pgpu) {
        struct json_object *array = json_object_new_array();
        int r;

        r = array ? json_add(o, "OutsideVGPUs", array) : -ENOMEM;
        for (size_t i = 0; i < pgpu->n_outsiders && r == 0; i++) {
                const Outsider *one = &pgpu->outsiders[i];
                _cleanup_free_ char *type = policy_object_path(CLASS_VGPU_TYPE, &one->type->object.id);

                r = type ? append_outsider(array, UUID_TEXT(&one->vm), one->name, type) : -ENOMEM;
        }
        return r == 0 && !isempty(pgpu->held_by) ? append_outsider(array, "", pgpu->held_by, "/") : r;
}

static const Object *object_of(const void *object_or_null) {
        return object_or_null;
}

static int host_members(const Object *object, struct json_object *o) {
        const Host *h = CONTAINER_OF(object, Host, object);
        int r = 0;

        r = r ?: json_add_string(o, "NameLabel", h->name_label);
        r = r ?: json_add_string(o, "Address", h->address);
        r = r ?: json_add_string(o, "State", host_state_to_string(h->state));
        r = r ?: json_add_string(o, "StateReason", strempty(h->state_reason));
        r = r ?: json_add_bool(o, "Enabled", h->enabled);
        r = r ?: json_add_string(o, "HostUUID", uuid_is_null(&h->host_uuid) ? "" : UUID_TEXT(&h->host_uuid));
        r = r ?: json_add_string(o, "BootID", strempty(h->boot_id));
        r = r ?: json_add_u64(o, "MemoryTotal", h->memory_total);
        r = r ?: json_add_u64(o, "MemoryFree", h->memory_free);
        r = r ?: json_add_strv(o, "Networks", (const char *const *) h->networks);
        r = r ?: json_add_strv(o, "Storage", (const char *const *) h->storage);
        r = r ?: json_add_paths(o, "PGPUs", &h->pgpus);
        r = r ?: json_add_strv(o, "Problems", (const char *const *) h->problems);
        r = r ?: json_add_bool(o, "Unheard", h->unheard);
        return r;
}

static int pgpu_members(const Object *object, struct json_object *o) {
        const Pgpu *p = CONTAINER_OF(object, Pgpu, object);
        const char *reason = "";
        int r = 0;

        r = r ?: json_add_path(o, "Host", object_of(p->host));
        r = r ?: json_add_string(o, "PCIID", PCI_TEXT(&p->pci));
        r = r ?: json_add_string(o, "VendorName", strempty(p->vendor_name));
        r = r ?: json_add_string(o, "DeviceName", strempty(p->device_name));
        r = r ?: json_add_path(o, "GPUGroup", object_of(p->group));
        r = r ?: json_add_paths(o, "SupportedVGPUTypes", &p->supported);
        r = r ?: json_add_paths(o, "EnabledVGPUTypes", &p->enabled);
        r = r ?: add_vgpus_on(o, "ResidentVGPUs", p, /* resident= */ true);
        r = r ?: add_vgpus_on(o, "ScheduledVGPUs", p, /* resident= */ false);
        r = r ?: json_add_paths(o, "Reservations", &p->holds);
        r = r ?: add_outsiders(o, p);
        r = r ?: json_add_bool(o, "IsSystemDisplayDevice", p->is_system_display_device);
        r = r ?: json_add_string(o, "Health", pgpu_health_to_string(pgpu_health(p, &reason)));
        r = r ?: json_add_string(o, "HealthReason", reason);
        r = r ?: json_add_u64(o, "Size", 1048576);
        return r;
}

static int group_members(const Object *object, struct json_object *o) {
        const GpuGroup *g = CONTAINER_OF(object, GpuGroup, object);
        int r = 0;

        r = r ?: json_add_string(o, "NameLabel", g->name_label);
        r = r ?: json_add_string(o, "NameDescription", strempty(g->name_description));
        r = r ?: json_add_string(o, "AllocationAlgorithm", group_algorithm_to_string(g->algorithm));
        r = r ?: json_add_strv(o, "GPUTypes", (const char *const *) g->gpu_types);
        r = r ?: json_add_paths(o, "PGPUs", &g->pgpus);
        r = r ?: json_add_paths(o, "VGPUs", &g->vgpus);
        r = r ?: json_add_paths(o, "SupportedVGPUTypes", &g->supported);
        r = r ?: json_add_paths(o, "EnabledVGPUTypes", &g->enabled);
        return r;
}

static int type_members(const Object *object, struct json_object *o) {
        const VgpuType *t = CONTAINER_OF(object, VgpuType, object);
        int r = 0;

        r = r ?: json_add_string(o, "VendorName", strempty(t->vendor_name));
        r = r ?: json_add_string(o, "ModelName", strempty(t->model_name));
        r = r ?: json_add_u64(o, "FramebufferSize", t->framebuffer_size);
        r = r ?: json_add_u64(o, "MaxHeads", t->max_heads);
        r = r ?: json_add_u64(o, "MaxResolutionX", t->max_resolution_x);
        r = r ?: json_add_u64(o, "MaxResolutionY", t->max_resolution_y);
        r = r ?: json_add_u64(o, "Size", t->size);
        r = r
                    ?: json_add_string(o, "Implementation",
                               vgpu_implementation_to_string(t->implementation));
        r = r ?: json_add_string(o, "Identifier", strempty(t->identifier));
        r = r ?: json_add_bool(o, "Experimental", t->experimental);
        r = r ?: json_add_paths(o, "SupportedOnPGPUs", &t->supported_on);
        r = r ?: json_add_paths(o, "EnabledOnPGPUs", &t->enabled_on);
        r = r ?: json_add_paths(o, "VGPUs", &t->vgpus);
        return r;
}

static int vm_members(const Object *object, struct json_object *o) {
        const Vm *vm = CONTAINER_OF(object, Vm, object);
        const PtrArray groups = {.items = (void *[]){vm->group}, .n = 1}, none = {};
        int r = 0;

        r = r ?: json_add_string(o, "NameLabel", vm->name_label);
        r = r ?: json_add_string(o, "Owner", strempty(vm->owner));
        r = r ?: json_add_string(o, "Affinity", strempty(vm->affinity));
        r = r ?: json_add_string(o, "PowerState", power_state_to_string(vm->power_state));
        r = r ?: json_add_path(o, "ResidentOn", object_of(vm->resident_on));
        r = r ?: json_add_path(o, "ScheduledToBeResidentOn", object_of(vm->scheduled_on));
        r = r ?: json_add_paths(o, "VGPUs", &vm->vgpus);
        r = r ?: json_add_paths(o, "Groups", vm->group ? &groups : &none);
        r = r ?: json_add_strv(o, "Problems", (const char *const *) vm->problems);
        return r;
}

static int vm_group_members(const Object *object, struct json_object *o) {
        const VmGroup *g = CONTAINER_OF(object, VmGroup, object);
        int r = 0;

        r = r ?: json_add_string(o, "NameLabel", g->name_label);
        r = r ?: json_add_string(o, "NameDescription", strempty(g->name_description));
        r = r ?: json_add_string(o, "Placement", placement_to_string(g->placement));
        r = r ?: json_add_paths(o, "VMs", &g->vms);
        return r;
}

static int vgpu_members(const Object *object, struct json_object *o) {
        const Vgpu *v = CONTAINER_OF(object, Vgpu, object);
        char device[16];
        int r = 0;

        snprintf(device, sizeof(device), "%u", v->device);
        r = r ?: json_add_path(o, "VM", object_of(v->vm));
        r = r ?: json_add_path(o, "GPUGroup", object_of(v->group));
        r = r ?: json_add_path(o, "Type", object_of(v->type));
        r = r ?: json_add_string(o, "Device", device);
        r = r ?: json_add_bool(o, "CurrentlyAttached", v->currently_attached);
        r = r ?: json_add_path(o, "ScheduledToBeResidentOn", object_of(v->scheduled_on));
        r = r ?: json_add_path(o, "ResidentOn", object_of(v->resident_on));
        return r;
}

static int reservation_members(const Object *object, struct json_object *o) {
        const Reservation *v = CONTAINER_OF(object, Reservation, object);
        int r = 0;

        r = r ?: json_add_string(o, "NameLabel", v->name_label);
        r = r ?: json_add_path(o, "GPUGroup", object_of(v->group));
        r = r ?: json_add_path(o, "Type", object_of(v->type));
        r = r ?: json_add_u64(o, "Count", v->count);
        r = r ?: json_add_u64(o, "Remaining", v->holds.n);
        r = r ?: json_add_u64(o, "Expires", v->expires);
        r = r ?: json_add_string(o, "Owner", v->owner);
        return r;
}

static int quota_members(const Object *object, struct json_object *o) {
        const Quota *q = CONTAINER_OF(object, Quota, object);
        OwnerUse used = owner_use(q->owned_by, q->group);
        int r = 0;

        r = r ?: json_add_string(o, "Owner", q->owner);
        r = r ?: json_add_path(o, "GPUGroup", object_of(q->group));
        r = r ?: json_add_u64(o, "VGPUsMax", q->vgpus_max);
        r = r ?: json_add_u64(o, "SizeMax", q->size_max);
        r = r ?: json_add_u64(o, "VGPUsUsed", used.vgpus);
        r = r ?: json_add_u64(o, "SizeUsed", used.size);
        return r;
}

static int add_error(const Job *j, struct json_object *o) {
        struct json_object *pair = json_object_new_array();
        struct json_object *name, *message;
        int r;

        if (!pair)
                return -ENOMEM;
        r = json_add(o, "Error", pair);
        if (r < 0)
                return r;
        name = json_object_new_string(j->error == ERROR_NONE ? "" : error_code_name(j->error));
        message = json_object_new_string(strempty(j->error_message));
        if (!name || !message || json_object_array_add(pair, name) < 0) {
                json_object_put(name);
                json_object_put(message);
                return -ENOMEM;
        }
        if (json_object_array_add(pair, message) < 0) {
                json_object_put(message);
                return -ENOMEM;
        }
        return 0;
}

static int job_members(const Object *object, struct json_object *o) {
        const Job *j = CONTAINER_OF(object, Job, object);
        struct json_object *objects = json_object_new_array();
        int r;

        r = objects ? json_add(o, "Objects", objects) : -ENOMEM;
        for (size_t i = 0; i < j->n_objects && r == 0; i++) {
                const Object named = {.class = j->objects[i].class, .id = j->objects[i].id};

                r = append_path(objects, &named);
        }
        r = r ?: json_add_string(o, "Operation", j->operation);
        r = r ?: json_add_string(o, "State", job_state_to_string(j->state));
        r = r ?: json_add_double(o, "Progress", j->progress);
        r = r ?: json_add_string(o, "Stage", strempty(j->stage));
        r = r ?: add_error(j, o);
        r = r ?: json_add_u64(o, "StartTime", j->start_time);
        r = r ?: json_add_u64(o, "EndTime", j->end_time);
        return r;
}

static int (*const class_members[_CLASS_MAX])(const Object *object, struct json_object *o) = {
        [CLASS_HOST] = host_members,
        [CLASS_PGPU] = pgpu_members,
        [CLASS_GPU_GROUP] = group_members,
        [CLASS_VGPU_TYPE] = type_members,
        [CLASS_VM] = vm_members,
        [CLASS_VGPU] = vgpu_members,
        [CLASS_RESERVATION] = reservation_members,
        [CLASS_QUOTA] = quota_members,
        [CLASS_VM_GROUP] = vm_group_members,
        [CLASS_JOB] = job_members,
};

struct json_object *object_to_json(const Object *object) {
        struct json_object *o = json_object_new_object();
        int r;

        if (!o)
                return NULL;
        r = json_add_path(o, "path", object);
        r = r ?: json_add_uuid(o, "uuid", &object->id);
        r = r ?: json_add_uuid(o, "UUID", &object->id);
        r = r ?: class_members[object->class](object, o);
        if (r < 0) {
                json_object_put(o);
                return NULL;
        }
        return o;
}
