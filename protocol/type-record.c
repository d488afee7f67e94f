/*
 * VGPU types as they travel
 */

#include "common/base/text.h"
#include "protocol/record.h"
#include "protocol/type-record.h"

/* The identifier names the implementation ("0001:gvt-g,…"); a record without either is an old one of NVIDIA's. */
static VgpuImplementation implementation_of_identifier(const char *identifier) {
        if (streq(identifier, PASSTHROUGH_IDENTIFIER))
                return TYPE_PASSTHROUGH;
        if (startswith(identifier, "0001:gvt-g,"))
                return TYPE_GVT_G;
        if (startswith(identifier, "0001:mxgpu,"))
                return TYPE_MXGPU;
        if (startswith(identifier, "0001:nvidia_sriov,") || startswith(identifier, "0001:nvidia-sriov,"))
                return TYPE_NVIDIA_SRIOV;
        return TYPE_NVIDIA;
}

static const RecordField fields[] = {
        OPTIONAL(TypeRecord, identifier, RECORD_TEXT),
        OPTIONAL(TypeRecord, vendor_name, RECORD_TEXT),
        OPTIONAL(TypeRecord, model_name, RECORD_TEXT),
        OPTIONAL(TypeRecord, framebuffer_size, RECORD_U64),
        OPTIONAL(TypeRecord, max_heads, RECORD_U32),
        OPTIONAL(TypeRecord, max_resolution_x, RECORD_U32),
        OPTIONAL(TypeRecord, max_resolution_y, RECORD_U32),
        OPTIONAL(TypeRecord, size, RECORD_U32),
        OPTIONAL(TypeRecord, experimental, RECORD_BOOL),
        OPTIONAL(TypeRecord, compatible_types_in_vm, RECORD_STRV),
        OPTIONAL(TypeRecord, compatible_types_on_pgpu, RECORD_STRV),
};

#define GVT_G_FIELDS 5 /* name, PCI device, low, high, fence */

/*
 * What older versions of XenServer exported is brought to today's form: until 2019 a GVT-g identifier ended in
 * ",<monitor config file>" (a bare comma for none), and passthrough, which has no vendor, had a name alone.
 */
static int renew_identifier(TypeRecord *t) {
        if (isempty(t->identifier) && isempty(t->vendor_name) && streq(strempty(t->model_name), "passthrough")) {
                char *identifier = strdup(PASSTHROUGH_IDENTIFIER);

                if (!identifier)
                        return -ENOMEM;
                free(t->identifier);
                t->identifier = identifier;
        } else if (t->identifier && startswith(t->identifier, "0001:gvt-g,")) {
                size_t n = 0;

                for (char *p = t->identifier; *p; p++)
                        if (*p == ',' && ++n == GVT_G_FIELDS) {
                                *p = '\0';
                                break;
                        }
        }
        return 0;
}

/* Either names a type: the identifier, or for records of old versions vendor and model. */
static int check_names(JsonReader *r, const TypeRecord *t) {
        if (!isempty(t->identifier))
                return 0;
        if (isempty(t->vendor_name))
                return json_fail(r, "vendor_name", "is missing (and so is identifier)");
        if (isempty(t->model_name))
                return json_fail(r, "model_name", "is missing (and so is identifier)");
        return 0;
}

static int parse_implementation(JsonReader *r, struct json_object *o, TypeRecord *t) {
        const char *text = NULL;
        int q;

        q = json_opt_string(r, o, "implementation", &text);
        if (q < 0)
                return q;

        t->implementation = text ? vgpu_implementation_from_string(text) : implementation_of_identifier(t->identifier);
        if (t->implementation < 0)
                return json_fail(r, "implementation",
                        "is '%s', not passthrough, nvidia, nvidia_sriov, gvt_g or mxgpu", TEXT_SHORT(strempty(text), 64));
        return 0;
}

static int parse_members(JsonReader *r, struct json_object *o, TypeRecord *t) {
        int q;

        q = record_parse_fields(r, o, fields, ARRAY_SIZE(fields), t);
        if (q >= 0)
                q = renew_identifier(t);
        if (q >= 0)
                q = check_names(r, t);
        if (q >= 0)
                q = parse_implementation(r, o, t);
        if (q >= 0)
                q = record_opt_text_object(r, o, "internal_config", &t->internal_config);
        return q;
}

int type_record_parse(JsonReader *r, struct json_object *o, TypeRecord *ret) {
        int q;

        *ret = (TypeRecord){};
        q = parse_members(r, o, ret);
        if (q < 0)
                type_record_done(ret);
        return q;
}

int type_record_build(const TypeRecord *t, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = record_add_fields(o, fields, ARRAY_SIZE(fields), t);
        if (r >= 0)
                r = json_add_string(o, "implementation", vgpu_implementation_to_string(t->implementation));
        if (r >= 0)
                r = json_add(o, "internal_config",
                        t->internal_config ? json_object_get(t->internal_config) : json_object_new_object());
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void type_record_done(TypeRecord *t) {
        record_free_fields(fields, ARRAY_SIZE(fields), t);
        json_object_put(t->internal_config);
        *t = (TypeRecord){};
}

/* Through the JSON form: a copy that the codec does not know of would be lost on the wire too. */
int type_record_copy(const TypeRecord *t, TypeRecord *ret) {
        _cleanup_json_ struct json_object *o = NULL, *config = NULL;
        JsonReader reader = {};
        int r;

        if (t->internal_config) {
                r = json_object_deep_copy(t->internal_config, &config, NULL);
                if (r < 0)
                        return -ENOMEM;
        }
        r = type_record_build(t, &o);
        if (r >= 0 && config)
                r = json_add(o, "internal_config", take_ptr(config));
        if (r < 0)
                return r;

        return type_record_parse(&reader, o, ret);
}
