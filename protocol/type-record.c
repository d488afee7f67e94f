/*
 * VGPU types as they travel
 */

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
        if (startswith(identifier, "0001:sriov,"))
                return TYPE_SRIOV;
        if (startswith(identifier, "0001:nvidia_sriov,") || startswith(identifier, "0001:nvidia-sriov,"))
                return TYPE_NVIDIA_SRIOV;
        return TYPE_NVIDIA;
}

#define GVT_G_FIELDS 5 /* name, PCI device, low, high, fence */

/*
 * What older versions of XenServer exported is brought to today's form: until 2019 a GVT-g identifier ended in
 * ",<monitor config file>" (a bare comma for none), and passthrough, which has no vendor, had a name alone.
 */
static int renew_identifier(TypeRecord *t) {
        if (isempty(t->identifier) && isempty(t->vendor_name) && streq(strempty(t->model_name), PASSTHROUGH_NAME)) {
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

static int complete(JsonReader *r, void *record) {
        TypeRecord *t = record;
        int q;

        q = renew_identifier(t);
        if (q >= 0)
                q = check_names(r, t);
        if (q >= 0 && t->implementation < 0)
                t->implementation = implementation_of_identifier(t->identifier);
        return q;
}

static const RecordField fields[] = {
        FIELD(TypeRecord, identifier, OPTIONAL, TEXT),
        FIELD(TypeRecord, vendor_name, OPTIONAL, TEXT),
        FIELD(TypeRecord, model_name, OPTIONAL, TEXT),
        FIELD(TypeRecord, framebuffer_size, OPTIONAL, U64),
        FIELD(TypeRecord, max_heads, OPTIONAL, U32),
        FIELD(TypeRecord, max_resolution_x, OPTIONAL, U32),
        FIELD(TypeRecord, max_resolution_y, OPTIONAL, U32),
        FIELD(TypeRecord, size, OPTIONAL, U32),
        FIELD(TypeRecord, experimental, OPTIONAL, BOOL),
        FIELD(TypeRecord, compatible_types_in_vm, OPTIONAL, STRV),
        FIELD(TypeRecord, compatible_types_on_pgpu, OPTIONAL, STRV),
        FIELD(TypeRecord, implementation, OPTIONAL, WORD, .words = &vgpu_implementation_words),
        FIELD(TypeRecord, internal_config, OPTIONAL, TEXTS),
};

static const TypeRecord defaults = { .implementation = _VGPU_IMPLEMENTATION_INVALID };

const RecordTable type_record_table = RECORD_TABLE(TypeRecord, fields, .defaults = &defaults, .check = complete);

DEFINE_RECORD(type_record, TypeRecord, type_record_table)
