/*
 * The 6.x platform form: a VM whose platform names a PGPU and a config file
 *
 * It becomes an ordinary VGPU, pinned to that address, so that capacity, events and lists treat it like any
 * other. Made when the VM is created or imported if the hardware is known by then, else when the VM starts. A
 * VM that has VGPUs of its own keeps them: as in XenServer since 7.0, objects win over the platform keys. A
 * dry run or an explanation uses a copy of the VM that has the VGPU, and leaves the pool as it is.
 */

#include "policyd/service/operations/platform-vgpu.h"

#include "policyd/decide/allocate.h"
#include "policyd/service/base/additions.h"
#include "policyd/service/base/limits.h"
#include "policyd/service/operations/config-vgpus.h"
#include "policyd/store/vm-needs.h"
#include "policyd/words/rules.h"
#include "protocol/vm-record.h"

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool type_has_config(const Pgpu *pgpu, const VgpuType *t, const char *config) {
        const HostType *of_host = host_find_type(pgpu->host, t);
        const char *internal = of_host ? of_host->internal_config : t->internal_config;
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *value;
        const char *file;

        if (t->implementation != TYPE_NVIDIA)
                return false;
        o = json_tokener_parse(isempty(internal) ? "{}" : internal);
        if (!o || !json_object_object_get_ex(o, "config_file", &value))
                return false;
        file = json_object_get_string(value);
        return !isempty(file) && (streq(file, config) || streq(base_name(file), base_name(config)));
}

/* The first PGPU at the address that supports the type of the file, one with capacity before a full one;
 * hosts in order of the pool. */
static Pgpu *find_pgpu(
        const Batch *b, const PlatformVgpu *form, VgpuType **ret_type, bool *ret_address_known) {
        Pgpu *found = NULL;

        *ret_address_known = false;
        for_each(Pgpu, pgpu, &b->pool->objects[CLASS_PGPU]) {
                if (!pgpu->group || pci_address_compare(&pgpu->pci, &form->pci_id) != 0)
                        continue;
                *ret_address_known = true;
                for_each(VgpuType, t, &pgpu->supported) {
                        if (!type_has_config(pgpu, t, form->config) || (found && pgpu_capacity(pgpu, t) == 0))
                                continue;
                        found = pgpu;
                        *ret_type = t;
                        if (pgpu_capacity(pgpu, t) > 0)
                                return found;
                }
        }
        return found;
}

/* What the VM's platform asks for: form's texts are of platform. */
typedef struct Wish {
        struct json_object *platform;
        PlatformVgpu form;
        Pgpu *pgpu;
        VgpuType *type;
} Wish;

static void wish_done(Wish *w) {
        json_object_put(w->platform);
}
#define _cleanup_wish_ _cleanup_(wish_done)

static bool has_vgpus_of_its_own(const Vm *vm) {
        for_each(const Vgpu, v, &vm->vgpus)
                if (!vgpu_is_of_config(v))
                        return true;
        return false;
}

/* ret has no PGPU if the VM has no such form, or does not need it, or if no PGPU serves it yet, which refuses
 * a start. */
static int find_wish(const Batch *b, const Vm *vm, bool starting, Wish *ret, Refusal *refusal) {
        VmRecord record = {};
        JsonReader reader = {};
        bool address_known;
        int r;

        if (has_vgpus_of_its_own(vm))
                return 0;
        ret->platform = json_tokener_parse(isempty(vm->platform) ? "{}" : vm->platform);
        if (!ret->platform)
                return -ENOMEM;
        record.platform = ret->platform;
        r = vm_record_platform_vgpu(&reader, &record, &ret->form);
        if (r == -EINVAL)
                return refuse_record(refusal, "VM record", &reader);
        if (r <= 0)
                return r;

        ret->pgpu = find_pgpu(b, &ret->form, &ret->type, &address_known);
        if (ret->pgpu || !starting)
                return 0;
        return refuse(refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                "The platform of VM '%s' asks for %s on the PGPU at %s, but %s. Create the VM's VGPU with "
                "vgpu-create instead, which takes any PGPU of a group, or bring in a host that has that one.",
                vm->name_label, ret->form.config, PCI_TEXT(&ret->form.pci_id),
                address_known ? "no PGPU at that address supports the type of that file"
                              : "no host of the pool has a PGPU at that address");
}

/* What no host can do, which each would refuse when the order comes. */
static int check_platform(const Vm *vm, Refusal *refusal) {
        _cleanup_json_ struct json_object *platform = NULL;
        JsonReader reader = {};
        VmRecord record = {};
        int r;

        if (!vm->hvm || isempty(vm->platform) || streq(vm->platform, "{}"))
                return 0;
        platform = json_tokener_parse(vm->platform);
        if (!platform)
                return -ENOMEM;
        record.platform = platform;
        r = vm_record_check_platform(&reader, &record, vm_has_vgpu(vm));
        if (r == -EINVAL)
                return refuse(refusal, ERROR_INVALID_RECORD, "VM '%s' cannot start: its %s.", vm->name_label,
                        reader.error);
        return r;
}

