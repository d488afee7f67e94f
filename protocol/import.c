/*
 * VM export and import
 *
 * An import record is a VM record with more members.
 */

#include "protocol/import.h"
#include "protocol/order.h"
#include "protocol/record.h"

/* Each "vendor/device", four hex digits each. */
static int check_gpu_types(JsonReader *r, void *record) {
        char **gpu_types = ((ImportVgpu *) record)->group_gpu_types;

        for (size_t i = 0; gpu_types && gpu_types[i]; i++) {
                const char *t = gpu_types[i];

                if (strlen(t) != 9 || t[4] != '/' || strspn(t, "0123456789abcdef") != 4 ||
                        strspn(t + 5, "0123456789abcdef") != 4)
                        return json_fail(r, "gpu_types", "holds '%s', which is not of the form 10de/0ff2", t);
        }
        return 0;
}

static const RecordField gpu_group_fields[] = {
        FIELD_AS(ImportVgpu, group_name_label, "name_label", OPTIONAL, TEXT),
        FIELD_AS(ImportVgpu, group_gpu_types, "gpu_types", OPTIONAL, STRV),
};

static const RecordTable gpu_group_table = RECORD_TABLE(ImportVgpu, gpu_group_fields, .check = check_gpu_types);

static const RecordField vgpu_fields[] = {
        FIELD(ImportVgpu, device, IF_ANY, TEXT),
        FIELD(ImportVgpu, uuid, IF_ANY, UUID),
        FIELD(ImportVgpu, extra_args, IF_ANY, TEXT),
        FIELD_GROUP("gpu_group", REQUIRED, &gpu_group_table),
        FIELD_RECORD(ImportVgpu, type, "type", REQUIRED, &type_record_table),
};

static const RecordTable vgpu_table = RECORD_TABLE(ImportVgpu, vgpu_fields);

static const RecordField group_fields[] = {
        FIELD(ImportGroup, uuid, IF_ANY, UUID),
        FIELD(ImportGroup, name_label, REQUIRED, TEXT),
        FIELD(ImportGroup, name_description, OPTIONAL, LINES),
        FIELD(ImportGroup, placement, OPTIONAL, TEXT),
};

static const RecordTable group_table = RECORD_TABLE(ImportGroup, group_fields);

static const RecordField fields[] = {
        FIELD_PART(ImportRecord, vm, &vm_record_table),
        FIELD(ImportRecord, name_description, IF_ANY, LINES),
        FIELD(ImportRecord, other_config, IF_ANY, TEXTS),
        FIELD(ImportRecord, tags, IF_ANY, STRV),
        FIELD_LIST(ImportRecord, vgpus, OPTIONAL, &vgpu_table, ORDER_GPUS_MAX),
        FIELD_LIST(ImportRecord, groups, IF_ANY, &group_table, IMPORT_GROUPS_MAX),
};

static const RecordTable table = RECORD_TABLE(ImportRecord, fields);

DEFINE_RECORD(import_record, ImportRecord, table)
