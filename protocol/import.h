#pragma once

/*
 * VM export and import
 *
 *   {VM record, "name_description":…,"other_config":{…},"tags":[…],
 *    "vgpus":[{"device":"0","uuid":…,"extra_args":…,"gpu_group":{"name_label":…,"gpu_types":["10de/0ff2"]},
 *              "type":{TypeRecord; identifier may be missing}}],
 *    "groups":[{"uuid":…,"name_label":…,"name_description":…,"placement":"anti_affinity"}]}
 *
 * groups are VM groups, of which a VM is in one at most; it is absent where the VM is in none.
 */

#include "protocol/type-record.h"
#include "protocol/vm-record.h"

typedef struct ImportVgpu {
        char *device; /* "" when absent: the lowest free */
        Uuid uuid;    /* null when absent */
        char *extra_args; /* "" when absent */
        char *group_name_label;
        char **group_gpu_types; /* never NULL */
        TypeRecord type;
} ImportVgpu;

typedef struct ImportGroup {
        Uuid uuid; /* null when absent */
        char *name_label;
        char *name_description, *placement; /* "" when absent */
} ImportGroup;

#define IMPORT_GROUPS_MAX 1

typedef struct ImportRecord {
        VmRecord vm;
        char *name_description;           /* "" when absent */
        struct json_object *other_config; /* object of strings; NULL: nothing to write */
        char **tags;
        ImportVgpu *vgpus;
        size_t n_vgpus;
        ImportGroup *groups;
        size_t n_groups;
} ImportRecord;

int import_record_parse(JsonReader *r, struct json_object *o, ImportRecord *ret);
void import_record_write(const ImportRecord *i, StrBuf *b);
void import_record_done(ImportRecord *i);
