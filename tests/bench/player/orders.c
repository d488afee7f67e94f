/*
 * Orders, as hostd/service/vm-orders.h takes them
 *
 * Read, checked against the claim, looked up (a repeat is acknowledged and not repeated), checked by hostd's
 * last guard. Then the VM runs, or has ended, at once.
 */

#include <inttypes.h>
#include <stdio.h>

#include "tests/bench/player/player.h"

#define ORDER_SIZE_MAX (1u << 20)

PlayedVm *played_vm_free(PlayedVm *vm) {
        if (!vm)
                return NULL;
        free(vm->name_label);
        free(vm->gpus);
        free(vm);
        return NULL;
}

/* A master whose claim was overtaken hears that its epoch is old, and not only that it is not the claimer. */
static int check_commander(PlayedHost *h, const char *caller, const char *text, Refusal *refusal) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        uint64_t epoch;
        int r;

        r = host_check_caller(h, caller, refusal);
        if (r < 0 || refusal->code != ERROR_HOST_CLAIMED || strlen(text) > ORDER_SIZE_MAX)
                return r;
        if (json_parse(&reader, text, strlen(text), &o) < 0 ||
                json_get_u64(&reader, o, "epoch", &epoch) < 0 || epoch >= h->claim.epoch)
                return 0;
        refusal_done(refusal);
        return epoch_check_order(&h->claim, epoch, refusal);
}

static int read_order(
        PlayedHost *h, const char *caller, const char *text, struct json_object **ret, Refusal *refusal) {
        JsonReader reader = {};
        int r;

        r = check_commander(h, caller, text, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        if (strlen(text) > ORDER_SIZE_MAX)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "The order has %zu bytes; at most %u are read.", strlen(text), ORDER_SIZE_MAX);
        r = json_parse(&reader, text, strlen(text), ret);
        if (r == -EINVAL)
                return refusal_set(refusal, ERROR_INVALID_RECORD, "The order is not JSON: %s.", reader.error);
        return r;
}

static int refuse_record(Refusal *refusal, const char *why) {
        return refusal_set(refusal, ERROR_INVALID_RECORD, "The order cannot be read: %s.", why);
}

/* Repeats: 1 when the order was one. */

static PlayedVm *find_token(const PlayedHost *h, const Uuid *token) {
        PlayedVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                if (uuid_equal(&vm->token, token))
                        return vm;
        return NULL;
}

static int answer_repeat(PlayedHost *h, const StartOrder *order, Taken *ret, Refusal *refusal) {
        const PlayedVm *vm = find_token(h, &order->token);

        if (vm && uuid_equal(&vm->id, &order->vm.uuid))
                return 1;
        if (vm)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "Token %s is that of another VM's order (VM %s).", UUID_TEXT(&order->token),
                        UUID_TEXT(&vm->id));
        vm = hashmap_get(h->vms, &order->vm.uuid);
        if (vm)
                return refusal_set(refusal, ERROR_VM_BAD_POWER_STATE,
                        "VM %s (%s) is running here already.", UUID_TEXT(&vm->id), vm->name_label);
        for (size_t i = 0; i < h->n_ended; i++)
                if (uuid_equal(&h->ended[i].token, &order->token)) {
                        ret->ended = &h->ended[i];
                        return 1;
                }
        return 0;
}

/* The last guard */

static OrderGpu gpu_of_record(const VgpuRecord *v) {
        static const VgpuImplementation kinds[_VGPU_KIND_MAX] = {[VGPU_KIND_NVIDIA] = TYPE_NVIDIA,
                [VGPU_KIND_GVT_G] = TYPE_GVT_G,
                [VGPU_KIND_MXGPU] = TYPE_MXGPU,
                [VGPU_KIND_SRIOV] = TYPE_SRIOV};

        return (OrderGpu){.kind = kinds[v->kind],
                .device = v->device,
                .address = v->physical_pci_address,
                .config_file = v->nvidia.config_file,
                .type_id = v->nvidia.type_id};
}

static int list_occupants(const PlayedHost *h, Occupant **ret, size_t *ret_n) {
        size_t size = 1, n = 0;
        const PlayedVm *vm;
        Occupant *list;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                size += vm->n_gpus;
        list = calloc(size, sizeof(Occupant));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++)
                        list[n++] = (Occupant){.vm = vm->id,
                                .pgpu = vm->gpus[k].address,
                                .identifier = vm->gpus[k].type->identifier,
                                .size = vm->gpus[k].type->size};
        *ret = list;
        *ret_n = n;
        return 0;
}

static int check_against_host(
        const PlayedHost *h, const OrderRequest *request, const HostType **ret_types, Refusal *refusal) {
        _cleanup_free_ Occupant *occupants = NULL;
        HostView view = {.pgpus = h->pgpus,
                .n_pgpus = h->player->n_pgpus,
                .types = h->player->types,
                .n_types = N_TYPES,
                .hvm = true,
                .iommu = true,
                .memory_free = host_memory_free(h)};
        int r;

        r = list_occupants(h, &occupants, &view.n_occupants);
        if (r < 0)
                return r;
        view.occupants = occupants;
        return order_check(&view, request, ret_types, refusal);
}