/* Its config may have given it a whole GPU already. */
static int make_vgpu(Batch *b, Vm *vm, const Wish *w, Refusal *refusal) {
        int r;

        r = vgpu_add_pinned(b, vm, w->pgpu, w->type, strempty(w->form.extra_args), refusal);
        return r ?: vm_needs_update(b, vm, refusal);
}

int platform_vgpu_ensure(Batch *b, Vm *vm, bool starting, Refusal *refusal) {
        _cleanup_wish_ Wish w = {};
        int r;

        r = starting ? check_platform(vm, refusal) : 0;
        r = r ?: find_wish(b, vm, starting, &w, refusal);
        if (r == 0 && w.pgpu)
                r = make_vgpu(b, vm, &w, refusal);
        return r ?: config_vgpus_ensure(b, vm, refusal);
}

static void needs_free(Vm *copy) {
        strv_free(copy->networks);
        strv_free(copy->storage);
        strv_free(copy->functions);
        strv_free(copy->objections);
}

/* A copy has needs of its own, because a VGPU needs video memory. Freed by needs_free(). */
static int find_needs(const Batch *b, Vm *copy, Refusal *refusal) {
        JsonReader reader = {};
        int r;

        copy->networks = copy->storage = copy->functions = copy->objections = NULL;
        r = vm_refresh_needs(b->pool, &reader, copy);
        return r == -EINVAL ? refuse_record(refusal, "VM record", &reader) : r;
}

int platform_vgpu_try(const Batch *b, const Vm *vm, const char *platform, const Vgpu *without_or_null, Refusal *refusal) {
        _cleanup_wish_ Wish w = {};
        VmTrial t;
        int r;

        vm_trial_begin(&t, vm);
        t.vm.platform = (char *) platform;
        if (without_or_null)
                vm_trial_drop(&t, without_or_null);
        r = find_wish(b, &t.vm, /* starting= */ false, &w, refusal);
        if (r == 0 && w.pgpu)
                r = vm_trial_add(b, &t, w.pgpu, w.type, refusal);
        r = r ?: vm_trial_follow_config(b, &t, refusal);
        if (r != 0)
                return r;
        r = find_needs(b, &t.vm, refusal);
        needs_free(&t.vm);
        return r;
}

void vm_preview_done(VmPreview *v) {
        needs_free(&v->vm);
}

static Vgpu *preview_add(VmPreview *preview, size_t *n_made, Pgpu *pgpu, VgpuType *type, const PciAddress *address) {
        Vgpu *v = &preview->made[(*n_made)++];

        *v = (Vgpu){.vm = &preview->vm, .group = pgpu->group, .type = type, .pinned = true, .pinned_pci = *address};
        return v;
}

/* Whole GPUs of the config that are not there yet, or stand in another group now. */
static void preview_config(const Batch *b, const Vm *vm, VmPreview *preview, size_t *n_made) {
        ConfigVgpu wanted[DEMAND_VGPUS_MAX];
        size_t n = config_vgpus_find(b->pool, vm, wanted, ARRAY_SIZE(wanted) - *n_made);
        VgpuType *whole = pool_type_by_identifier(b->pool, PASSTHROUGH_IDENTIFIER);
        PtrArray *vgpus = &preview->vm.vgpus;

        for (size_t i = 0; i < n; i++) {
                size_t at = 0;

                if (config_vgpu_stands(&wanted[i]))
                        continue;
                while (at < vgpus->n && (!wanted[i].there || vgpus->items[at] != wanted[i].there))
                        at++;
                vgpus->n = MAX_OF(vgpus->n, at + 1);
                vgpus->items[at] = preview_add(preview, n_made, wanted[i].pgpu, whole, &wanted[i].address);
        }
}

int platform_vgpu_preview(
        const Batch *b, const Vm *vm, VmPreview *preview, const Vm **ret, Refusal *refusal) {
        _cleanup_wish_ Wish w = {};
        size_t n_made = 0;
        int r;

        r = check_platform(vm, refusal);
        r = r ?: find_wish(b, vm, /* starting= */ true, &w, refusal);
        *ret = vm;
        if (r != 0)
                return r;

        preview->vm = *vm;
        preview->vm.vgpus = (PtrArray){.items = preview->vgpus, .n = MIN_OF(vm->vgpus.n, (size_t) DEMAND_VGPUS_MAX)};
        for (size_t i = 0; i < preview->vm.vgpus.n; i++)
                preview->vgpus[i] = vm->vgpus.items[i];
        preview->vm.networks = preview->vm.storage = preview->vm.functions = preview->vm.objections = NULL;
        if (w.pgpu)
                preview->vgpus[preview->vm.vgpus.n++] = preview_add(preview, &n_made, w.pgpu, w.type, &w.form.pci_id);
        preview_config(b, vm, preview, &n_made);
        if (n_made == 0)
                return 0;
        *ret = &preview->vm;
        return find_needs(b, &preview->vm, refusal);
}
