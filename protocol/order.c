/*
 * Orders
 */

#include "protocol/order.h"
#include "protocol/record.h"

#define HEAD(T)                                                                                \
        FIELD_VERSION, FIELD(T, epoch, REQUIRED, U64), FIELD(T, token, REQUIRED, UUID),        \
        FIELD_AS(T, number, "order", IF_ANY, U64)

static const RecordField start_fields[] = {
        HEAD(StartOrder),
        FIELD_RECORD(StartOrder, vm, "vm", REQUIRED, &vm_record_of_order_table),
        FIELD_LIST(StartOrder, vgpus, OPTIONAL, &vgpu_record_table, ORDER_GPUS_MAX),
        FIELD_LIST(StartOrder, pcis, OPTIONAL, &pci_record_table, ORDER_GPUS_MAX),
};

static const RecordTable start_order_table = RECORD_TABLE(StartOrder, start_fields);

DEFINE_RECORD(start_order, StartOrder, start_order_table)

int start_order_build(const StartOrder *order, struct json_object **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        start_order_write(order, &b);
        return record_of_text(&b, ret);
}

static const RecordField stop_fields[] = {
        HEAD(StopOrder),
        FIELD(StopOrder, uuid, REQUIRED, UUID),
        FIELD(StopOrder, force, OPTIONAL, BOOL),
};

static const RecordTable stop_order_table = RECORD_TABLE(StopOrder, stop_fields);

DEFINE_RECORD(stop_order, StopOrder, stop_order_table)
