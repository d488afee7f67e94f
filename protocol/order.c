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
                q = json_opt_u64(r, o, "order", &order->number);
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

/* What start and stop have in common. */
static void write_head(StrBuf *b, uint64_t epoch, const Uuid *token, uint64_t number) {
        json_write_open(b, NULL, '{');
        json_write_u64(b, "version", RECORD_VERSION);
        json_write_u64(b, "epoch", epoch);
        json_write_uuid(b, "token", token);
        if (number != 0)
                json_write_u64(b, "order", number);
}

void start_order_write(const StartOrder *order, StrBuf *b) {
        write_head(b, order->epoch, &order->token, order->number);
        /* The domain gets the VM's uuid, whatever the config that came with it says. */
        vm_record_write_for_order(&order->vm, b, "vm");
        json_write_open(b, "vgpus", '[');
        for (size_t i = 0; i < order->n_vgpus; i++)
                vgpu_record_write(&order->vgpus[i], b);
        json_write_close(b, ']');
        json_write_open(b, "pcis", '[');
        for (size_t i = 0; i < order->n_pcis; i++)
                pci_record_write(&order->pcis[i], b);
        json_write_close(b, ']');
        json_write_close(b, '}');
}

int start_order_build(const StartOrder *order, struct json_object **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        start_order_write(order, &b);
        return record_of_text(&b, ret);
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
                q = json_opt_u64(r, o, "order", &order.number);
        if (q >= 0)
                q = json_get_uuid(r, o, "uuid", &order.uuid);
        if (q >= 0)
                q = json_opt_bool(r, o, "force", &order.force);
        if (q < 0)
                return q;

        *ret = order;
        return 0;
}

void stop_order_write(const StopOrder *order, StrBuf *b) {
        write_head(b, order->epoch, &order->token, order->number);
        json_write_uuid(b, "uuid", &order->uuid);
        json_write_bool(b, "force", order->force);
        json_write_close(b, '}');
}
