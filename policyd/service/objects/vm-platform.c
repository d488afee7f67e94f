/*
 * A VM's platform: changed in any power state, for the next start
 *
 * What no host could do is refused here, and not by the start. The three keys of the 6.x form say what a VGPU of the VM is
 * (operations/platform-vgpu.c), so they change only while the VM is halted, and that VGPU is made anew.
 */

#include "policyd/service/objects/policy-private.h"

#include "policyd/service/operations/platform-vgpu.h"

static const char *const form_keys[] = {"vgpu_pci_id", "vgpu_config", "vgpu_extra_args"};

static bool form_differs(struct json_object *a, struct json_object *b) {
        const VmRecord before = {.platform = a}, after = {.platform = b};

        for (size_t i = 0; i < ARRAY_SIZE(form_keys); i++)
                if (!streq_ptr(vm_record_platform(&before, form_keys[i]), vm_record_platform(&after, form_keys[i])))
                        return true;
        return false;
}

static int check_record(const Vm *vm, struct json_object *platform, Refusal *refusal) {
        const VmRecord record = {.platform = platform};
        JsonReader reader = {.refuses = true};
        PlatformVgpu form;
        int r;

        r = vm_record_platform_vgpu(&reader, &record, &form);
        if (r >= 0 && vm->hvm)
                r = vm_record_check_platform(&reader, &record, vm_has_vgpu(vm));
        if (r == -EINVAL)
                return refuse(refusal, ERROR_INVALID_RECORD, "VM '%s' could not start so: its %s.", vm->name_label,
                        reader.error);
        return MIN_OF(r, 0);
}

static Vgpu *pinned_vgpu(const Vm *vm) {
        for_each(Vgpu, v, &vm->vgpus)
                if (v->pinned && !vgpu_is_of_config(v))
                        return v;
        return NULL;
}

/* Nothing but memory can be missing: it was tried. */
static int follow_form(Policy *p, Vm *vm, Vgpu *pinned, Refusal *refusal) {
        int r;

        if (pinned) {
                object_remove(&p->batch, &pinned->object);
                types_collect(&p->hosts);
        }
        r = platform_vgpu_ensure(&p->batch, vm, /* starting= */ false, refusal);
        return r ?: vm_needs_update(&p->batch, vm, refusal);
}

int vm_set_platform(Policy *p, Vm *vm, struct json_object *platform, const char *text, Refusal *refusal) {
        _cleanup_json_ struct json_object *before = json_tokener_parse(isempty(vm->platform) ? "{}" : vm->platform);
        Vgpu *pinned = pinned_vgpu(vm);
        bool differs;
        int r;

        if (!before)
                return -ENOMEM;
        differs = form_differs(before, platform);
        r = check_record(vm, platform, refusal);
        if (differs)
                r = r ?: refused(rule_vm_set_platform_vgpu(vm, refusal), refusal) ?: platform_vgpu_try(&p->batch, vm, text, pinned, refusal);
        if (r != 0)
                return r;
        if (text_set(&vm->platform, text) < 0)
                return -ENOMEM;
        pool_touch(p->batch.pool, &vm->object, VM_PLATFORM, /* store= */ true);
        batch_open(&p->batch);
        return differs ? batch_poison(&p->batch, follow_form(p, vm, pinned, refusal)) : 0;
}
