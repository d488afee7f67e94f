/*
 * Importing a VM with its VGPUs: everything or nothing
 *
 * Groups are found by exactly their GPU_types, types by identifier or names; what is missing is created. A
 * type that no host has shown yet has size 0: the VM is there, and its start says that no host has the
 * hardware. A VM group is found by its uuid, else by its name, and has the placement that it has here.
 * Everything that can be refused is checked before the first change, and what is made is taken back if the
 * last check still fails.
 */

#include "policyd/service/objects/policy-private.h"

#include "policyd/service/hosts/reconcile.h"
#include "policyd/service/operations/platform-vgpu.h"
#include "protocol/import.h"

static bool same_types(char *const *a, char *const *b) {
        size_t n = 0, m = 0;

        for (; a[n]; n++) {
                bool found = false;

                for (size_t i = 0; b[i] && !found; i++)
                        found = streq(a[n], b[i]);
                if (!found)
                        return false;
        }
        while (b[m])
                m++;
        return n == m;
}

/* An empty list of types says nothing about a group, so then the name decides. */
static GpuGroup *find_group(Policy *p, const ImportVgpu *v) {
        bool by_name = !v->group_gpu_types[0];

        for_each(GpuGroup, g, &p->batch.pool->objects[CLASS_GPU_GROUP])
                if (by_name ? !g->gpu_types[0] && streq(g->name_label, v->group_name_label)
                            : same_types(g->gpu_types, v->group_gpu_types))
                        return g;
        return NULL;
}

static int make_group(Policy *p, const ImportVgpu *v, GpuGroup **ret, Refusal *refusal) {
        const char *name = isempty(v->group_name_label) ? "Imported GPU group" : v->group_name_label;
        int r;

        r = check_label("A GPU group", name, refusal);
        r = r ?: check_limit(&p->batch, CLASS_GPU_GROUP, 1, refusal);
        return r ?: group_add(&p->batch, name, "", (const char *const *) v->group_gpu_types, ret);
}

static int import_vgpu(Policy *p, Vm *vm, const ImportVgpu *v, size_t index, Refusal *refusal) {
        GpuGroup *group = find_group(p, v);
        uint32_t device;
        VgpuType *type;
        Vgpu *made;
        int r;

        if (!uuid_is_null(&v->uuid) && pool_get(p->batch.pool, CLASS_VGPU, &v->uuid))
                return refuse(refusal, ERROR_ALREADY_EXISTS,
                        "vgpus[%zu].uuid %s is that of a VGPU in the pool. Leave it out, or destroy that "
                        "VGPU first.",
                        index, UUID_TEXT(&v->uuid));
        r = refused(type_from_record(&p->hosts, &v->type, &(TypeReport){}, &type, refusal), refusal);
        if (r == 0 && !group)
                r = make_group(p, v, &group, refusal);
        r = r
                    ?: refused(rule_vgpu_create(p->batch.pool, vm, group, type, v->device,
                                       /* importing= */ true, &device, refusal),
                               refusal);
        r = r ?: vgpu_check_extra_args(type, v->extra_args, refusal);
        return r ?: vgpu_add(&p->batch, vm, group, type, device, &v->uuid, v->extra_args, &made);
}

static VmGroup *find_vm_group(Policy *p, const ImportGroup *g) {
        Object *found = uuid_is_null(&g->uuid) ? NULL : pool_get(p->batch.pool, CLASS_VM_GROUP, &g->uuid);

        if (!found)
                (void) pool_find_named(p->batch.pool, CLASS_VM_GROUP, g->name_label, &found, 1);
        return found ? CONTAINER_OF(found, VmGroup, object) : NULL;
}

static int import_vm_group(Policy *p, Vm *vm, const ImportGroup *g, Refusal *refusal) {
        const char *placement = isempty(g->placement) ? NULL : g->placement;
        VmGroup *group = find_vm_group(p, g);
        int r;

        r = vm_group_check_placement(placement, refusal);
        if (r == 0 && !group)
                r = vm_group_add(p, &g->uuid, g->name_label, g->name_description, placement, &group, refusal);
        return r ?: pool_set_vm_group(p->batch.pool, vm, group);
}

/* What its users wrote beside it. */
static int import_notes(Policy *p, Vm *vm, const ImportRecord *record, Refusal *refusal) {
        size_t n = 2 * (size_t) json_object_object_length(record->other_config), i = 0;
        _cleanup_free_ const char **entries = calloc(n + 1, sizeof(*entries));
        static const char *const none[] = {NULL};
        int r;

        if (!entries)
                return -ENOMEM;
        json_object_object_foreach(record->other_config, key, value) {
                entries[i++] = key;
                entries[i++] = json_object_get_string(value);
        }
        r = refused(vms_set_description(p, vm, record->name_description, refusal), refusal);
        r = r ?: refused(objects_change_entries(p, &vm->object, "OtherConfig", &(EntriesChange){.set = entries, .remove = none}, refusal), refusal);
        return r ?: refused(objects_change_entries(p, &vm->object, "Tags",
                                    &(EntriesChange){.set = (const char *const *) record->tags, .remove = none}, refusal),
                       refusal);
}

/* Objects with a key from before on, of one class, newest first: what this import made. */
static void remove_made(Policy *p, ObjectClass c, uint64_t before) {
        const PtrArray *all = &p->batch.pool->objects[c];

        while (all->n > 0 && ((Object *) all->items[all->n - 1])->key >= before)
                pool_remove(p->batch.pool, all->items[all->n - 1]);
}

static int import(Policy *p, const ImportRecord *record, Vm **ret, Refusal *refusal) {
        Vm *vm;
        int r;

        r = check_limit(&p->batch, CLASS_VGPU, record->n_vgpus, refusal);
        r = r ?: vm_add(p, &record->vm, &vm, refusal);
        r = r ?: import_notes(p, vm, record, refusal);
        for (size_t i = 0; i < record->n_vgpus && r == 0; i++)
                r = import_vgpu(p, vm, &record->vgpus[i], i, refusal);
        for (size_t i = 0; i < record->n_groups && r == 0; i++)
                r = import_vm_group(p, vm, &record->groups[i], refusal);
        r = r ?: refused(platform_vgpu_ensure(&p->batch, vm, /* starting= */ false, refusal), refusal);
        r = r ?: vm_needs_update(&p->batch, vm, refusal);
        if (r == 0) {
                pool_label_types(p->batch.pool);
                reconcile_stray(&p->hosts, vm);
                *ret = vm;
        }
        return r;
}

int vms_import(Policy *p, const char *text, Vm **ret, Refusal *refusal) {
        static const ObjectClass made[] = {CLASS_VM, CLASS_VM_GROUP, CLASS_GPU_GROUP, CLASS_VGPU_TYPE};
        _cleanup_(import_record_done) ImportRecord record = {};
        _cleanup_json_ struct json_object *o = NULL;
        uint64_t before = p->batch.pool->next_key;
        JsonReader reader = {};
        int r;

        r = json_parse(&reader, text, strlen(text), &o);
        r = r ?: import_record_parse(&reader, o, &record);
        if (r == -EINVAL)
                return decided(refuse_record(refusal, "import", &reader));
        r = r ?: import(p, &record, ret, refusal);
        for (size_t i = 0; r != 0 && i < ARRAY_SIZE(made); i++)
                remove_made(p, made[i], before);
        return decided(batch_poison(&p->batch, r));
}
