/*
 * VMs: records in, records out, and what placement needs to know of them
 */

#include "policyd/service/objects/policy-private.h"

#include <stdio.h>

#include "policyd/store/vm-needs.h"
#include "policyd/service/hosts/reconcile.h"
#include "policyd/service/operations/platform-vgpu.h"
#include "policyd/service/operations/starts.h"
#include "protocol/import.h"

static int check_record(Policy *p, const VmRecord *record, Refusal *refusal) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        PlatformVgpu platform;
        JsonReader reader = { .refuses = true };
        size_t mark;
        int r;

        r = check_label("A VM", record->name_label, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_owner(record->owner, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_text("A VM", "affinity", record->affinity, TEXT_LINE, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        if (!uuid_is_null(&record->uuid) && pool_get(p->batch.pool, CLASS_VM, &record->uuid))
                return refusal_set(refusal, ERROR_ALREADY_EXISTS,
                        "A VM with uuid %s is in the pool already. Leave the uuid out, or destroy that VM "
                        "first.",
                        UUID_TEXT(&record->uuid));
        r = vm_config_fits(&reader, "config", record->config);
        r = r ?: vm_config_fits(&reader, "platform", record->platform);
        if (r == -EINVAL)
                return refuse_record(refusal, "VM record", &reader);
        if (r < 0)
                return r;
        mark = json_enter(&reader, "config");
        r = vm_config_needs(&reader, record->config, /* has_vgpu= */ false, &needs);
        if (r == 0) {
                json_leave(&reader, mark);
                r = vm_record_platform_vgpu(&reader, record, &platform);
        }
        if (r == -EINVAL)
                return refuse_record(refusal, "VM record", &reader);
        return r < 0 ? r : check_limit(&p->batch, CLASS_VM, 1, refusal);
}

static int fill(Policy *p, Vm *vm, const VmRecord *record, Refusal *refusal) {
        _cleanup_free_ char *platform = json_to_text(record->platform),
                            *config = json_to_text(record->config);

        if (!platform || !config || pool_set_vm_owner(p->batch.pool, vm, record->owner) < 0 ||
                text_set(&vm->affinity, record->affinity) < 0 || text_set(&vm->platform, platform) < 0 ||
                text_set(&vm->config, config) < 0)
                return -ENOMEM;
        return vm_needs_update(&p->batch, vm, refusal);
}

int vm_add(Policy *p, const VmRecord *record, Vm **ret, Refusal *refusal) {
        Uuid id = record->uuid;
        Vm *vm;
        int r;

        r = check_record(p, record, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        if (uuid_is_null(&id)) {
                r = batch_new_uuid(&p->batch, &id);
                if (r < 0)
                        return r;
        }
        r = pool_add_vm(p->batch.pool, &id, 0, record->name_label, &vm);
        if (r < 0)
                return r;
        vm->uuid_given = !uuid_is_null(&record->uuid);
        batch_open(&p->batch);
        r = fill(p, vm, record, refusal);
        if (r < 0)
                return batch_poison(&p->batch, r);
        if (refusal->code != ERROR_NONE) {
                pool_remove(p->batch.pool, &vm->object);
                return 0;
        }
        *ret = vm;
        return 0;
}

int vms_create(Policy *p, const char *text, Vm **ret, Refusal *refusal) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(vm_record_done) VmRecord record = {};
        JsonReader reader = {};
        Vm *vm;
        int r;

        r = json_parse(&reader, text, strlen(text), &o);
        r = r ?: vm_record_parse(&reader, o, &record);
        if (r == -EINVAL)
                return refuse_record(refusal, "VM record", &reader);
        r = r ?: vm_add(p, &record, &vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = platform_vgpu_ensure(&p->batch, vm, /* starting= */ false, refusal);
        if (r < 0)
                return batch_poison(&p->batch, r);
        if (refusal->code != ERROR_NONE) {
                pool_remove(p->batch.pool, &vm->object);
                return 0;
        }
        reconcile_stray(&p->hosts, vm);
        *ret = vm;
        return 0;
}

int vms_destroy(Policy *p, Vm *vm, Refusal *refusal) {
        int r;

        r = rule_vm_destroy(vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        pool_remove(p->batch.pool, &vm->object);
        batch_open(&p->batch);
        types_collect(&p->hosts);
        return 0;
}

int vms_set_config(Policy *p, Vm *vm, const char *text, Refusal *refusal) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        _cleanup_free_ char *config = NULL;
        JsonReader reader = {};
        int r;

        r = rule_vm_set_config(vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = json_parse(&reader, text, strlen(text), &o);
        r = r ?: vm_config_fits(&reader, "config", o);
        r = r ?: vm_config_needs(&reader, o, /* has_vgpu= */ false, &needs);
        if (r == -EINVAL)
                return refuse_record(refusal, "config", &reader);
        if (r < 0)
                return r;
        config = json_to_text(o);
        if (!config)
                return -ENOMEM;
        r = text_set(&vm->config, config);
        if (r < 0)
                return r;
        pool_touch(p->batch.pool, &vm->object, 0, /* store= */ true);
        batch_open(&p->batch);
        return batch_poison(&p->batch, vm_needs_update(&p->batch, vm, refusal));
}

int vms_set_names(
        Policy *p, Vm *vm, const char *name_label_or_null, const char *affinity_or_null, Refusal *refusal) {
        uint64_t changed = 0;
        int r = 0;

        if (name_label_or_null)
                r = check_label("A VM", name_label_or_null, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_text("A VM", "affinity", affinity_or_null, TEXT_LINE, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        if (name_label_or_null)
                r = text_set(&vm->name_label, name_label_or_null);
        if (r > 0)
                changed |= VM_NAME_LABEL;
        if (r >= 0 && affinity_or_null) {
                r = text_set(&vm->affinity, affinity_or_null);
                if (r > 0)
                        changed |= VM_AFFINITY;
        }
        if (changed) {
                pool_touch(p->batch.pool, &vm->object, changed, /* store= */ true);
                batch_open(&p->batch);
        }
        return r < 0 ? r : 0;
}

int vms_set_owner(Policy *p, Vm *vm, const char *owner, Refusal *refusal) {
        int r;

        r = check_owner(owner, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = pool_set_vm_owner(p->batch.pool, vm, owner);
        if (r == 0 && pool_has_changes(p->batch.pool))
                batch_open(&p->batch);
        return r;
}

int vms_start(Policy *p, Vm *vm, const StartOptions *options, Job **ret_job, Refusal *refusal) {
        return start_vm(&p->operations, vm, options, ret_job, refusal);
}

int vms_shutdown(Policy *p, Vm *vm, bool force, Job **ret_job, Refusal *refusal) {
        return stop_vm(&p->operations, vm, force, ret_job, refusal);
}

int jobs_cancel(Policy *p, Job *j, Refusal *refusal) {
        return cancel_job(&p->operations, j, refusal);
}

/* Export: the record that ImportVM of any pool takes. */

static int export_strv(char *const *v, char ***ret) {
        int r = strv_set(ret, (const char *const *) v);

        return r < 0 ? r : 0;
}

static int export_type(const VgpuType *t, TypeRecord *ret) {
        int r;

        ret->identifier = strdup(strempty(t->identifier));
        ret->implementation = t->implementation;
        ret->vendor_name = strdup(strempty(t->vendor_name));
        ret->model_name = strdup(strempty(t->model_name));
        ret->framebuffer_size = t->framebuffer_size;
        ret->max_heads = t->max_heads;
        ret->max_resolution_x = t->max_resolution_x;
        ret->max_resolution_y = t->max_resolution_y;
        ret->size = t->size;
        ret->experimental = t->experimental;
        ret->internal_config = json_tokener_parse(isempty(t->internal_config) ? "{}" : t->internal_config);
        if (!ret->identifier || !ret->vendor_name || !ret->model_name || !ret->internal_config)
                return -ENOMEM;
        r = export_strv(t->compatible_in_vm, &ret->compatible_types_in_vm);
        return r ?: export_strv(t->compatible_on_pgpu, &ret->compatible_types_on_pgpu);
}

static int export_vgpu(const Vgpu *v, ImportVgpu *ret) {
        char device[16];
        int r;

        snprintf(device, sizeof(device), "%u", v->device);
        ret->device = strdup(device);
        ret->uuid = v->object.id;
        ret->group_name_label = strdup(v->group->name_label);
        if (!ret->device || !ret->group_name_label)
                return -ENOMEM;
        r = export_strv(v->group->gpu_types, &ret->group_gpu_types);
        return r ?: export_type(v->type, &ret->type);
}

static int export_group(const VmGroup *g, ImportGroup *ret) {
        ret->uuid = g->object.id;
        ret->name_label = strdup(g->name_label);
        ret->name_description = strdup(strempty(g->name_description));
        ret->placement = strdup(placement_to_string(g->placement));
        return ret->name_label && ret->name_description && ret->placement ? 0 : -ENOMEM;
}

int vms_export(Policy *p, Vm *vm, char **ret_json) {
        _cleanup_(import_record_done) ImportRecord record = {};
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        record.vm.uuid = vm->object.id;
        record.vm.name_label = strdup(vm->name_label);
        record.vm.owner = strdup(strempty(vm->owner));
        record.vm.affinity = strdup(strempty(vm->affinity));
        record.vm.platform = json_tokener_parse(isempty(vm->platform) ? "{}" : vm->platform);
        record.vm.config = json_tokener_parse(strempty(vm->config));
        record.vgpus = calloc(vm->vgpus.n + 1, sizeof(*record.vgpus));
        record.groups = calloc(1, sizeof(*record.groups));
        if (!record.vm.name_label || !record.vm.owner || !record.vm.affinity || !record.vm.platform ||
                !record.vm.config || !record.vgpus || !record.groups)
                return -ENOMEM;
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                /* The one that the platform form asks for is made again where it is imported. */
                if (v->pinned)
                        continue;
                r = export_vgpu(v, &record.vgpus[record.n_vgpus++]);
                if (r < 0)
                        return r;
        }
        if (vm->group) {
                r = export_group(vm->group, &record.groups[record.n_groups++]);
                if (r < 0)
                        return r;
        }
        import_record_write(&record, &b);
        *ret_json = strbuf_take(&b);
        return *ret_json ? 0 : -ENOMEM;
}
