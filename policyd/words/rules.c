/*
 * The checks before a change
 *
 * Each is one comparison and its sentence, so they stand together here and not as data in policyd/decide.
 * Every refusal names the offender, what it collides with, and the way out. The order of the checks is
 * XenServer's, since scripts may depend on which of two errors comes first.
 */

#include <stdio.h>

#include "common/base/parse.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/words/rules.h"
#include "policyd/words/sentence.h"

#define DEVICE_MAX 20

static bool vm_is_idle(const Vm *vm) {
        return vm->power_state == POWER_HALTED && vm->booking == BOOKING_NONE && !vm->scheduled_on &&
               !vm->resident_on;
}

static const char *busy_vm_state(const Vm *vm) {
        if (vm->power_state != POWER_HALTED)
                return power_state_to_string(vm->power_state);
        return vm->resident_on ? "running" : "starting";
}

/* "VM a is running on alpha", "VM a is starting on alpha": why an idle VM is asked for. */
static int refuse_busy_vm(const Vm *vm, const char *what, Refusal *ret) {
        const Host *host = vm->resident_on ?: vm->scheduled_on;

        return refusal_set(ret, ERROR_VM_BAD_POWER_STATE,
                "VM '%s' is %s%s%s; %s needs it halted. Shut it down first.", vm->name_label,
                busy_vm_state(vm), host ? " on " : "", host ? host->name_label : "", what);
}

static const Vgpu *vm_find_device(const Vm *vm, uint32_t device) {
        for_each(const Vgpu, v, &vm->vgpus)
                if (v->device == device)
                        return v;

        return NULL;
}

static int lowest_free_device(const Vm *vm, uint32_t *ret_device, Refusal *ret) {
        for (uint32_t device = 0; device <= DEVICE_MAX; device++)
                if (!vm_find_device(vm, device)) {
                        *ret_device = device;
                        return 0;
                }

        return refusal_set(ret, ERROR_VM_PCI_BUS_FULL,
                "VM '%s' has VGPUs at all %u devices (0 to %u). Destroy one first.", vm->name_label,
                DEVICE_MAX + 1, DEVICE_MAX);
}

static int choose_device(const Vm *vm, const char *device, uint32_t *ret_device, Refusal *ret) {
        const Vgpu *there;
        uint32_t number;

        /* XenServer's default is "0", and means any. */
        if (isempty(device) || streq(device, "0"))
                return lowest_free_device(vm, ret_device, ret);

        if (parse_u32(device, &number) < 0 || number > DEVICE_MAX)
                return refusal_set(ret, ERROR_INVALID_DEVICE,
                        "'%s' is no device of a VGPU: take a number from 0 to %u, or leave it out for the "
                        "lowest free one.",
                        device, DEVICE_MAX);

        there = vm_find_device(vm, number);
        if (there)
                return refusal_set(ret, ERROR_DEVICE_ALREADY_EXISTS,
                        "VM '%s' has a VGPU (%s) at device %u already. Take another number, or leave it out "
                        "for the lowest free one.",
                        vm->name_label, type_label(there->type), number);

        *ret_device = number;
        return 0;
}

/* A whole GPU is a PCI device of its own for the guest, so it stands beside any VGPU. */
static bool types_share_vm(const VgpuType *a, const VgpuType *b) {
        if (a->implementation == TYPE_PASSTHROUGH || b->implementation == TYPE_PASSTHROUGH)
                return true;
        return strv_contains(a->compatible_in_vm, b->identifier) &&
               strv_contains(b->compatible_in_vm, a->identifier);
}

/* What a host that has the type says of its driver; NULL: nothing. */
static const char *find_driver_fault(const VgpuType *type, const Host **ret) {
        const Pgpu *p;

        for (size_t i = 0; (p = type_next_pgpu(type, /* supported= */ true, &i));)
                for (char **problem = p->host->problems; problem && *problem; problem++) {
                        const char *fault = strstr(*problem, NVIDIA_ONE_VGPU);

                        *ret = p->host;
                        if (fault)
                                return fault;
                }
        return NULL;
}

static int check_types_in_vm(const Vm *vm, const VgpuType *type, Refusal *ret) {
        const char *fault;
        const Host *host;

        for_each(const Vgpu, v, &vm->vgpus) {
                if (types_share_vm(v->type, type))
                        continue;

                fault = v->type == type ? find_driver_fault(type, &host) : NULL;
                return refusal_set(ret, ERROR_VGPU_TYPE_NOT_COMPATIBLE,
                        "%s cannot stand in one VM with the %s that VM '%s' has at device %u%s%s%s%s. Destroy that "
                        "VGPU first, or give the new one to another VM.",
                        type_label(type), type_label(v->type), vm->name_label, v->device, fault ? "; host " : "",
                        fault ? host->name_label : "", fault ? " says: " : "", strempty(fault));
        }

        return 0;
}

