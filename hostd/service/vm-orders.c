/*
 * Orders: starting and stopping VMs
 *
 * Each order is read, checked against the claim, looked up (a repeat is acknowledged), checked against the
 * hardware and what runs on it, stored, and only then acted upon. The memory of a claimer's order is bounded
 * by its size, their number by HOST_VMS_MAX.
 */

#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "hostd/edge/config-check.h"
#include "hostd/service/claim.h"
#include "hostd/service/domain-end.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/second-look.h"
#include "hostd/service/vm-orders.h"
#include "hostd/vm/vm-program.h"
#include "hostd/vm/vms.h"

static int check_epoch(Hostd *h, uint64_t epoch, Refusal *refusal) {
        int r;

        r = epoch_check_order(&h->command.claim, epoch, refusal);
        if (r < 0 || refusal->code == ERROR_NONE)
                return r;
        log_event(LOG_WARNING, MSG_STALE_EPOCH, FIELDS(error_code_field(refusal->code)), "Refused an order: %s", refusal->message);
        return 1;
}

/* A master whose claim was overtaken still commands with its old epoch. It must hear that, and not only that
 * it is not the claimer, so that it stops. */
static int check_commander(Hostd *h, const char *caller, const char *text, size_t size, Refusal *refusal) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        uint64_t epoch;
        int r;

        r = host_check_caller(h, caller, refusal);
        if (r < 0 || refusal->code == ERROR_NONE)
                return r;
        if (refusal->code != ERROR_HOST_CLAIMED || size > ORDER_SIZE_MAX)
                return 1;
        if (json_parse(&reader, text, size, &o) < 0 || json_get_u64(&reader, o, "epoch", &epoch) < 0 ||
                epoch >= h->command.claim.epoch)
                return 1;
        refusal_done(refusal);
        return check_epoch(h, epoch, refusal);
}

/* The caller, the size and the JSON of any order. *ret is NULL when refused. */
static int read_order(
        Hostd *h, const char *caller, const char *text, struct json_object **ret, Refusal *refusal) {
        size_t size = strlen(text);
        JsonReader reader = {};
        int r;

        *ret = NULL;
        r = check_commander(h, caller, text, size, refusal);
        if (r != 0)
                return r;
        if (size > ORDER_SIZE_MAX)
                return refusal_made(refusal, ERROR_INVALID_RECORD,
                        "The order has %zu bytes; at most %u are read.", size, ORDER_SIZE_MAX);

        r = json_parse(&reader, text, size, ret);
        if (r == -EINVAL)
                return refusal_made(refusal, ERROR_INVALID_RECORD, "The order is not JSON: %s.", reader.error);
        return r;
}

static int refuse_record(Refusal *refusal, const JsonReader *reader) {
        return refusal_made(refusal, ERROR_INVALID_RECORD, "The order cannot be read: %s.", reader->error);
}

static int refuse_storage(Refusal *refusal, const HostVm *vm, int error) {
        log_vm(LOG_ERR, MSG_STORAGE_FAILED, vm, "Failed to store an order for VM %s: %s",
                UUID_TEXT(&vm->uuid), strerror(-error));
        return refusal_made(refusal, ERROR_STORAGE_FAILED,
                "The order for VM %s could not be stored (%s); nothing was begun.", UUID_TEXT(&vm->uuid),
                strerror(-error));
}

/* Repeats. */

typedef struct EndedSearch {
        const Uuid *vm, *token; /* either may be NULL: any */
        VmEvent found;
        bool is_found;
} EndedSearch;

static int visit_ended(VmEvent *e, void *userdata) {
        EndedSearch *s = userdata;

        if ((s->token && !uuid_equal(&e->head.token, s->token)) || (s->vm && !uuid_equal(&e->uuid, s->vm)))
                return 0;
        vm_event_done(&s->found);
        s->found = take_struct(*e);
        s->is_found = true;
        return 0;
}

/* The newest end of the VM, or of the token. */
static bool find_end(Hostd *h, const Uuid *vm, const Uuid *token, VmEvent *ret) {
        EndedSearch search = {.vm = vm, .token = token};

        (void) host_store_each_ended(h->store, 0, token ?: vm, visit_ended, &search);
        *ret = search.found;
        return search.is_found;
}

static int refuse_unread(const Uuid *vm, Refusal *refusal) {
        return refusal_made(refusal, ERROR_VM_BAD_POWER_STATE,
                "VM %s has a domain here and its stored order or run folder cannot be read: end the domain "
                "by hand on this host (xl destroy).",
                UUID_TEXT(vm));
}

