/*
 * VMs: records in, records out, and what placement needs to know of them
 */

#include "policyd/service/objects/policy-private.h"

#include <stdio.h>

#include "policyd/service/hosts/reconcile.h"
#include "policyd/service/operations/config-vgpus.h"
#include "policyd/service/operations/platform-vgpu.h"
#include "policyd/service/operations/starts.h"
#include "protocol/import.h"

static int check_new_uuid(const Policy *p, const Uuid *id, Refusal *refusal) {
        if (uuid_is_null(id) || !pool_get(p->batch.pool, CLASS_VM, id))
                return 0;
        return refuse(refusal, ERROR_ALREADY_EXISTS,
                "A VM with uuid %s is in the pool already. Leave the uuid out, or destroy that VM "
                "first.",
                UUID_TEXT(id));
}

static int check_config(const VmRecord *record, Refusal *refusal) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        JsonReader reader = {.refuses = true};
        PlatformVgpu platform;
        size_t mark;
        int r;

        r = vm_config_fits(&reader, "config", record->config);
        r = r ?: vm_config_fits(&reader, "platform", record->platform);
        if (r == 0) {
                mark = json_enter(&reader, "config");
                r = vm_config_needs(&reader, record->config, /* has_vgpu= */ false, &needs);
                if (r == 0)
                        json_leave(&reader, mark);
        }
        if (r == 0)
                r = vm_record_platform_vgpu(&reader, record, &platform);
        return r == -EINVAL ? refuse_record(refusal, "VM record", &reader) : MIN_OF(r, 0);
}

static int check_record(Policy *p, const VmRecord *record, Refusal *refusal) {
        int r;

        r = check_label("A VM", record->name_label, refusal);
        r = r ?: check_owner(record->owner, refusal);
        r = r ?: check_text("A VM", "affinity", record->affinity, TEXT_LINE, refusal);
        r = r ?: check_new_uuid(p, &record->uuid, refusal);
        r = r ?: check_config(record, refusal);
        return r ?: check_limit(&p->batch, CLASS_VM, 1, refusal);
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
        Uuid id;
        Vm *vm;
        int r;

        r = check_record(p, record, refusal);
        r = r ?: batch_choose_uuid(&p->batch, &record->uuid, &id);
        r = r ?: pool_add_vm(p->batch.pool, &id, 0, record->name_label, &vm);
        if (r != 0)
                return r;
        vm->uuid_given = !uuid_is_null(&record->uuid);
        batch_open(&p->batch);
        r = fill(p, vm, record, refusal);
        if (r > 0)
                pool_remove(p->batch.pool, &vm->object);
        *ret = vm;
        return batch_poison(&p->batch, r);
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
                return decided(refuse_record(refusal, "VM record", &reader));
        r = r ?: vm_add(p, &record, &vm, refusal);
        if (r != 0)
                return decided(r);
        r = refused(platform_vgpu_ensure(&p->batch, vm, /* starting= */ false, refusal), refusal);
        if (r > 0)
                pool_remove(p->batch.pool, &vm->object);
        if (r != 0)
                return decided(batch_poison(&p->batch, r));
        reconcile_stray(&p->hosts, vm);
        *ret = vm;
        return 0;
}

int vms_destroy(Policy *p, Vm *vm, Refusal *refusal) {
        int r;

        r = refused(rule_vm_destroy(vm, refusal), refusal);
        if (r != 0)
                return decided(r);
        object_remove(&p->batch, &vm->object);
        types_collect(&p->hosts);
        return 0;
}

/* Refused, the VM has the config that it had. */
static int follow_config(Policy *p, Vm *vm, char **before, Refusal *refusal) {
        int r, q = 0;

        r = vm_needs_update(&p->batch, vm, refusal);
        r = r ?: config_vgpus_ensure(&p->batch, vm, refusal);
        if (r > 0) {
                free(vm->config);
                vm->config = take_ptr(*before);
                q = vm_needs_update(&p->batch, vm, refusal);
        }
        return q < 0 ? q : r;
}

