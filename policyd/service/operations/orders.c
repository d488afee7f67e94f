/*
 * Orders: from the pool's objects to the records that hostd takes
 *
 * Devices are in the order of their numbers, which is also their position; a passthrough VGPU is sent as a
 * PCI record. The libxl config gets the VM's own uuid and name, whatever it held when the VM was created.
 */

#include "policyd/service/operations/orders.h"

#include <stdio.h>

#include "common/base/parse.h"
#include "common/json/json-get.h"
#include "protocol/order.h"

/* Of our own store; most platforms are empty, and reading is what costs here. */
static struct json_object *object_of_text(const char *text) {
        return isempty(text) || streq(text, "{}") ? json_object_new_object() : json_tokener_parse(text);
}

static const char *config_text(struct json_object *config, const char *key) {
        struct json_object *value;

        if (!config || !json_object_object_get_ex(config, key, &value) ||
                !json_object_is_type(value, json_type_string))
                return NULL;
        return json_object_get_string(value);
}

/* Values are texts, as the type files and xapi have them. */
static uint64_t config_number(struct json_object *config, const char *key) {
        const char *text = config_text(config, key);
        uint64_t n = 0;

        if (text)
                (void) parse_number(text, &n);
        return n;
}

static int copy_text(char **field, const char *text_or_null) {
        if (!text_or_null)
                return 0;
        *field = strdup(text_or_null);
        return *field ? 0 : -ENOMEM;
}

static int fill_sriov(const VgpuType *t, const HostType *of_host, struct json_object *config, VgpuRecord *ret) {
        int r;

        ret->kind = VGPU_KIND_SRIOV;
        ret->sriov.vfs_per_pgpu = config_number(config, "vfs_per_pgpu");
        ret->sriov.framebufferbytes = of_host ? of_host->framebuffer_size : t->framebuffer_size;
        ret->sriov.exec_quantum_ms = config_number(config, "exec_quantum_ms");
        ret->sriov.preempt_timeout_us = config_number(config, "preempt_timeout_us");
        r = copy_text(&ret->sriov.identifier, of_host ? host_type_identifier(of_host) : t->identifier);
        return r ?: copy_text(&ret->sriov.priority, strempty(config_text(config, "priority")));
}

static int fill_nvidia(
        const Vgpu *v, struct json_object *config, const char *platform_args, VgpuRecord *ret) {
        int r;

        ret->kind = VGPU_KIND_NVIDIA;
        ret->nvidia.virtual_pci_address =
                (PciAddress){.dev = (uint8_t) (NVIDIA_FIRST_SLOT_IN_GUEST + v->device)};
        ret->nvidia.uuid = v->object.id;
        r = copy_text(&ret->nvidia.type_id, config_text(config, "type_id"));
        r = r ?: copy_text(&ret->nvidia.config_file, config_text(config, "config_file"));
        r = r ?: copy_text(&ret->nvidia.vclass, config_text(config, "vclass"));
        r = r
                    ?: copy_text(&ret->nvidia.extra_args,
                               isempty(v->extra_args) ? strempty(platform_args) : v->extra_args);
        return r;
}

/* With the values that the host itself reported for the type. */
static int fill_vgpu(const Vgpu *v, const Pgpu *pgpu, const char *platform_args, VgpuRecord *ret) {
        const HostType *of_host = host_find_type(pgpu->host, v->type);
        _cleanup_json_ struct json_object *config =
                object_of_text(of_host ? of_host->internal_config : v->type->internal_config);
        char device[16];

        if (!config)
                return -ENOMEM;
        snprintf(device, sizeof(device), "%u", v->device);
        ret->vm = v->vm->object.id;
        ret->position = v->device;
        ret->physical_pci_address = pgpu->pci;
        ret->device = strdup(device);
        if (!ret->device)
                return -ENOMEM;

        switch (v->type->implementation) {
        case TYPE_NVIDIA:
        case TYPE_NVIDIA_SRIOV:
                return fill_nvidia(v, config, platform_args, ret);
        case TYPE_GVT_G:
                ret->kind = VGPU_KIND_GVT_G;
                ret->gvt_g.low_gm_sz = config_number(config, "vgt_low_gm_sz");
                ret->gvt_g.high_gm_sz = config_number(config, "vgt_high_gm_sz");
                ret->gvt_g.fence_sz = config_number(config, "vgt_fence_sz");
                return 0;
        case TYPE_MXGPU:
                ret->kind = VGPU_KIND_MXGPU;
                ret->mxgpu.vgpus_per_pgpu = config_number(config, "vgpus_per_pgpu");
                ret->mxgpu.framebufferbytes = of_host ? of_host->framebuffer_size : v->type->framebuffer_size;
                return 0;
        case TYPE_SRIOV:
                return fill_sriov(v->type, of_host, config, ret);
        case TYPE_PASSTHROUGH:
        case _VGPU_IMPLEMENTATION_MAX:
        case _VGPU_IMPLEMENTATION_INVALID:
                break;
        }
        return -EINVAL;
}

