/*
 * Orders
 */

#include "protocol/names.h"
#include "protocol/order.h"
#include "protocol/record.h"

static int parse_vgpu_item(JsonReader *r, struct json_object *o, void *ret) {
        return vgpu_record_parse(r, o, ret);
}

static int parse_pci_item(JsonReader *r, struct json_object *o, void *ret) {
        return pci_record_parse(r, o, ret);
}

static int parse_vm(JsonReader *r, struct json_object *o, VmRecord *ret) {
        struct json_object *vm;
        size_t mark;
        int q;

        q = json_get_object(r, o, "vm", &vm);
        if (q < 0)
                return q;

        mark = json_enter(r, "vm");
        q = vm_record_parse(r, vm, ret);
        if (q >= 0 && uuid_is_null(&ret->uuid))
                q = json_fail(r, "uuid", "is missing");
        json_leave(r, mark);
        return q;
}

static int parse_start(JsonReader *r, struct json_object *o, StartOrder *order) {
        int q;

        q = record_check_version(r, o);
        if (q >= 0)
                q = json_get_u64(r, o, "epoch", &order->epoch);
        if (q >= 0)
                q = json_get_uuid(r, o, "token", &order->token);
        if (q >= 0)
                q = parse_vm(r, o, &order->vm);
        if (q >= 0)
                q = record_opt_list(r, o, "vgpus", ORDER_GPUS_MAX, sizeof(VgpuRecord), parse_vgpu_item,
                        (void **) &order->vgpus, &order->n_vgpus);
        if (q >= 0)
                q = record_opt_list(r, o, "pcis", ORDER_GPUS_MAX, sizeof(PciRecord), parse_pci_item,
                        (void **) &order->pcis, &order->n_pcis);
        return q;
}

int start_order_parse(JsonReader *r, struct json_object *o, StartOrder *ret) {
        int q;

        *ret = (StartOrder){};
        q = parse_start(r, o, ret);
        if (q < 0)
                start_order_done(ret);
        return q;
}

static int build_vgpu_item(const void *item, struct json_object **ret) {
        return vgpu_record_build(item, ret);
}

static int build_pci_item(const void *item, struct json_object **ret) {
        return pci_record_build(item, ret);
}

/* What start and stop have in common. */
static int build_head(uint64_t epoch, const Uuid *token, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = json_add_u64(o, "version", RECORD_VERSION);
        if (r >= 0)
                r = json_add_u64(o, "epoch", epoch);
        if (r >= 0)
                r = json_add_uuid(o, "token", token);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

/* NULL, when there is none to overwrite. */
static const char *config_uuid(struct json_object *config) {
        struct json_object *c_info, *uuid;

        if (!config || !json_object_object_get_ex(config, "c_info", &c_info) ||
            !json_object_is_type(c_info, json_type_object) || !json_object_object_get_ex(c_info, "uuid", &uuid))
                return NULL;
        return strempty(json_object_get_string(uuid));
}

/* The domain gets the VM's uuid, whatever the config that came with it says; the VM's own config stays as it is. */
static int build_vm(const VmRecord *v, struct json_object **ret) {
        _cleanup_json_ struct json_object *vm = NULL, *config = NULL;
        const char *uuid = config_uuid(v->config);
        int r;

        r = vm_record_build(v, &vm);
        if (r < 0)
                return r;
        if (uuid && !streq(uuid, UUID_TEXT(&v->uuid))) {
                if (json_object_deep_copy(v->config, &config, NULL) < 0)
                        return -ENOMEM;
                r = json_add_uuid(json_object_object_get(config, "c_info"), "uuid", &v->uuid);
                if (r >= 0)
                        r = json_add(vm, "config", take_ptr(config));
                if (r < 0)
                        return r;
        }

        *ret = take_ptr(vm);
        return 0;
}

int start_order_build(const StartOrder *order, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL, *vm = NULL;
        int r;

        r = build_head(order->epoch, &order->token, &o);
        if (r >= 0)
                r = build_vm(&order->vm, &vm);
        if (r >= 0)
                r = json_add(o, "vm", take_ptr(vm));
        if (r >= 0)
                r = record_add_list(o, "vgpus", order->vgpus, order->n_vgpus, sizeof(VgpuRecord), build_vgpu_item);
        if (r >= 0)
                r = record_add_list(o, "pcis", order->pcis, order->n_pcis, sizeof(PciRecord), build_pci_item);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void start_order_done(StartOrder *order) {
        vm_record_done(&order->vm);
        for (size_t i = 0; i < order->n_vgpus; i++)
                vgpu_record_done(order->vgpus + i);
        free(order->vgpus);
        free(order->pcis);
        *order = (StartOrder){};
}

int stop_order_parse(JsonReader *r, struct json_object *o, StopOrder *ret) {
        StopOrder order = {};
        int q;

        q = record_check_version(r, o);
        if (q >= 0)
                q = json_get_u64(r, o, "epoch", &order.epoch);
        if (q >= 0)
                q = json_get_uuid(r, o, "token", &order.token);
        if (q >= 0)
                q = json_get_uuid(r, o, "uuid", &order.uuid);
        if (q >= 0)
                q = json_opt_bool(r, o, "force", &order.force);
        if (q < 0)
                return q;

        *ret = order;
        return 0;
}

int stop_order_build(const StopOrder *order, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = build_head(order->epoch, &order->token, &o);
        if (r >= 0)
                r = json_add_uuid(o, "uuid", &order->uuid);
        if (r >= 0)
                r = json_add_bool(o, "force", order->force);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}
