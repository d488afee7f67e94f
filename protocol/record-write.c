/*
 * Writing and freeing a record by its table
 */

#include "protocol/names.h"
#include "protocol/record.h"

static void *item_of(const RecordField *f, const void *list, size_t i) {
        return *(char *const *) list + i * f->table->size;
}

static bool members_are_empty(const RecordTable *t, const char *record);

static bool is_empty(const RecordField *f, const char *record) {
        const void *value = record + f->offset;

        switch (f->kind) {
        case RECORD_KIND_TEXT:
        case RECORD_KIND_LINES:
        case RECORD_KIND_JSON:
                return isempty(*(char *const *) value);
        case RECORD_KIND_STRV:
                return !*(char **const *) value || !**(char **const *) value;
        case RECORD_KIND_U32:
                return *(const uint32_t *) value == 0;
        case RECORD_KIND_U64:
                return *(const uint64_t *) value == 0;
        case RECORD_KIND_LIMIT:
                return *(const uint64_t *) value == UINT64_MAX;
        case RECORD_KIND_BOOL:
                return !*(const bool *) value;
        case RECORD_KIND_PROGRESS:
                return *(const double *) value == 0;
        case RECORD_KIND_UUID:
        case RECORD_KIND_TOKEN:
                return uuid_is_null(value);
        case RECORD_KIND_TEXTS: {
                struct json_object *texts = *(struct json_object *const *) value;

                return !texts || json_object_object_length(texts) == 0;
        }
        case RECORD_KIND_RECORD:
        case RECORD_KIND_PART:
                return members_are_empty(f->table, value);
        case RECORD_KIND_LIST:
                return *(const size_t *) (const void *) (record + f->second) == 0;
        case RECORD_KIND_VERSION:
        case RECORD_KIND_PCI:
        case RECORD_KIND_PCI_POINTER:
        case RECORD_KIND_PCI_TEXT:
        case RECORD_KIND_ID:
        case RECORD_KIND_PCI_ID:
        case RECORD_KIND_WORD:
        case RECORD_KIND_OBJECT:
        case RECORD_KIND_OWN:
                break;
        }
        return false;
}

static bool members_are_empty(const RecordTable *t, const char *record) {
        for (size_t i = 0; i < t->n; i++)
                if (!is_empty(t->fields + i, record))
                        return false;
        return true;
}

/* Those whose absence is told by a NULL are pointers. */
static bool is_left_out(const RecordField *f, const char *record) {
        return f->use == RECORD_IF_SET ? !*(void *const *) (const void *) (record + f->offset)
                                       : f->use == RECORD_IF_ANY && is_empty(f, record);
}

static void write_id(StrBuf *b, const char *member, const Uuid *vm, const char *device) {
        json_write_open(b, member, '[');
        json_write_uuid(b, NULL, vm);
        json_write_string(b, NULL, device);
        json_write_close(b, ']');
}

static void write_object(StrBuf *b, const char *member, struct json_object *o) {
        if (o)
                json_write_value(b, member, o);
        else
                json_write_text(b, member, "{}");
}

static void write_list(StrBuf *b, const RecordField *f, const void *list, size_t n) {
        json_write_open(b, f->member, '[');
        for (size_t i = 0; i < n; i++)
                record_write(f->table, item_of(f, list, i), b, NULL);
        json_write_close(b, ']');
}

