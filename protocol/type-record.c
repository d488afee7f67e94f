/*
 * VGPU types as they travel
 */

#include <strings.h>

#include "protocol/record.h"
#include "protocol/type-record.h"

static const char *const implementation_names[_VGPU_IMPLEMENTATION_MAX] = {
        [VGPU_IMPLEMENTATION_PASSTHROUGH] = "passthrough",
        [VGPU_IMPLEMENTATION_NVIDIA] = "nvidia",
        [VGPU_IMPLEMENTATION_NVIDIA_SRIOV] = "nvidia_sriov",
        [VGPU_IMPLEMENTATION_GVT_G] = "gvt_g",
        [VGPU_IMPLEMENTATION_MXGPU] = "mxgpu",
};

const char *vgpu_implementation_to_string(VgpuImplementation i) {
        return i >= 0 && i < _VGPU_IMPLEMENTATION_MAX ? implementation_names[i] : NULL;
}

VgpuImplementation vgpu_implementation_from_string(const char *text) {
        for (VgpuImplementation i = 0; text && i < _VGPU_IMPLEMENTATION_MAX; i++)
                if (strcasecmp(implementation_names[i], text) == 0)
                        return i;

        return _VGPU_IMPLEMENTATION_INVALID;
}

/* The identifier names the implementation ("0001:gvt-g,…"); a record without either is an old one of NVIDIA's. */
static VgpuImplementation implementation_of_identifier(const char *identifier) {
        if (streq(identifier, PASSTHROUGH_IDENTIFIER))
                return VGPU_IMPLEMENTATION_PASSTHROUGH;
        if (startswith(identifier, "0001:gvt-g,"))
                return VGPU_IMPLEMENTATION_GVT_G;
        if (startswith(identifier, "0001:mxgpu,"))
                return VGPU_IMPLEMENTATION_MXGPU;
        if (startswith(identifier, "0001:nvidia_sriov,") || startswith(identifier, "0001:nvidia-sriov,"))
                return VGPU_IMPLEMENTATION_NVIDIA_SRIOV;
        return VGPU_IMPLEMENTATION_NVIDIA;
}

static int parse_names(JsonReader *r, struct json_object *o, TypeRecord *t) {
        const char *implementation = NULL;
        int q;

        q = record_opt_text(r, o, "identifier", "", &t->identifier);
        if (q >= 0)
                q = json_opt_string(r, o, "implementation", &implementation);
        if (q >= 0)
                q = record_opt_text(r, o, "vendor_name", "", &t->vendor_name);
        if (q >= 0)
                q = record_opt_text(r, o, "model_name", "", &t->model_name);
        if (q < 0)
                return q;

        if (isempty(t->identifier) && isempty(t->vendor_name))
                return json_fail(r, "vendor_name", "is missing (and so is identifier)");
        if (isempty(t->identifier) && isempty(t->model_name))
                return json_fail(r, "model_name", "is missing (and so is identifier)");

        t->implementation = implementation ? vgpu_implementation_from_string(implementation) :
                                             implementation_of_identifier(t->identifier);
        if (t->implementation < 0)
                return json_fail(r, "implementation",
                        "is '%.64s', not passthrough, nvidia, nvidia_sriov, gvt_g or mxgpu", implementation);
        return 0;
}

static int parse_members(JsonReader *r, struct json_object *o, TypeRecord *t) {
        int q;

        q = parse_names(r, o, t);
        if (q >= 0)
                q = json_opt_u64(r, o, "framebuffer_size", &t->framebuffer_size);
        if (q >= 0)
                q = json_opt_u32(r, o, "max_heads", &t->max_heads);
        if (q >= 0)
                q = json_opt_u32(r, o, "max_resolution_x", &t->max_resolution_x);
        if (q >= 0)
                q = json_opt_u32(r, o, "max_resolution_y", &t->max_resolution_y);
        if (q >= 0)
                q = json_opt_u32(r, o, "size", &t->size);
        if (q >= 0)
                q = json_opt_bool(r, o, "experimental", &t->experimental);
        if (q >= 0)
                q = record_opt_text_object(r, o, "internal_config", &t->internal_config);
        if (q >= 0)
                q = record_opt_strv(r, o, "compatible_types_in_vm", &t->compatible_types_in_vm);
        if (q >= 0)
                q = record_opt_strv(r, o, "compatible_types_on_pgpu", &t->compatible_types_on_pgpu);
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

        r = json_add_string(o, "identifier", t->identifier);
        if (r >= 0)
                r = json_add_string(o, "implementation", vgpu_implementation_to_string(t->implementation));
        if (r >= 0)
                r = json_add_string(o, "vendor_name", t->vendor_name);
        if (r >= 0)
                r = json_add_string(o, "model_name", t->model_name);
        if (r >= 0)
                r = json_add_u64(o, "framebuffer_size", t->framebuffer_size);
        if (r >= 0)
                r = json_add_u64(o, "max_heads", t->max_heads);
        if (r >= 0)
                r = json_add_u64(o, "max_resolution_x", t->max_resolution_x);
        if (r >= 0)
                r = json_add_u64(o, "max_resolution_y", t->max_resolution_y);
        if (r >= 0)
                r = json_add_u64(o, "size", t->size);
        if (r >= 0)
                r = json_add_bool(o, "experimental", t->experimental);
        if (r >= 0)
                r = json_add(o, "internal_config",
                        t->internal_config ? json_object_get(t->internal_config) : json_object_new_object());
        if (r >= 0)
                r = json_add_strv(o, "compatible_types_in_vm", (const char *const *) t->compatible_types_in_vm);
        if (r >= 0)
                r = json_add_strv(o, "compatible_types_on_pgpu", (const char *const *) t->compatible_types_on_pgpu);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void type_record_done(TypeRecord *t) {
        free(t->identifier);
        free(t->vendor_name);
        free(t->model_name);
        json_object_put(t->internal_config);
        strv_free(t->compatible_types_in_vm);
        strv_free(t->compatible_types_on_pgpu);
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