/* 1 when there is nothing more to do: the order is a repeat, or refused. */
static int answer_repeat(Hostd *h, const StartOrder *order, Refusal *refusal) {
        _cleanup_(vm_event_done) VmEvent end = {};
        HostVm *vm;
        int r;

        vm = vms_find_token(h->vms, &order->token);
        if (vm && uuid_equal(&vm->uuid, &order->vm.uuid))
                return 1;
        if (vm)
                return refusal_made(refusal, ERROR_INVALID_RECORD,
                        "Token %s is that of another VM's order (VM %s): each order needs a token of its "
                        "own.",
                        UUID_TEXT(&order->token), UUID_TEXT(&vm->uuid));

        vm = hashmap_get(h->vms, &order->vm.uuid);
        if (vm)
                return refusal_made(refusal, ERROR_VM_BAD_POWER_STATE,
                        "VM %s (%s) is %s here already, under token %s.", UUID_TEXT(&vm->uuid),
                        vm->name_label, vm_state_to_string(vm->record.state), UUID_TEXT(&vm->token));

        if (strangers_is_unread(&h->strangers, &order->vm.uuid))
                return refuse_unread(&order->vm.uuid, refusal);
        /* The end of the VM of this token is reported again, as a new event with its own number. */
        if (find_end(h, NULL, &order->token, &end)) {
                r = host_store_next_seq(h->store, &end.head.seq);
                if (r >= 0)
                        notifier_event(&h->notifier, &end);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* The checks before an order is accepted. */

static int check_owner(const StartOrder *order, Refusal *refusal) {
        for (size_t i = 0; i < order->n_vgpus; i++)
                if (!uuid_equal(&order->vgpus[i].vm, &order->vm.uuid))
                        return refusal_made(refusal, ERROR_INVALID_RECORD,
                                "The order cannot be read: vgpus[%zu].id names VM %s, but the order is for "
                                "VM %s.",
                                i, UUID_TEXT(&order->vgpus[i].vm), UUID_TEXT(&order->vm.uuid));
        for (size_t i = 0; i < order->n_pcis; i++)
                if (!uuid_equal(&order->pcis[i].vm, &order->vm.uuid))
                        return refusal_made(refusal, ERROR_INVALID_RECORD,
                                "The order cannot be read: pcis[%zu].id names VM %s, but the order is for VM "
                                "%s.",
                                i, UUID_TEXT(&order->pcis[i].vm), UUID_TEXT(&order->vm.uuid));
        return 0;
}

static bool order_has_function(const StartOrder *order, const PciAddress *address) {
        for (size_t i = 0; i < order->n_pcis; i++)
                if (pci_address_compare(&order->pcis[i].address, address) == 0)
                        return true;
        return false;
}

/* A PGPU in the VM's own config would be used without a booking. Other functions may be passed through so. */
static int check_config_functions(const Hostd *h, const StartOrder *order, Refusal *refusal) {
        struct json_object *functions;
        PciAddress address;
        size_t n;

        functions = vm_config_functions(order->vm.config, &n);
        for (size_t i = 0; i < n; i++) {
                (void) vm_config_function(json_object_array_get_idx(functions, i), &address);
                if (gpus_find_by_function(&h->gpus, &address) && !order_has_function(order, &address))
                        return refusal_made(refusal, ERROR_INVALID_RECORD,
                                "The config of VM '%s' passes %s through (pcidevs[%zu]), which is of a PGPU of this "
                                "host. Take it out of the config and give the VM a VGPU, so that it is booked.",
                                order->vm.name_label, PCI_TEXT(&address), i);
        }
        return 0;
}

/* libxl would say so after the start has begun, and policyd could not take another host by then. */
static int check_functions_are_there(const Hostd *h, const StartOrder *order, Refusal *refusal) {
        char *const *there = h->gpus.hardware.functions;
        struct json_object *functions;
        PciAddress address;
        size_t n;

        functions = vm_config_functions(order->vm.config, &n);
        for (size_t i = 0; i < n && !(h->gpus.hardware.source_is_bad && !there); i++) {
                (void) vm_config_function(json_object_array_get_idx(functions, i), &address);
                if (!strv_contains(there, PCI_TEXT(&address)) && !order_has_function(order, &address))
                        return refusal_made(refusal, ERROR_VM_REQUIRES_PCI,
                                "The config of VM '%s' passes %s through (pcidevs[%zu]), and this host has no such PCI function to "
                                "give. If it was plugged in since, rescan the host.",
                                order->vm.name_label, PCI_TEXT(&address), i);
        }
        return 0;
}

typedef struct ConfigRefusal {
        const StartOrder *order;
        Refusal *refusal;
} ConfigRefusal;

static int refuse_key(const char *path, const char *key, const char *fault, void *userdata) {
        const ConfigRefusal *c = userdata;

        return refusal_made(c->refusal, ERROR_CONFIG_NOT_ALLOWED,
                "The config of VM '%s' has %s, which %s; if it shall, this host's administrator adds %s to the "
                "setting allowed_config_keys of its hostd.conf.",
                c->order->vm.name_label, path, fault ?: "may run or open something on the host", key);
}

/* Users may create VMs, but only the host's administrator decides what a config may run or open there. */
static int check_config_keys(const Hostd *h, const StartOrder *order, Refusal *refusal) {
        const ConfigRules rules = host_settings_config_rules(h->settings);
        ConfigRefusal c = {.order = order, .refusal = refusal};

        return config_check(order, &rules, refuse_key, &c);
}

OrderGpu order_gpu_from_record(const VgpuRecord *v) {
        static const VgpuImplementation kinds[_VGPU_KIND_MAX] = {
                [VGPU_KIND_NVIDIA] = TYPE_NVIDIA,
                [VGPU_KIND_GVT_G] = TYPE_GVT_G,
                [VGPU_KIND_MXGPU] = TYPE_MXGPU,
                [VGPU_KIND_SRIOV] = TYPE_SRIOV,
        };

        return (OrderGpu){
                .kind = kinds[v->kind],
                .device = v->device,
                .address = v->physical_pci_address,
                .config_file = v->nvidia.config_file,
                .type_id = v->nvidia.type_id,
                .low_gm_sz = v->gvt_g.low_gm_sz,
                .high_gm_sz = v->gvt_g.high_gm_sz,
                .fence_sz = v->gvt_g.fence_sz,
                .framebufferbytes = v->mxgpu.framebufferbytes,
                .vgpus_per_pgpu = v->kind == VGPU_KIND_SRIOV ? v->sriov.vfs_per_pgpu : v->mxgpu.vgpus_per_pgpu,
                .identifier = v->sriov.identifier,
        };
}

/* A function that a domain of someone else has cannot be given to a VM. */
static int check_strangers(Hostd *h, const OrderRequest *request, Refusal *refusal) {
        int r;

        if (request->n_gpus == 0)
                return 0;
        r = strangers_look(&h->strangers);
        if (r < 0)
                return r == -ENOMEM ? r
                                    : refusal_made(refusal, ERROR_DOMAIN_FAILED,
                                              "The hypervisor does not tell which PCI functions other domains have: %s.",
                                              strerror(-r));
        for (size_t i = 0; i < request->n_gpus; i++) {
                const DomainFunction *f = strangers_find(&h->strangers, &request->gpus[i].address);

                if (f && strangers_is_unread(&h->strangers, &f->uuid))
                        return refusal_made(refusal, ERROR_PGPU_IN_USE_BY_VM,
                                "PGPU %s may be in use by domain %u (%s); it is free once that domain is gone.",
                                PCI_TEXT(&f->address), f->domid, f->name);
                if (f)
                        return refusal_made(refusal, ERROR_PGPU_IN_USE_BY_VM,
                                "PCI function %s is passed through to domain %u ('%s'), which xenvgpu did not start; "
                                "end that domain, or use another PGPU.",
                                PCI_TEXT(&f->address), f->domid, f->name);
        }
        return 0;
}

/* One may have left the bus since the hardware was read, or a function of it become suspect. */
static int look_at_gpus(Hostd *h, const OrderRequest *request) {
        int r;

        r = host_look_at_divisions(h);
        if (r > 0)
                notifier_touch(&h->notifier);
        for (size_t i = 0; i < request->n_gpus && r >= 0; i++) {
                Pgpu *p = gpus_find(&h->gpus, &request->gpus[i].address);

                r = p ? gpus_look_for_lost(&h->gpus, p) : 0;
                if (r > 0)
                        notifier_touch(&h->notifier);
        }
        return r;
}

static int check_against_host(
        Hostd *h, const OrderRequest *request, const HostType **ret_types, Refusal *refusal) {
        _cleanup_free_ Occupant *occupants = NULL;
        _cleanup_free_ const char **taken = NULL;
        HostView view = {
                .pgpus = h->gpus.hardware.pgpus,
                .n_pgpus = h->gpus.hardware.n_pgpus,
                .types = h->gpus.hardware.types,
                .n_types = h->gpus.hardware.n_types,
                .hvm = h->facts.now.hvm,
                .iommu = h->facts.now.iommu,
                .memory_free = host_get_memory_free(h),
        };
        int r;

        r = look_at_gpus(h, request);
        if (r >= 0)
                r = vms_list_occupants(h->vms, &occupants, &view.n_occupants);
        if (r >= 0)
                r = vms_list_functions(h->vms, &request->vm, &taken);
        if (r < 0)
                return r;
        view.occupants = occupants;
        view.taken = taken;
        r = order_check(&view, request, ret_types, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r < 0 ? r : 1;
        return check_strangers(h, request, refusal);
}

/* types has place for every VGPU and PCI function of the order. */
static int check_order(Hostd *h, const StartOrder *order, const HostType **ret_types, Refusal *refusal) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        _cleanup_free_ OrderGpu *gpus = NULL;
        JsonReader reader = {};
        OrderRequest request;
        int r;

        json_enter(&reader, "vm");
        json_enter(&reader, "config");
        r = vm_config_needs(&reader, order->vm.config, order->n_vgpus > 0, &needs);
        if (r >= 0 && needs.hvm) {
                reader = (JsonReader){};
                json_enter(&reader, "vm");
                r = vm_record_check_platform(&reader, &order->vm, order->n_vgpus > 0);
        }
        if (r == -EINVAL)
                return refuse_record(refusal, &reader);
        if (r < 0)
                return r;

        gpus = calloc(order->n_vgpus + order->n_pcis + 1, sizeof(*gpus));
        if (!gpus)
                return -ENOMEM;
        for (size_t i = 0; i < order->n_vgpus; i++)
                gpus[i] = order_gpu_from_record(&order->vgpus[i]);
        for (size_t i = 0; i < order->n_pcis; i++)
                gpus[order->n_vgpus + i] =
                        (OrderGpu){.kind = TYPE_PASSTHROUGH, .address = order->pcis[i].address};

        request = (OrderRequest){
                .vm = order->vm.uuid,
                .name_label = order->vm.name_label,
                .hvm = needs.hvm,
                .memory = needs.memory,
                .target_memory = needs.target_memory,
                .max_memory = needs.max_memory,
                .gpus = gpus,
                .n_gpus = order->n_vgpus + order->n_pcis,
                .functions = (const char *const *) needs.functions,
        };
        return check_against_host(h, &request, ret_types, refusal);
}

/* Start. */

static int store_start(Hostd *h, const StartOrder *order, const HostType *const *types,
        const char *text, Refusal *refusal) {
        _cleanup_(vm_freep) HostVm *vm = NULL;
        int r;

        r = vm_new(&h->vm_context, order, types, text, &vm);
        if (r < 0)
                return r;
        host_note_order(h, order->number);
        r = host_store_next_seq(h->store, &vm->accepted);
        if (r >= 0)
                r = vm_store(vm);
        if (r < 0)
                return refuse_storage(refusal, vm, r);
        r = hashmap_put(h->vms, &vm->uuid, vm);
        if (r < 0) {
                (void) host_store_del_order(h->store, &vm->uuid);
                return r;
        }

        log_vm(LOG_INFO, NULL, vm, "Took the order to start VM %s (%s), token %s.", UUID_TEXT(&vm->uuid),
                vm->name_label, UUID_TEXT(&vm->token));
        take_ptr(vm);
        notifier_touch(&h->notifier);
        return 0;
}

/*
 * The emulator gets the type file of this host: the pool knows one path for each type, but each host may keep its files
 * elsewhere. What follows the path after a comma stays. The order itself is passed on as it came.
 */
static int add_type_files(const StartOrder *order, const HostType *const *types, const char *text, char **ret) {
        _cleanup_(strv_freep) char **files = calloc(order->n_vgpus + 1, sizeof(*files));

        if (!files)
                return -ENOMEM;
        for (size_t i = 0; i < order->n_vgpus; i++) {
                const VgpuRecord *v = &order->vgpus[i];
                const char *named = strempty(v->nvidia.config_file), *own = strempty(types[i]->config_file);

                if (v->kind != VGPU_KIND_NVIDIA || isempty(named) || isempty(own))
                        files[i] = strdup("");
                else
                        files[i] = text_printf("%s%s", own, named + strcspn(named, ","));
                if (!files[i])
                        return -ENOMEM;
        }
        return start_order_add_type_files(text, (const char *const *) files, ret);
}

static int accept_start(Hostd *h, const StartOrder *order, const char *text, Refusal *refusal) {
        _cleanup_free_ char *own = NULL;
        const HostType *types[2 * ORDER_GPUS_MAX] = {};
        int r;

        r = check_epoch(h, order->epoch, refusal) ?: answer_repeat(h, order, refusal);
        if (r != 0)
                return r;
        if (hashmap_size(h->vms) >= HOST_VMS_MAX)
                return refusal_made(refusal, ERROR_LIMIT_REACHED,
                        "This host holds %d VMs, the most that it takes.", HOST_VMS_MAX);

        r = check_owner(order, refusal) ?: check_config_functions(h, order, refusal) ?:
            check_order(h, order, types, refusal) ?: check_config_keys(h, order, refusal) ?:
            check_functions_are_there(h, order, refusal);
        if (r > 0)
                log_event(LOG_WARNING, MSG_VM_REFUSED,
                        FIELDS(vm_log_field(&order->vm.uuid, (char[VM_LOG_FIELD_MAX]){}),
                                error_code_field(refusal->code)),
                        "Refused to start VM %s: %s", UUID_TEXT(&order->vm.uuid), refusal->message);
        if (r != 0)
                return r;
        r = add_type_files(order, types, text, &own);
        return r < 0 ? r : store_start(h, order, types, own, refusal);
}

int host_start_vm(Hostd *h, const char *caller, const char *text, Refusal *ret) {
        _cleanup_(start_order_done) StartOrder order = {};
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = { .refuses = true };
        int r;

        r = read_order(h, caller, text, &o, ret);
        if (r == 0)
                r = start_order_parse(&reader, o, &order);
        if (r == -EINVAL)
                r = refuse_record(ret, &reader);
        if (r == 0)
                r = accept_start(h, &order, text, ret);
        return MIN_OF(r, 0);
}

/* Stop. */

static int accept_stop(Hostd *h, HostVm *vm, const StopOrder *order, Refusal *refusal) {
        bool wanted = vm->stop_wanted, force = vm->stop_force;
        Uuid token = vm->stop_token;
        int r;

        /* A repeat; or a polite request after a forced one, which changes nothing. */
        if (wanted && (uuid_equal(&token, &order->token) || force))
                return 0;

        vm->stop_wanted = true;
        vm->stop_token = order->token;
        vm->stop_force = order->force;
        host_note_order(h, order->number);
        r = vm_store(vm);
        if (r < 0) {
                vm->stop_wanted = wanted;
                vm->stop_token = token;
                vm->stop_force = force;
                return refuse_storage(refusal, vm, r);
        }

        log_vm(LOG_INFO, NULL, vm, "Took the order to stop VM %s (%s)%s, token %s.", UUID_TEXT(&vm->uuid),
                vm->name_label, order->force ? " by force" : "", UUID_TEXT(&order->token));
        vm_pass_stop(vm);
        return 0;
}

static int stop_vm(Hostd *h, const StopOrder *order, Refusal *refusal) {
        HostVm *vm = hashmap_get(h->vms, &order->uuid);
        _cleanup_(vm_event_done) VmEvent end = {};

        if (vm)
                return accept_stop(h, vm, order, refusal);
        if (strangers_is_unread(&h->strangers, &order->uuid))
                return refuse_unread(&order->uuid, refusal);
        return refusal_made(refusal, ERROR_NO_SUCH_OBJECT, "No VM %s runs on this host%s.", UUID_TEXT(&order->uuid),
                find_end(h, &order->uuid, NULL, &end) ? " any more: it has ended, as the inventory tells" : "");
}

static int read_stop(Hostd *h, const char *caller, const char *text, StopOrder *order, Refusal *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = { .refuses = true };
        int r;

        r = read_order(h, caller, text, &o, ret);
        if (r == 0)
                r = stop_order_parse(&reader, o, order);
        if (r == -EINVAL)
                r = refuse_record(ret, &reader);
        return r ?: check_epoch(h, order->epoch, ret);
}

int host_stop_vm(Hostd *h, const char *caller, const char *text, Refusal *ret) {
        StopOrder order;
        int r;

        r = read_stop(h, caller, text, &order, ret);
        return MIN_OF(r ?: stop_vm(h, &order, ret), 0);
}

int host_end_vm(Hostd *h, const char *caller, const char *text, char **ret_note, Refusal *ret) {
        StopOrder order;
        int r;

        r = read_stop(h, caller, text, &order, ret);
        if (r != 0)
                return MIN_OF(r, 0);
        order.force = true;
        if (!hashmap_get(h->vms, &order.uuid) && !strangers_is_unread(&h->strangers, &order.uuid))
                return domain_end(h, &order.uuid, ret_note, ret);
        r = stop_vm(h, &order, ret);
        *ret_note = r == 0 ? strdup("") : NULL;
        return r == 0 && !*ret_note ? -ENOMEM : MIN_OF(r, 0);
}