static void write_field(StrBuf *b, const RecordField *f, const char *record) {
        const void *value = record + f->offset, *second = record + f->second;

        switch (f->kind) {
        case RECORD_KIND_VERSION:
                return json_write_u64(b, f->member, RECORD_VERSION);
        case RECORD_KIND_TEXT:
        case RECORD_KIND_LINES:
                return json_write_string(b, f->member, *(char *const *) value);
        case RECORD_KIND_JSON:
                return json_write_text(
                        b, f->member, isempty(*(char *const *) value) ? "{}" : *(char *const *) value);
        case RECORD_KIND_STRV:
                return json_write_strv(b, f->member, *(const char *const *const *) value);
        case RECORD_KIND_U32:
                return json_write_u64(b, f->member, *(const uint32_t *) value);
        case RECORD_KIND_U64:
        case RECORD_KIND_LIMIT:
                return json_write_u64(b, f->member, *(const uint64_t *) value);
        case RECORD_KIND_BOOL:
                return json_write_bool(b, f->member, *(const bool *) value);
        case RECORD_KIND_PROGRESS:
                return json_write_double(b, f->member, *(const double *) value);
        case RECORD_KIND_UUID:
                return json_write_uuid(b, f->member, value);
        case RECORD_KIND_TOKEN:
                return json_write_string(
                        b, f->member, uuid_is_null(value) ? "" : UUID_TEXT((const Uuid *) value));
        case RECORD_KIND_PCI:
                return json_write_pci(b, f->member, value);
        case RECORD_KIND_PCI_POINTER:
                return json_write_pci(b, f->member, *(PciAddress *const *) value);
        case RECORD_KIND_PCI_TEXT:
                return json_write_string(b, f->member, PCI_TEXT((const PciAddress *) value));
        case RECORD_KIND_ID:
                return write_id(b, f->member, value, *(char *const *) second);
        case RECORD_KIND_PCI_ID:
                return write_id(b, f->member, value, PCI_TEXT((const PciAddress *) second));
        case RECORD_KIND_WORD:
                return json_write_string(b, f->member, word_of_value(f->words, *(const int *) value));
        case RECORD_KIND_OBJECT:
        case RECORD_KIND_TEXTS:
                return write_object(b, f->member, *(struct json_object *const *) value);
        case RECORD_KIND_RECORD:
                return record_write(f->table, value, b, f->member);
        case RECORD_KIND_PART:
                return record_write_members(f->table, value, b);
        case RECORD_KIND_LIST:
                return write_list(b, f, value, *(const size_t *) second);
        case RECORD_KIND_OWN:
                return f->coder->write(value, b, f->member);
        }
}

void record_write_members(const RecordTable *t, const void *record, StrBuf *b) {
        for (size_t i = 0; i < t->n; i++)
                if (!is_left_out(t->fields + i, record))
                        write_field(b, t->fields + i, record);
}

void record_write(const RecordTable *t, const void *record, StrBuf *b, const char *member) {
        json_write_open(b, member, '{');
        record_write_members(t, record, b);
        json_write_close(b, '}');
}

int record_of_text(StrBuf *b, struct json_object **ret) {
        _cleanup_free_ char *text = strbuf_take(b);
        JsonReader r = {};

        return text ? json_parse_cleaned(&r, text, strlen(text), ret) : -ENOMEM;
}

static void free_members(const RecordTable *t, char *record);

static void free_field(const RecordField *f, char *record) {
        void *value = record + f->offset, *second = record + f->second;

        switch (f->kind) {
        case RECORD_KIND_TEXT:
        case RECORD_KIND_LINES:
        case RECORD_KIND_JSON:
        case RECORD_KIND_PCI_POINTER:
                free(*(void **) value);
                break;
        case RECORD_KIND_ID:
                free(*(char **) second);
                break;
        case RECORD_KIND_STRV:
                strv_free(*(char ***) value);
                break;
        case RECORD_KIND_OBJECT:
        case RECORD_KIND_TEXTS:
                json_object_put(*(struct json_object **) value);
                break;
        case RECORD_KIND_RECORD:
        case RECORD_KIND_PART:
                free_members(f->table, value);
                break;
        case RECORD_KIND_LIST:
                for (size_t i = 0; i < *(size_t *) second; i++)
                        free_members(f->table, item_of(f, value, i));
                free(*(void **) value);
                break;
        case RECORD_KIND_OWN:
                if (f->coder->done)
                        f->coder->done(value);
                break;
        case RECORD_KIND_VERSION:
        case RECORD_KIND_U32:
        case RECORD_KIND_U64:
        case RECORD_KIND_LIMIT:
        case RECORD_KIND_BOOL:
        case RECORD_KIND_PROGRESS:
        case RECORD_KIND_UUID:
        case RECORD_KIND_TOKEN:
        case RECORD_KIND_PCI:
        case RECORD_KIND_PCI_TEXT:
        case RECORD_KIND_PCI_ID:
        case RECORD_KIND_WORD:
                break;
        }
}

static void free_members(const RecordTable *t, char *record) {
        for (size_t i = 0; i < t->n; i++)
                free_field(t->fields + i, record);
}

void record_done(const RecordTable *t, void *record) {
        free_members(t, record);
        memset(record, 0, t->size);
}
