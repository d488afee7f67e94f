/*
 * The plain members of a record, by table
 */

#include "protocol/record.h"

static int parse_text(JsonReader *r, struct json_object *o, const RecordField *f, char **ret) {
        return f->required ? record_get_text(r, o, f->member, ret) : record_opt_text(r, o, f->member, "", ret);
}

static int parse_field(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        switch (f->type) {
        case RECORD_TEXT:
                return parse_text(r, o, f, value);
        case RECORD_LINES:
                return record_opt_lines(r, o, f->member, value);
        case RECORD_STRV:
                return f->required ? json_get_strv(r, o, f->member, value) : record_opt_strv(r, o, f->member, value);
        case RECORD_U64:
                return f->required ? json_get_u64(r, o, f->member, value) : json_opt_u64(r, o, f->member, value);
        case RECORD_U32:
                return f->required ? json_get_u32(r, o, f->member, value) : json_opt_u32(r, o, f->member, value);
        case RECORD_BOOL:
                return f->required ? json_get_bool(r, o, f->member, value) : json_opt_bool(r, o, f->member, value);
        case RECORD_UUID:
                return f->required ? json_get_uuid(r, o, f->member, value) : json_opt_uuid(r, o, f->member, value);
        case RECORD_PCI_TEXT:
                return json_get_pci_text(r, o, f->member, value);
        case RECORD_PROGRESS:
                return record_opt_progress(r, o, value);
        }
        return -EINVAL;
}

int record_parse_fields(JsonReader *r, struct json_object *o, const RecordField *fields, size_t n, void *record) {
        for (size_t i = 0; i < n; i++) {
                int q = parse_field(r, o, fields + i, (char *) record + fields[i].offset);

                if (q < 0)
                        return q;
        }
        return 0;
}

static int add_field(struct json_object *o, const RecordField *f, const void *value) {
        switch (f->type) {
        case RECORD_TEXT:
        case RECORD_LINES:
                return json_add_string(o, f->member, *(char *const *) value);
        case RECORD_STRV:
                return json_add_strv(o, f->member, *(const char *const *const *) value);
        case RECORD_U64:
                return json_add_u64(o, f->member, *(const uint64_t *) value);
        case RECORD_U32:
                return json_add_u64(o, f->member, *(const uint32_t *) value);
        case RECORD_BOOL:
                return json_add_bool(o, f->member, *(const bool *) value);
        case RECORD_UUID:
                return uuid_is_null(value) ? 0 : json_add_uuid(o, f->member, value);
        case RECORD_PCI_TEXT:
                return json_add_string(o, f->member, PCI_TEXT((const PciAddress *) value));
        case RECORD_PROGRESS:
                return json_add_double(o, f->member, *(const double *) value);
        }
        return -EINVAL;
}

int record_add_fields(struct json_object *o, const RecordField *fields, size_t n, const void *record) {
        for (size_t i = 0; i < n; i++) {
                int r = add_field(o, fields + i, (const char *) record + fields[i].offset);

                if (r < 0)
                        return r;
        }
        return 0;
}

void record_free_fields(const RecordField *fields, size_t n, void *record) {
        for (size_t i = 0; i < n; i++) {
                char *value = (char *) record + fields[i].offset;

                if (fields[i].type == RECORD_TEXT || fields[i].type == RECORD_LINES)
                        free(*(char **) value);
                else if (fields[i].type == RECORD_STRV)
                        strv_free(*(char ***) value);
        }
}
