#pragma once

/*
 * VGPU types as they travel: in hostd's inventory and in VM exports
 *
 *   {"identifier":"0001:nvidia,0ff2,,0fe7,101e","implementation":"nvidia","vendor_name":…,"model_name":…,
 *    "framebuffer_size":268435456,"max_heads":2,"max_resolution_x":1920,"max_resolution_y":1200,"size":131072,
 *    "experimental":false,"internal_config":{"type_id":"11","vclass":"NVS"},
 *    "compatible_types_in_vm":[],"compatible_types_on_pgpu":["0001:nvidia,…"]}
 *
 * Sizes in bytes, except size: units of which a PGPU has 1048576. Keys of internal_config: type_id, vclass, config_file (NVIDIA);
 * vgt_low_gm_sz, vgt_high_gm_sz, vgt_fence_sz (GVT-g); vgpus_per_pgpu (MxGPU); vfs_per_pgpu, exec_quantum_ms,
 * preempt_timeout_us, priority (SR-IOV). Required when read: identifier or
 * (vendor_name and model_name); everything else has a default of 0, "" or empty. Two forms of older exports are
 * read as today's: a GVT-g identifier that ends in ",<monitor config file>", and model_name passthrough alone.
 */

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "protocol/vgpu-implementation.h"

typedef struct RecordTable RecordTable; /* protocol/record.h */

typedef struct TypeRecord {
        char *identifier; /* "" in records of old versions */
        VgpuImplementation implementation;
        char *vendor_name, *model_name;
        uint64_t framebuffer_size;
        uint32_t max_heads, max_resolution_x, max_resolution_y;
        uint32_t size;
        bool experimental;
        struct json_object *internal_config; /* object of strings, never NULL */
        char **compatible_types_in_vm, **compatible_types_on_pgpu; /* identifiers; never NULL */
} TypeRecord;

int type_record_parse(JsonReader *r, struct json_object *o, TypeRecord *ret);
void type_record_write(const TypeRecord *t, StrBuf *b);
void type_record_done(TypeRecord *t);
extern const RecordTable type_record_table;