int vms_set_config(Policy *p, Vm *vm, const char *text, Refusal *refusal) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        _cleanup_free_ char *before = NULL;
        char *config;
        JsonReader reader = {};
        int r;

        r = refused(rule_vm_set_config(vm, refusal), refusal);
        r = r ?: json_parse(&reader, text, strlen(text), &o);
        r = r ?: vm_config_fits(&reader, "config", o);
        r = r ?: vm_config_needs(&reader, o, /* has_vgpu= */ false, &needs);
        if (r == -EINVAL)
                return decided(refuse_record(refusal, "config", &reader));
        if (r != 0)
                return decided(r);
        config = json_to_text(o);
        if (!config)
                return -ENOMEM;
        before = vm->config;
        vm->config = config;
        pool_touch(p->batch.pool, &vm->object,
                (needs.max_memory != vm->memory_max ? VM_MEMORY_MAX : 0) |
                        (needs.target_memory != vm->memory_target ? VM_MEMORY_TARGET : 0) | (needs.vcpus != vm->vcpus ? VM_VCPUS : 0),
                /* store= */ true);
        batch_open(&p->batch);
        r = follow_config(p, vm, &before, refusal);
        return decided(batch_poison(&p->batch, r));
}

int vms_set_names(
        Policy *p, Vm *vm, const char *name_label_or_null, const char *affinity_or_null, Refusal *refusal) {
        const TextChange changes[] = {
                {&vm->name_label, name_label_or_null, VM_NAME_LABEL},
                {&vm->affinity, affinity_or_null, VM_AFFINITY},
        };
        int r;

        r = name_label_or_null ? check_label("A VM", name_label_or_null, refusal) : 0;
        r = r ?: check_text("A VM", "affinity", affinity_or_null, TEXT_LINE, refusal);
        return decided(r ?: object_set_texts(&p->batch, &vm->object, changes, ARRAY_SIZE(changes)));
}

int vms_set_description(Policy *p, Vm *vm, const char *description, Refusal *refusal) {
        const TextChange change = {&vm->name_description, description, VM_NAME_DESCRIPTION};
        int r;

        r = check_text("A VM", "name_description", description, TEXT_LINES, refusal);
        return decided(r ?: object_set_texts(&p->batch, &vm->object, &change, 1));
}

int vms_set_owner(Policy *p, Vm *vm, const char *owner, Refusal *refusal) {
        int r;

        r = check_owner(owner, refusal);
        return decided(r ?: batch_open_if_changed(&p->batch, pool_set_vm_owner(p->batch.pool, vm, owner)));
}

int vms_start(Policy *p, Vm *vm, const StartOptions *options, Job **ret_job, Refusal *refusal) {
        uint64_t began = loop_stopwatch(batch_loop(&p->batch));
        int r = start_vm(&p->operations, vm, options, ret_job, refusal);

        metrics_decided(&p->batch.metrics, loop_stopwatch(batch_loop(&p->batch)) - began);
        return decided(r);
}

int vms_shutdown(Policy *p, Vm *vm, bool force, Job **ret_job, Refusal *refusal) {
        return decided(stop_vm(&p->operations, vm, force, ret_job, refusal));
}

int vms_reboot(Policy *p, Vm *vm, bool force, Job **ret_job, Refusal *refusal) {
        return decided(reboot_vm(&p->operations, vm, force, ret_job, refusal));
}

/* What goes on may lead there already. */
static Job *job_towards(const Policy *p, const Vm *vm, PowerState state, bool force) {
        const Operation *op = operation_of(&p->operations, vm);
        Job *j = op ? operation_job(op) : NULL;

        if (!j || j->cancel_requested)
                return NULL;
        if (state == POWER_RUNNING)
                return op->kind == OPERATION_START || op->reboots ? j : NULL;
        if (op->reboots || op->kind == OPERATION_START)
                return NULL;
        return op->kind == OPERATION_HARD_SHUTDOWN || !force ? j : NULL;
}

