#pragma once

/*
 * Orders: what policyd tells hostd
 *
 *   start {"version":1,"epoch":7,"token":"<uuid>","order":12,"vm":{VM record},"vgpus":[…],"pcis":[…]}
 *   stop  {"version":1,"epoch":7,"token":"<uuid>","order":13,"uuid":"<vm uuid>","force":false}
 *
 * order numbers the orders of a pool; the host keeps the highest, by which policyd knows an old copy of its
 * database. Absent where policyd does not count yet.
 */

#include "protocol/gpu-record.h"
#include "protocol/vm-record.h"

#define ORDER_GPUS_MAX 21

typedef struct StartOrder {
        uint64_t epoch;
        Uuid token;
        uint64_t number; /* 0: not counted */
        VmRecord vm; /* uuid is required */
        VgpuRecord *vgpus;
        size_t n_vgpus;
        PciRecord *pcis;
        size_t n_pcis;
} StartOrder;

int start_order_parse(JsonReader *r, struct json_object *o, StartOrder *ret);
void start_order_write(const StartOrder *order, StrBuf *b);
int start_order_build(const StartOrder *order, struct json_object **ret); /* what start_order_write() writes */
void start_order_done(StartOrder *order);

typedef struct StopOrder {
        uint64_t epoch;
        Uuid token;
        uint64_t number; /* 0: not counted */
        Uuid uuid;
        bool force;
} StopOrder;

int stop_order_parse(JsonReader *r, struct json_object *o, StopOrder *ret);
void stop_order_write(const StopOrder *order, StrBuf *b);
void stop_order_done(StopOrder *order);