static int check_owners(const StartOrder *order, Refusal *refusal) {
        for (size_t i = 0; i < order->n_vgpus; i++)
                if (!uuid_equal(&order->vgpus[i].vm, &order->vm.uuid))
                        return refusal_set(refusal, ERROR_INVALID_RECORD,
                                "The order cannot be read: vgpus[%zu].id names another VM.", i);
        for (size_t i = 0; i < order->n_pcis; i++)
                if (!uuid_equal(&order->pcis[i].vm, &order->vm.uuid))
                        return refusal_set(refusal, ERROR_INVALID_RECORD,
                                "The order cannot be read: pcis[%zu].id names another VM.", i);
        return 0;
}

static int make_vm(const StartOrder *order, const HostType *const *types, uint64_t memory, PlayedVm **ret) {
        PlayedVm *vm = calloc(1, sizeof(PlayedVm));

        if (!vm)
                return -ENOMEM;
        *vm = (PlayedVm){.id = order->vm.uuid,
                .token = order->token,
                .memory = memory,
                .name_label = strdup(order->vm.name_label),
                .gpus = calloc(order->n_vgpus + order->n_pcis + 1, sizeof(PlayedGpu))};
        if (!vm->name_label || !vm->gpus) {
                played_vm_free(vm);
                return -ENOMEM;
        }
        for (size_t i = 0; i < order->n_vgpus; i++) {
                PlayedGpu *g = &vm->gpus[vm->n_gpus++];

                *g = (PlayedGpu){.address = order->vgpus[i].physical_pci_address,
                        .type = types[i],
                        .uuid = order->vgpus[i].nvidia.uuid};
                snprintf(g->device, sizeof(g->device), "%s", order->vgpus[i].device);
        }
        for (size_t i = 0; i < order->n_pcis; i++)
                vm->gpus[vm->n_gpus++] =
                        (PlayedGpu){.address = order->pcis[i].address, .type = types[order->n_vgpus + i]};
        *ret = vm;
        return 0;
}

static int check_order(const PlayedHost *h, const StartOrder *order, PlayedVm **ret, Refusal *refusal) {
        const HostType *types[2 * ORDER_GPUS_MAX] = {};
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        OrderGpu gpus[2 * ORDER_GPUS_MAX] = {};
        OrderRequest request = {.vm = order->vm.uuid, .name_label = order->vm.name_label, .gpus = gpus};
        JsonReader reader = {};
        int r;

        json_enter(&reader, "vm");
        json_enter(&reader, "config");
        r = vm_config_needs(&reader, order->vm.config, order->n_vgpus > 0, &needs);
        if (r < 0)
                return r == -EINVAL ? refuse_record(refusal, reader.error) : r;

        for (size_t i = 0; i < order->n_vgpus; i++)
                gpus[request.n_gpus++] = gpu_of_record(&order->vgpus[i]);
        for (size_t i = 0; i < order->n_pcis; i++)
                gpus[request.n_gpus++] = (OrderGpu){.kind = TYPE_PASSTHROUGH, .address = order->pcis[i].address};
        request.hvm = needs.hvm;
        request.memory = needs.memory;
        request.target_memory = needs.target_memory;
        request.max_memory = needs.max_memory;
        r = check_against_host(h, &request, types, refusal);
        return r < 0 || refusal->code != ERROR_NONE ? r : make_vm(order, types, needs.memory, ret);
}

/* Start and stop */

static int take_start(PlayedHost *h, const StartOrder *order, Taken *ret, Refusal *refusal) {
        PlayedVm *vm = NULL;
        int r;

        r = epoch_check_order(&h->claim, order->epoch, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = answer_repeat(h, order, ret, refusal);
        if (r != 0 || refusal->code != ERROR_NONE)
                return MIN_OF(r, 0);
        r = check_owners(order, refusal);
        if (r >= 0 && refusal->code == ERROR_NONE)
                r = check_order(h, order, &vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;

        r = hashmap_put(h->vms, &vm->id, vm);
        if (r < 0) {
                played_vm_free(vm);
                return r;
        }
        h->player->n_starts++;
        ret->started = vm;
        return 0;
}

int host_take_start(PlayedHost *h, const char *caller, const char *text, Taken *ret, Refusal *refusal) {
        _cleanup_(start_order_done) StartOrder order = {};
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = read_order(h, caller, text, &o, refusal);
        if (r >= 0 && refusal->code == ERROR_NONE) {
                r = start_order_parse(&reader, o, &order);
                if (r == -EINVAL)
                        r = refuse_record(refusal, reader.error);
                else if (r >= 0)
                        r = take_start(h, &order, ret, refusal);
        }
        h->player->n_refused += refusal->code != ERROR_NONE;
        return r;
}

static bool has_ended(const PlayedHost *h, const Uuid *vm) {
        for (size_t i = 0; i < h->n_ended; i++)
                if (uuid_equal(&h->ended[i].id, vm))
                        return true;
        return false;
}

int host_take_stop(PlayedHost *h, const char *caller, const char *text, Taken *ret, Refusal *refusal) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        StopOrder order;
        int r;

        r = read_order(h, caller, text, &o, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = stop_order_parse(&reader, o, &order);
        if (r < 0)
                return r == -EINVAL ? refuse_record(refusal, reader.error) : r;
        r = epoch_check_order(&h->claim, order.epoch, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        ret->stopped = hashmap_remove(h->vms, &order.uuid);
        if (!ret->stopped)
                return refusal_set(refusal, ERROR_NO_SUCH_OBJECT, "No VM %s runs on this host%s.",
                        UUID_TEXT(&order.uuid), has_ended(h, &order.uuid) ? " any more: it has ended" : "");
        ret->force = order.force;
        h->player->n_stops++;
        return 0;
}