int vms_ensure(Policy *p, Vm *vm, const char *state, bool force, Job **ret_job, Refusal *refusal) {
        PowerState wanted = streq(state, "running") ? POWER_RUNNING : POWER_HALTED;
        bool is_so = vm->power_state == wanted && vm->booking == (wanted == POWER_RUNNING ? BOOKING_RESIDENT : BOOKING_NONE);
        Job *j;

        if (!streq(state, power_state_to_string(wanted)))
                return refusal_set(refusal, ERROR_INVALID_RECORD, "A VM can be made running or halted, not \"%s\".",
                        TEXT_SHORT(state, 64));
        if (force && wanted == POWER_RUNNING)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "The option \"force\" is for halted: it ends the VM without asking the guest.");
        j = job_towards(p, vm, wanted, force);
        if (j || (is_so && !operation_of(&p->operations, vm))) {
                *ret_job = j;
                return 0;
        }
        return wanted == POWER_RUNNING ? vms_start(p, vm, &(StartOptions){}, ret_job, refusal)
                                       : vms_shutdown(p, vm, force, ret_job, refusal);
}

int jobs_cancel(Policy *p, Job *j, Refusal *refusal) {
        return decided(cancel_job(&p->operations, j, refusal));
}

/* Export: the record that ImportVM of any pool takes. Its texts stay those of the objects. */

static struct json_object *parse_object(const char *text) {
        return json_tokener_parse(isempty(text) ? "{}" : text);
}

static TypeRecord type_export(const VgpuType *t) {
        return (TypeRecord){
                .identifier = t->identifier,
                .implementation = t->implementation,
                .vendor_name = t->vendor_name,
                .model_name = t->model_name,
                .framebuffer_size = t->framebuffer_size,
                .max_heads = t->max_heads,
                .max_resolution_x = t->max_resolution_x,
                .max_resolution_y = t->max_resolution_y,
                .size = t->size,
                .experimental = t->experimental,
                .internal_config = parse_object(t->internal_config),
                .compatible_types_in_vm = t->compatible_in_vm,
                .compatible_types_on_pgpu = t->compatible_on_pgpu,
        };
}

#define DEVICE_TEXT_MAX 16

/* The one that the platform form asks for is made again where it is imported. */
static void export_vgpus(const Vm *vm, char (*devices)[DEVICE_TEXT_MAX], ImportRecord *record) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                if (v->pinned)
                        continue;
                snprintf(devices[i], DEVICE_TEXT_MAX, "%u", v->device);
                record->vgpus[record->n_vgpus++] = (ImportVgpu){
                        .device = devices[i],
                        .uuid = v->object.id,
                        .extra_args = v->extra_args,
                        .group_name_label = v->group->name_label,
                        .group_gpu_types = v->group->gpu_types,
                        .type = type_export(v->type),
                };
        }
}

static int write_export(const ImportRecord *record, char **ret_json) {
        bool complete = record->vm.platform && record->vm.config;
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < record->n_vgpus; i++)
                complete &= record->vgpus[i].type.internal_config != NULL;
        if (!complete)
                return -ENOMEM;
        import_record_write(record, &b);
        return strbuf_give(&b, ret_json);
}

int vms_export(Policy *p, Vm *vm, char **ret_json) {
        char devices[vm->vgpus.n + 1][DEVICE_TEXT_MAX];
        ImportVgpu vgpus[vm->vgpus.n + 1];
        ImportGroup group = {};
        ImportRecord record = {
                .vm = {.uuid = vm->object.id,
                        .name_label = vm->name_label,
                        .owner = vm->owner,
                        .affinity = vm->affinity,
                        .platform = parse_object(vm->platform),
                        .config = parse_object(vm->config)},
                .name_description = (char *) strempty(vm->name_description),
                .other_config = isempty(vm->other_config) ? NULL : parse_object(vm->other_config),
                .tags = vm->tags,
                .vgpus = vgpus,
                .groups = &group,
        };
        int r;

        export_vgpus(vm, devices, &record);
        if (vm->group) {
                group = (ImportGroup){.uuid = vm->group->object.id,
                        .name_label = vm->group->name_label,
                        .name_description = vm->group->name_description,
                        .placement = (char *) placement_to_string(vm->group->placement)};
                record.n_groups = 1;
        }
        r = write_export(&record, ret_json);
        json_object_put(record.vm.platform);
        json_object_put(record.vm.config);
        json_object_put(record.other_config);
        for (size_t i = 0; i < record.n_vgpus; i++)
                json_object_put(vgpus[i].type.internal_config);
        return r;
}