static int check_group_supports(const GpuGroup *group, const VgpuType *type, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (group->pgpus.n == 0 || ptr_array_contains(&group->supported, type))
                return 0;

        strbuf_addf(&b, "No PGPU of group '%s' supports %s", group->name_label, type_label(type));
        if (type->implementation == TYPE_NVIDIA_SRIOV)
                strbuf_add(&b, ", and no host can: " NVIDIA_SRIOV_REASON);
        sentence_objects(&b, "; it has ", &group->supported);
        strbuf_add(&b, ". Take one of its types, or a group whose cards support this one.");
        return refusal_take(ret, ERROR_VGPU_TYPE_NOT_SUPPORTED, &b);
}

int rule_vgpu_create(const Pool *pool, const Vm *vm, const GpuGroup *group, const VgpuType *type,
        const char *device, bool importing, uint32_t *ret_device, Refusal *ret) {
        uint32_t number = 0;
        int r;

        if (!vm_is_idle(vm))
                return refuse_busy_vm(vm, "creating a VGPU", ret);

        r = check_types_in_vm(vm, type, ret);
        if (r >= 0 && ret->code == ERROR_NONE)
                r = choose_device(vm, device, &number, ret);
        if (r >= 0 && ret->code == ERROR_NONE && !importing)
                r = check_group_supports(group, type, ret);
        if (r >= 0 && ret->code == ERROR_NONE)
                *ret_device = number;
        return r;
}

int rule_vgpu_destroy(const Vgpu *v, Refusal *ret) {
        return vm_is_idle(v->vm) ? 0 : refuse_busy_vm(v->vm, "destroying one of its VGPUs", ret);
}

int rule_vm_destroy(const Vm *vm, Refusal *ret) {
        return vm_is_idle(vm) ? 0 : refuse_busy_vm(vm, "destroying it", ret);
}

int rule_vm_set_config(const Vm *vm, Refusal *ret) {
        return vm_is_idle(vm) ? 0 : refuse_busy_vm(vm, "changing its configuration", ret);
}

int rule_vm_set_platform_vgpu(const Vm *vm, Refusal *ret) {
        return vm_is_idle(vm) ? 0 : refuse_busy_vm(vm, "changing what its platform says of its VGPU", ret);
}

int rule_pgpu_enable_type(const Pgpu *p, const VgpuType *t, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (ptr_array_contains(&p->supported, t))
                return 0;

        sentence_pgpu(&b, p);
        strbuf_addf(
                &b, " (%s) does not support %s", p->device_name[0] ? p->device_name : "GPU", type_label(t));
        sentence_objects(&b, "; it supports ", &p->supported);
        strbuf_add(&b, ".");
        return refusal_take(ret, ERROR_VGPU_TYPE_NOT_SUPPORTED, &b);
}

/* The VGPUs and reservations that keep a PGPU as it is; t NULL: of any type. */
static int refuse_used_pgpu(const Pgpu *p, const VgpuType *t, const char *what, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};
        unsigned users;

        strbuf_addf(&b, "%s%s", t ? type_label(t) : "", t ? " on " : "");
        sentence_pgpu(&b, p);
        strbuf_add(&b, " is in use by ");
        users = sentence_users(&b, p, t);
        if (!users)
                return strbuf_error(&b);
        strbuf_addf(&b, "; %s is possible once nothing %s there.", what,
                users == USER_RESERVED ? "is reserved"
                : users == USER_RUNS   ? "runs"
                                       : "runs or is reserved");
        return refusal_take(ret, ERROR_PGPU_IN_USE_BY_VM, &b);
}

int rule_pgpu_disable_type(const Pgpu *p, const VgpuType *t, Refusal *ret) {
        return refuse_used_pgpu(p, t, "disabling the type", ret);
}

int rule_pgpu_set_group(const Pgpu *p, const GpuGroup *group_or_null, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};
        const GpuGroup *g = group_or_null;
        _cleanup_free_ char *gpu_type = NULL;
        size_t n = 0;
        int r;

        if (p->group == g)
                return 0;

        r = refuse_used_pgpu(p, NULL, "moving it to another group", ret);
        if (r < 0 || ret->code != ERROR_NONE || !g)
                return r;

        if (asprintf(&gpu_type, "%s/%s", p->vendor_id, p->device_id) < 0)
                return -ENOMEM;
        if (!g->gpu_types[0] || strv_contains(g->gpu_types, gpu_type))
                return 0;

        while (g->gpu_types[n])
                n++;
        sentence_pgpu(&b, p);
        strbuf_addf(&b, " is a %s; group '%s' takes only ", gpu_type, g->name_label);
        sentence_names(&b, (const char *const *) g->gpu_types, n);
        strbuf_add(&b, ". Take a group of the same GPU type, or create an empty one.");
        return refusal_take(ret, ERROR_PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP, &b);
}

