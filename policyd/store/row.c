/*
 * What rows have beyond records: references, and values that an object takes over
 */

#include "policyd/store/row.h"

#include "policyd/store/store.h"

int row_to_text(const RecordTable *t, const Uuid *id_or_null, const void *values, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_open(&b, NULL, '{');
        json_write_u64(&b, "version", STORE_SCHEMA);
        if (id_or_null)
                json_write_uuid(&b, "uuid", id_or_null);
        record_write_members(t, values, &b);
        json_write_close(&b, '}');
        return strbuf_give(&b, ret);
}

/* References */

/* A VM does without its reservation or its group, if somebody gave up their rows. It is not lost with them. */
static bool may_lack(const RowReader *row, ObjectClass c) {
        return row->all_read && (c == CLASS_RESERVATION || c == CLASS_VM_GROUP);
}

static int find_object(JsonReader *r, const RecordField *f, const Uuid *id, void **ret) {
        ObjectClass c = (ObjectClass) f->max;

        RowReader *row = CONTAINER_OF(r, RowReader, json);

        *ret = pool_get(row->pool, c, id);
        row->lacks |= !*ret;
        if (!*ret && !may_lack(row, c))
                return json_fail(r, f->member, "names %s %s, which is not in the pool", object_class_to_string(c),
                        UUID_TEXT(id));
        return 0;
}

static int parse_reference(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        bool required = f->use == RECORD_REQUIRED;
        Uuid id = UUID_NULL;
        int q;

        q = required ? json_get_uuid(r, o, f->member, &id) : json_opt_uuid(r, o, f->member, &id);
        if (q < 0 || (!required && uuid_is_null(&id)))
                return q;
        return find_object(r, f, &id, value);
}

static void write_reference(const void *value, StrBuf *b, const char *member) {
        const Object *o = *(const Object *const *) value;

        json_write_uuid(b, member, &o->id);
}

const RecordCoder row_reference = {.parse = parse_reference, .write = write_reference};

static int parse_references(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        _cleanup_(strv_freep) char **texts = NULL;
        PtrArray *objects = value;
        size_t n = 0;
        int q;

        q = json_get_strv(r, o, f->member, &texts);
        if (q < 0)
                return q;
        while (texts[n])
                n++;
        *objects = (PtrArray){.items = calloc(n + 1, sizeof(void *)), .n = n, .size = n + 1};
        if (!objects->items)
                return -ENOMEM;
        for (size_t i = 0; i < n && q == 0; i++) {
                Uuid id;

                if (uuid_from_string(texts[i], &id) < 0)
                        return json_fail(r, f->member, "holds '%s', which is no uuid", texts[i]);
                q = find_object(r, f, &id, &objects->items[i]);
        }
        return q;
}

static void write_references(const void *value, StrBuf *b, const char *member) {
        const PtrArray *objects = value;

        json_write_open(b, member, '[');
        for (size_t i = 0; i < objects->n; i++)
                json_write_uuid(b, NULL, &((const Object *) objects->items[i])->id);
        json_write_close(b, ']');
}

static void free_references(void *value) {
        free(((PtrArray *) value)->items);
}

const RecordCoder row_references = {.parse = parse_references, .write = write_references, .done = free_references};

/* Values */

static bool is_owned(RecordKind kind) {
        return kind == RECORD_KIND_TEXT || kind == RECORD_KIND_LINES || kind == RECORD_KIND_JSON || kind == RECORD_KIND_STRV;
}

static void swap_pointers(void *a, void *b) {
        void *kept;

        memcpy(&kept, a, sizeof(kept));
        memcpy(a, b, sizeof(kept));
        memcpy(b, &kept, sizeof(kept));
}

/* Owned values are swapped, so that record_done() frees the object's old ones. */
void row_take_plain(const RecordTable *t, void *object, void *values) {
        for (size_t i = 0; i < t->n; i++) {
                const RecordField *f = &t->fields[i];
                void *to = (char *) object + f->offset, *from = (char *) values + f->offset;

                /* An equal text is kept, since an index may point to it. */
                if (f->size > 0 && f->kind == RECORD_KIND_TEXT && streq_ptr(*(char **) to, *(char **) from))
                        continue;
                if (f->size > 0 && is_owned(f->kind))
                        swap_pointers(to, from);
                else
                        memcpy(to, from, f->size);
        }
}
