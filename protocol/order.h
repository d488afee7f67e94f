#pragma once

/*
 * Orders: what policyd tells hostd
 *
 *   start {"version":1,"epoch":7,"token":"<uuid>","order":12,"vm":{VM record},"vgpus":[…],"pcis":[…]}
 *   stop  {"version":1,"epoch":7,"token":"<uuid>","order":13,"uuid":"<vm uuid>","force":false}
 *
 * hostd checks the text of a start order once, adds "type_files" to it, and passes it on so: to its store, to the run folder and
 * by that to the programs of the VM. It names this host's own file for each VGPU, which counts instead of its config_file; "" where
 * there is none. Of a client it is not taken.
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
        char **type_files; /* NULL: the host added none */
} StartOrder;

int start_order_parse(JsonReader *r, struct json_object *o, StartOrder *ret);
void start_order_write(const StartOrder *order, StrBuf *b);
void start_order_done(StartOrder *order);

/* The text of a good start order with the host's files, one for each VGPU; the caller frees it. -ENOMEM. */
int start_order_add_type_files(const char *text, const char *const *files, char **ret);
/* What a host has kept. -EINVAL with the sentence in r->error. */
int start_order_read(JsonReader *r, const char *text, StartOrder *ret);

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