int rule_group_destroy(const GpuGroup *g, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (g->vgpus.n > 0) {
                strbuf_addf(&b, "Group '%s' has %zu VGPU%s", g->name_label, g->vgpus.n, PLURAL(g->vgpus.n));
                (void) sentence_vms(&b, ", of ", &g->vgpus, NULL);
                strbuf_add(&b, ". Destroy them first.");
                return refusal_take(ret, ERROR_GPU_GROUP_CONTAINS_VGPU, &b);
        }

        if (g->pgpus.n > 0) {
                strbuf_addf(&b, "Group '%s' has %zu PGPU%s", g->name_label, g->pgpus.n, PLURAL(g->pgpus.n));
                sentence_objects(&b, ": ", &g->pgpus);
                strbuf_add(&b, ". Move them to another group first.");
                return refusal_take(ret, ERROR_GPU_GROUP_CONTAINS_PGPU, &b);
        }

        return 0;
}

int rule_host_remove(const Host *h, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (h->unheard)
                return refusal_set(ret, ERROR_HOST_IN_USE,
                        "Host '%s' was not heard since the pool began with an old copy of its database, so "
                        "VMs "
                        "of the pool may run there. Bring it back, or declare it dead when it is.",
                        h->name_label);
        if (h->vms.n > 0) {
                strbuf_addf(
                        &b, "Host '%s' runs or starts %zu VM%s", h->name_label, h->vms.n, PLURAL(h->vms.n));
                sentence_objects(&b, ": ", &h->vms);
                strbuf_add(&b, ". Shut them down first, or declare the host dead when it is.");
                return refusal_take(ret, ERROR_HOST_IN_USE, &b);
        }

        for_each(const Pgpu, p, &h->pgpus) {
                if (p->holds.n == 0)
                        continue;
                strbuf_addf(&b, "On host '%s', capacity of %s is held", h->name_label, PCI_TEXT(&p->pci));
                (void) sentence_reservations(&b, " by ", &p->holds, NULL);
                strbuf_add(&b, ". Destroy what holds it first, or wait until it expires.");
                return refusal_take(ret, ERROR_HOST_IN_USE, &b);
        }

        return 0;
}

bool type_is_garbage(const Pool *pool, const VgpuType *t) {
        const PtrArray *reservations = &pool->objects[CLASS_RESERVATION];

        /* A host may list a type that no PGPU of it supports. */
        if (t->vgpus.n > 0 || t->n_supported_on > 0 || t->n_outsiders > 0 || t->lead)
                return false;

        for (size_t i = 0; i < reservations->n; i++)
                if (((Reservation *) reservations->items[i])->type == t)
                        return false;

        return true;
}

/* By identifier, or by names: of records without identifier only, or of all. */
typedef enum TypeKey {
        TYPE_KEY_IDENTIFIER,
        TYPE_KEY_OLD_NAMES,
        TYPE_KEY_NAMES,
        _TYPE_KEY_MAX,
} TypeKey;

static bool type_matches(const VgpuType *t, TypeKey key, const char *identifier, const char *vendor_name,
        const char *model_name) {
        if (key == TYPE_KEY_IDENTIFIER)
                return streq(t->identifier, identifier);

        return (key == TYPE_KEY_NAMES || isempty(t->identifier)) && streq(t->vendor_name, vendor_name) &&
               streq(t->model_name, model_name);
}

int rule_find_type(const Pool *pool, const char *identifier, const char *vendor_name, const char *model_name,
        VgpuType **ret, Refusal *ret_refusal) {
        const PtrArray *types = &pool->objects[CLASS_VGPU_TYPE];
        bool has_identifier = !isempty(identifier);
        VgpuType *found = NULL;

        vendor_name = strempty(vendor_name);
        model_name = strempty(model_name);
        for (TypeKey key = 0; key < _TYPE_KEY_MAX && !found; key++) {
                if (key == (has_identifier ? TYPE_KEY_NAMES : TYPE_KEY_IDENTIFIER))
                        continue;
                for_each(VgpuType, t, types) {
                        if (!type_matches(t, key, identifier, vendor_name, model_name))
                                continue;
                        if (found)
                                return refusal_set(ret_refusal, ERROR_INVALID_RECORD,
                                        "Two VGPU types match '%s' (%s %s): %s and %s. Remove the one that "
                                        "is no "
                                        "longer in use.",
                                        strempty(identifier), vendor_name, model_name,
                                        UUID_TEXT(&found->object.id), UUID_TEXT(&t->object.id));
                        found = t;
                }
        }

        *ret = found;
        return 0;
}

GpuGroup *rule_group_for(const Pool *pool, const char *gpu_type) {
        const PtrArray *groups = &pool->objects[CLASS_GPU_GROUP];

        for_each(GpuGroup, g, groups)
                if (g->gpu_types[0] && !g->gpu_types[1] && streq(g->gpu_types[0], gpu_type))
                        return g;

        return NULL;
}