static int set_identity(struct json_object *config, const Vm *vm) {
        struct json_object *c_info;
        int r;

        if (!json_object_object_get_ex(config, "c_info", &c_info) ||
                !json_object_is_type(c_info, json_type_object)) {
                c_info = json_object_new_object();
                r = c_info ? json_add(config, "c_info", c_info) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        r = json_add_string(c_info, "name", vm->name_label);
        return r ?: json_add_uuid(c_info, "uuid", &vm->object.id);
}

static int fill_vm(const Vm *vm, VmRecord *ret) {
        ret->uuid = vm->object.id;
        ret->name_label = strdup(vm->name_label);
        ret->owner = strdup(strempty(vm->owner));
        ret->affinity = strdup(strempty(vm->affinity));
        ret->platform = object_of_text(vm->platform);
        ret->config = object_of_text(vm->config);
        if (!ret->name_label || !ret->owner || !ret->affinity || !ret->platform || !ret->config)
                return -ENOMEM;
        return set_identity(ret->config, vm);
}

/* The VGPU that a function of its slot goes along with, the first if there are several; NULL: it is a VGPU itself, or of none. */
static const Vgpu *find_companion(const Vm *vm, const PciAddress *a) {
        const Vgpu *first = NULL;

        for_each(const Vgpu, v, &vm->vgpus) {
                if (!vgpu_is_of_config(v) || !pci_same_slot(a, &v->pinned_pci))
                        continue;
                if (a->fn == v->pinned_pci.fn)
                        return NULL;
                first = first ?: v;
        }
        return first;
}

/* The card's other functions that the config names: hostd takes no function of a PGPU that the order does not name. */
static size_t fill_companions(const Vm *vm, const Vgpu *v, PciRecord *ret) {
        size_t n = 0;

        for (char **f = vm->functions; vgpu_is_of_config(v) && f && *f; f++) {
                PciAddress a;

                if (pci_address_from_string(*f, &a) >= 0 && find_companion(vm, &a) == v)
                        ret[n++] = (PciRecord){.vm = vm->object.id, .position = v->device, .address = a};
        }
        return n;
}

static int fill_gpus(const Vm *vm, StartOrder *order) {
        const char *platform_args = vm_record_platform(&order->vm, "vgpu_extra_args");
        int r;

        order->vgpus = calloc(vm->vgpus.n + 1, sizeof(*order->vgpus));
        order->pcis = calloc(vm->vgpus.n + strv_count(vm->functions) + 1, sizeof(*order->pcis));
        if (!order->vgpus || !order->pcis)
                return -ENOMEM;
        for_each(const Vgpu, v, &vm->vgpus) {
                const Pgpu *pgpu = v->scheduled_on ?: v->resident_on;

                if (!pgpu)
                        return -EINVAL;
                if (v->type->implementation == TYPE_PASSTHROUGH) {
                        order->pcis[order->n_pcis++] =
                                (PciRecord){.vm = vm->object.id, .position = v->device, .address = pgpu->pci};
                        order->n_pcis += fill_companions(vm, v, order->pcis + order->n_pcis);
                        continue;
                }
                r = fill_vgpu(v, pgpu, platform_args, &order->vgpus[order->n_vgpus++]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int order_build_start(const Peer *peer, const Vm *vm, char **ret) {
        _cleanup_(start_order_done)
                StartOrder order = {.epoch = peer->epoch, .token = vm->token, .number = vm->order};
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = fill_vm(vm, &order.vm);
        r = r ?: fill_gpus(vm, &order);
        if (r < 0)
                return r;
        start_order_write(&order, &b);
        return strbuf_give(&b, ret);
}

int order_build_stop(const Peer *peer, const Vm *vm, bool force, char **ret) {
        StopOrder order = {.epoch = peer->epoch,
                .token = vm->stop_token,
                .number = vm->order,
                .uuid = vm->object.id,
                .force = force};
        _cleanup_strbuf_ StrBuf b = {};

        stop_order_write(&order, &b);
        return strbuf_give(&b, ret);
}
