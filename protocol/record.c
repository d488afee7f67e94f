/*
 * Reading a record by its table
 */

#include "common/base/parse.h"
#include "common/base/text.h"
#include "protocol/names.h"
#include "protocol/record.h"

static int parse_version(JsonReader *r, struct json_object *o, const char *member) {
        uint32_t version = RECORD_VERSION;
        int q;

        q = json_opt_u32(r, o, member, &version);
        if (q < 0)
                return q;
        if (version != RECORD_VERSION)
                return json_fail(r, member, "is %u; this program reads version %u", version, RECORD_VERSION);
        return 0;
}

/* The member by the json_get_ or the json_opt_ function of its type. */
#define READ(type, ret)                                                                                      \
        (f->use == RECORD_REQUIRED ? json_get_##type(r, o, f->member, ret)                                   \
                                   : json_opt_##type(r, o, f->member, ret))

static int parse_text(JsonReader *r, struct json_object *o, const RecordField *f, char **ret) {
        const char *text = f->use == RECORD_IF_SET ? NULL : "";
        char *copy;
        int q;

        q = f->kind == RECORD_KIND_LINES ? READ(lines, &text) : READ(string, &text);
        if (q < 0 || !text)
                return q;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        *ret = copy;
        return 0;
}

static int parse_strv(JsonReader *r, struct json_object *o, const RecordField *f, char ***ret) {
        int q;

        q = READ(strv, ret);
        if (q < 0 || *ret || f->use == RECORD_IF_SET)
                return q;
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

static int parse_progress(JsonReader *r, struct json_object *o, const RecordField *f, double *ret) {
        double progress = 0;
        int q;

        q = READ(double, &progress);
        if (q < 0)
                return q;
        if (progress < 0 || progress > 1)
                return json_fail(r, f->member, "is %g, not from 0 to 1", progress);

        *ret = progress;
        return 0;
}

static int parse_token(JsonReader *r, struct json_object *o, const RecordField *f, Uuid *ret) {
        const char *token = "";
        int q;

        q = READ(string, &token);
        return q < 0 || isempty(token) ? q : json_get_uuid(r, o, f->member, ret);
}

static int parse_pci_pointer(JsonReader *r, struct json_object *o, const RecordField *f, PciAddress **ret) {
        struct json_object *object = NULL;
        int q;

        q = READ(object, &object);
        if (q < 0 || !object)
                return q;
        *ret = calloc(1, sizeof(**ret));
        return *ret ? json_get_pci(r, o, f->member, *ret) : -ENOMEM;
}

static const char *plain_text(struct json_object *o) {
        return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

static int parse_id(
        JsonReader *r, struct json_object *o, const RecordField *f, Uuid *ret_vm, const char **ret_device) {
        const char *text, *device;
        struct json_object *id;
        uint32_t number;
        int q;

        q = json_get_array(r, o, f->member, &id);
        if (q < 0)
                return q;

        text = plain_text(json_object_array_get_idx(id, 0));
        device = plain_text(json_object_array_get_idx(id, 1));
        if (json_object_array_length(id) != 2 || !text || !device)
                return json_fail(
                        r, f->member, "is not an array of the VM's UUID and the device, both strings");

        if (uuid_from_string(text, ret_vm) < 0)
                return json_fail(r, "id[0]", "is '%s', not a UUID", TEXT_SHORT(text, 64));
        if (f->max > 0 && (parse_u32(device, &number) < 0 || number > f->max))
                return json_fail(
                        r, "id[1]", "is '%s', not a device from 0 to %zu", TEXT_SHORT(device, 64), f->max);

        *ret_device = device;
        return 0;
}

static int parse_vgpu_id(
        JsonReader *r, struct json_object *o, const RecordField *f, Uuid *ret_vm, char **ret_device) {
        const char *device;
        int q;

        q = parse_id(r, o, f, ret_vm, &device);
        if (q < 0)
                return q;
        *ret_device = strdup(device);
        return *ret_device ? 0 : -ENOMEM;
}

int record_read_word(JsonReader *r, const char *member, const WordTable *words, const char *text, int *ret) {
        _cleanup_strbuf_ StrBuf known = {};
        int value = word_to_value(words, text);

        if (value >= 0) {
                *ret = value;
                return 0;
        }
        for (int i = 0; i < words->n; i++)
                strbuf_addf(&known, "%s%s", i == 0 ? "" : i + 1 < words->n ? ", " : " or ", words->words[i]);
        if (strbuf_error(&known) < 0)
                return -ENOMEM;
        return json_fail(r, member, "is '%s', not %s", TEXT_SHORT(text, 64), known.text);
}

static int parse_word(JsonReader *r, struct json_object *o, const RecordField *f, int *ret) {
        const char *text = NULL;
        int q;

        q = READ(string, &text);
        return q < 0 || !text ? q : record_read_word(r, f->member, f->words, text, ret);
}

static int parse_object(
        JsonReader *r, struct json_object *o, const RecordField *f, struct json_object **ret) {
        struct json_object *value = NULL;
        int q;

        q = READ(object, &value);
        if (q >= 0)
                *ret = json_object_get(value);
        return q;
}

static int parse_json(JsonReader *r, struct json_object *o, const RecordField *f, char **ret) {
        struct json_object *value = NULL;
        int q;

        q = READ(object, &value);
        if (q < 0 || !value)
                return q;
        *ret = json_to_text(value);
        return *ret ? 0 : -ENOMEM;
}

static int parse_limit(JsonReader *r, struct json_object *o, const RecordField *f, uint64_t *ret) {
        *ret = UINT64_MAX;
        return READ(u64, ret);
}

static int parse_texts(JsonReader *r, struct json_object *o, const RecordField *f, struct json_object **ret) {
        int q;

        q = parse_object(r, o, f, ret);
        if (q < 0)
                return q;
        if (!*ret) {
                *ret = json_object_new_object();
                return *ret ? 0 : -ENOMEM;
        }

        json_object_object_foreach(*ret, key, item) {
                size_t mark = json_enter(r, f->member);
                const char *text;

                (void) item;
                q = json_get_lines(r, *ret, key, &text);
                json_leave(r, mark);
                if (q < 0)
                        return q;
        }
        return 0;
}

static int parse_record(JsonReader *r, struct json_object *o, const RecordField *f, void *record) {
        struct json_object *inner = NULL;
        size_t mark;
        int q;

        q = READ(object, &inner);
        if (q < 0 || !inner)
                return q;

        mark = json_enter(r, f->member);
        q = record_parse_members(f->table, r, inner, record);
        json_leave(r, mark);
        return q;
}

/* Only elements that were read count, so that the rest need no freeing. */
static int parse_list(JsonReader *r, struct json_object *o, const RecordField *f, void **ret, size_t *ret_n) {
        struct json_object *array = NULL;
        size_t n, mark;
        char *items;
        int q;

        q = READ(array, &array);
        if (q < 0 || !array)
                return q;
        n = json_object_array_length(array);
        if (n > f->max)
                return json_fail(r, f->member, "has %zu elements; the limit is %zu", n, f->max);
        if (n == 0)
                return 0;

        items = calloc(n, f->table->size);
        if (!items)
                return -ENOMEM;
        *ret = items;

        mark = json_enter(r, f->member);
        for (size_t i = 0; i < n && q >= 0; i++) {
                size_t inner = json_enter_index(r, i);

                q = record_parse(
                        f->table, r, json_object_array_get_idx(array, i), items + i * f->table->size);
                json_leave(r, inner);
                if (q >= 0)
                        (*ret_n)++;
        }
        json_leave(r, mark);
        return q;
}

static int parse_field(JsonReader *r, struct json_object *o, const RecordField *f, char *record) {
        void *value = record + f->offset, *second = record + f->second;
        const char *device;

        switch (f->kind) {
        case RECORD_KIND_VERSION:
                return parse_version(r, o, f->member);
        case RECORD_KIND_TEXT:
        case RECORD_KIND_LINES:
                return parse_text(r, o, f, value);
        case RECORD_KIND_JSON:
                return parse_json(r, o, f, value);
        case RECORD_KIND_STRV:
                return parse_strv(r, o, f, value);
        case RECORD_KIND_U32:
                return READ(u32, value);
        case RECORD_KIND_U64:
                return READ(u64, value);
        case RECORD_KIND_LIMIT:
                return parse_limit(r, o, f, value);
        case RECORD_KIND_BOOL:
                return READ(bool, value);
        case RECORD_KIND_PROGRESS:
                return parse_progress(r, o, f, value);
        case RECORD_KIND_UUID:
                return READ(uuid, value);
        case RECORD_KIND_TOKEN:
                return parse_token(r, o, f, value);
        case RECORD_KIND_PCI:
                return READ(pci, value);
        case RECORD_KIND_PCI_POINTER:
                return parse_pci_pointer(r, o, f, value);
        case RECORD_KIND_PCI_TEXT:
                return READ(pci_text, value);
        case RECORD_KIND_ID:
                return parse_vgpu_id(r, o, f, value, second);
        case RECORD_KIND_PCI_ID:
                return parse_id(r, o, f, value, &device);
        case RECORD_KIND_WORD:
                return parse_word(r, o, f, value);
        case RECORD_KIND_OBJECT:
                return parse_object(r, o, f, value);
        case RECORD_KIND_TEXTS:
                return parse_texts(r, o, f, value);
        case RECORD_KIND_RECORD:
                return parse_record(r, o, f, value);
        case RECORD_KIND_PART:
                return record_parse_members(f->table, r, o, value);
        case RECORD_KIND_LIST:
                return parse_list(r, o, f, value, second);
        case RECORD_KIND_OWN:
                return f->coder->parse(r, o, f, value);
        }
        return -EINVAL;
}

int record_parse_members(const RecordTable *t, JsonReader *r, struct json_object *o, void *record) {
        bool any_case = r->any_case;
        int q = 0;

        if (t->defaults)
                memcpy(record, t->defaults, t->size);
        r->any_case = any_case || t->any_case;
        for (size_t i = 0; i < t->n && q >= 0; i++)
                q = parse_field(r, o, t->fields + i, record);
        if (q >= 0 && t->check)
                q = t->check(r, record);
        r->any_case = any_case;
        return q < 0 ? q : 0;
}

int record_parse(const RecordTable *t, JsonReader *r, struct json_object *o, void *ret) {
        int q;

        memset(ret, 0, t->size);
        q = record_parse_members(t, r, o, ret);
        if (q < 0)
                record_done(t, ret);
        return q;
}
