/*
 * VM export and import
 *
 * An import record is a VM record with one more member, so the VM's codec does the rest.
 */

#include "protocol/import.h"
#include "protocol/order.h"
#include "protocol/record.h"

static void import_vgpu_done(ImportVgpu *v) {
        free(v->device);
        free(v->group_name_label);
        strv_free(v->group_gpu_types);
        type_record_done(&v->type);
        *v = (ImportVgpu){};
}

/* Each "vendor/device", four hex digits each. */
static int check_gpu_types(JsonReader *r, char **gpu_types) {
        for (size_t i = 0; gpu_types && gpu_types[i]; i++) {
                const char *t = gpu_types[i];

                if (strlen(t) != 9 || t[4] != '/' || strspn(t, "0123456789abcdef") != 4 ||
                        strspn(t + 5, "0123456789abcdef") != 4)
                        return json_fail(r, "gpu_types", "holds '%s', which is not of the form 10de/0ff2", t);
        }
        return 0;
}

static int parse_group(JsonReader *r, struct json_object *o, ImportVgpu *v) {
        struct json_object *group = NULL;
        size_t mark;
        int q;

        q = json_get_object(r, o, "gpu_group", &group);
        if (q < 0)
                return q;

        mark = json_enter(r, "gpu_group");
        q = record_opt_text(r, group, "name_label", "", &v->group_name_label);
        if (q >= 0)
                q = record_opt_strv(r, group, "gpu_types", &v->group_gpu_types);
        if (q >= 0)
                q = check_gpu_types(r, v->group_gpu_types);
        json_leave(r, mark);
        return q;
}

static int parse_type(JsonReader *r, struct json_object *o, ImportVgpu *v) {
        struct json_object *type;
        size_t mark;
        int q;

        q = json_get_object(r, o, "type", &type);
        if (q < 0)
                return q;

        mark = json_enter(r, "type");
        q = type_record_parse(r, type, &v->type);
        json_leave(r, mark);
        return q;
}

static int parse_vgpu_item(JsonReader *r, struct json_object *o, void *ret) {
        ImportVgpu *v = ret;
        int q;

        q = record_opt_text(r, o, "device", "", &v->device);
        if (q >= 0)
                q = json_opt_uuid(r, o, "uuid", &v->uuid);
        if (q >= 0)
                q = parse_group(r, o, v);
        if (q >= 0)
                q = parse_type(r, o, v);
        if (q < 0)
                import_vgpu_done(v);
        return q;
}

static const RecordField group_fields[] = {
        OPTIONAL(ImportGroup, uuid, RECORD_UUID),
        REQUIRED(ImportGroup, name_label, RECORD_TEXT),
        OPTIONAL(ImportGroup, name_description, RECORD_LINES),
        OPTIONAL(ImportGroup, placement, RECORD_TEXT),
};

static void import_group_done(ImportGroup *g) {
        record_free_fields(group_fields, ARRAY_SIZE(group_fields), g);
}

static int parse_vm_group(JsonReader *r, struct json_object *o, void *ret) {
        int q = record_parse_fields(r, o, group_fields, ARRAY_SIZE(group_fields), ret);

        if (q < 0)
                import_group_done(ret);
        return q;
}

static int build_vm_group(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r = o ? record_add_fields(o, group_fields, ARRAY_SIZE(group_fields), item) : -ENOMEM;

        if (r >= 0)
                *ret = take_ptr(o);
        return r;
}

int import_record_parse(JsonReader *r, struct json_object *o, ImportRecord *ret) {
        int q;

        *ret = (ImportRecord){};
        q = vm_record_parse(r, o, &ret->vm);
        if (q >= 0)
                q = record_opt_list(r, o, "vgpus", ORDER_GPUS_MAX, sizeof(ImportVgpu), parse_vgpu_item,
                        (void **) &ret->vgpus, &ret->n_vgpus);
        if (q >= 0)
                q = record_opt_list(r, o, "groups", IMPORT_GROUPS_MAX, sizeof(ImportGroup), parse_vm_group,
                        (void **) &ret->groups, &ret->n_groups);
        if (q < 0)
                import_record_done(ret);
        return q;
}

static int build_vgpu_item(const void *item, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL, *group = NULL, *type = NULL;
        const ImportVgpu *v = item;
        int r;

        o = json_object_new_object();
        group = json_object_new_object();
        if (!o || !group)
                return -ENOMEM;

        r = json_add_string(group, "name_label", v->group_name_label);
        if (r >= 0)
                r = json_add_strv(group, "gpu_types", (const char *const *) v->group_gpu_types);
        if (r >= 0)
                r = type_record_build(&v->type, &type);
        if (r >= 0 && !isempty(v->device))
                r = json_add_string(o, "device", v->device);
        if (r >= 0 && !uuid_is_null(&v->uuid))
                r = json_add_uuid(o, "uuid", &v->uuid);
        if (r >= 0)
                r = json_add(o, "gpu_group", take_ptr(group));
        if (r >= 0)
                r = json_add(o, "type", take_ptr(type));
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

int import_record_build(const ImportRecord *i, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = vm_record_build(&i->vm, &o);
        if (r >= 0)
                r = record_add_list(o, "vgpus", i->vgpus, i->n_vgpus, sizeof(ImportVgpu), build_vgpu_item);
        if (r >= 0 && i->n_groups > 0)
                r = record_add_list(o, "groups", i->groups, i->n_groups, sizeof(ImportGroup), build_vm_group);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void import_record_done(ImportRecord *i) {
        vm_record_done(&i->vm);
        for (size_t n = 0; n < i->n_vgpus; n++)
                import_vgpu_done(i->vgpus + n);
        free(i->vgpus);
        for (size_t n = 0; n < i->n_groups; n++)
                import_group_done(i->groups + n);
        free(i->groups);
        *i = (ImportRecord){};
}
