/*
 * The fields of a row, written and read
 */

#include "policyd/store/row.h"

#include "policyd/store/store.h"

/* Written by json_to_text(): to read it again for each change of an object would cost more than all the rest. */
static void write_json(StrBuf *b, const char *member, const char *text) {
        json_write_text(b, member, isempty(text) ? "{}" : text);
}

static void write_references(StrBuf *b, const char *member, const PtrArray *objects) {
        json_write_open(b, member, '[');
        for (size_t i = 0; i < objects->n; i++)
                json_write_uuid(b, NULL, &((const Object *) objects->items[i])->id);
        json_write_close(b, ']');
}

static void write_field(StrBuf *b, const RowField *f, const void *value) {
        switch (f->type) {
        case ROW_TEXT:
        case ROW_LINES:
        case ROW_OWNER:
                json_write_string(b, f->member, *(const char *const *) value);
                return;
        case ROW_JSON:
                write_json(b, f->member, *(const char *const *) value);
                return;
        case ROW_TEXTS:
                json_write_strv(b, f->member, *(const char *const *const *) value);
                return;
        case ROW_BOOL:
                json_write_bool(b, f->member, *(const bool *) value);
                return;
        case ROW_U32:
                json_write_u64(b, f->member, *(const uint32_t *) value);
                return;
        case ROW_U64:
        case ROW_LIMIT:
                json_write_u64(b, f->member, *(const uint64_t *) value);
                return;
        case ROW_FRACTION:
                json_write_double(b, f->member, *(const double *) value);
                return;
        case ROW_UUID:
                json_write_uuid(b, f->member, value);
                return;
        case ROW_PCI:
                json_write_string(b, f->member, PCI_TEXT((const PciAddress *) value));
                return;
        case ROW_ENUM:
                json_write_string(b, f->member, f->word(value));
                return;
        case ROW_REFERENCE:
                json_write_uuid(b, f->member, &(*(const Object *const *) value)->id);
                return;
        case ROW_REFERENCES:
                write_references(b, f->member, value);
                return;
        case ROW_BY_HAND:
                return;
        }
}

static bool is_nothing(const RowField *f, const void *value) {
        static const char zeros[sizeof(PtrArray)];

        if (f->type == ROW_LIMIT)
                return *(const uint64_t *) value == UINT64_MAX;
        return memcmp(value, zeros, f->size) == 0;
}

void row_write_fields(StrBuf *b, const RowField *fields, const void *values) {
        for (const RowField *f = fields; f->member; f++) {
                const void *value = (const char *) values + f->offset;

                if (f->type == ROW_BY_HAND)
                        f->write(b, f->member, values);
                else if (f->presence != ROW_UNLESS_NOTHING || !is_nothing(f, value))
                        write_field(b, f, value);
        }
}

int row_to_text(const RowField *fields, const Uuid *id_or_null, const void *values, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_open(&b, NULL, '{');
        json_write_u64(&b, "version", STORE_SCHEMA);
        if (id_or_null)
                json_write_uuid(&b, "uuid", id_or_null);
        row_write_fields(&b, fields, values);
        json_write_close(&b, '}');
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

/* Reading */

int row_find_object(RowReader *row, const char *member, ObjectClass c, const Uuid *id, void *ret) {
        void *o = pool_get(row->pool, c, id);

        if (!o)
                return json_fail(row->json, member, "names %s %s, which is not in the pool",
                        object_class_to_string(c), UUID_TEXT(id));
        *(void **) ret = o;
        return 0;
}

static int read_reference(RowReader *row, const RowField *f, void *ret) {
        Uuid id;
        int q;

        q = json_get_uuid(row->json, row->record, f->member, &id);
        if (q < 0 || (f->presence == ROW_UNLESS_NOTHING && uuid_is_null(&id)))
                return q;
        return row_find_object(row, f->member, f->class, &id, ret);
}

static int read_references(RowReader *row, const RowField *f, PtrArray *ret) {
        _cleanup_(strv_freep) char **texts = NULL;
        size_t n = 0;
        int q;

        q = json_get_strv(row->json, row->record, f->member, &texts);
        if (q < 0)
                return q;
        while (texts[n])
                n++;
        *ret = (PtrArray){.items = calloc(n + 1, sizeof(void *)), .n = n, .size = n + 1};
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; i < n && q == 0; i++) {
                Uuid id;

                if (uuid_from_string(texts[i], &id) < 0)
                        return json_fail(row->json, f->member, "holds '%s', which is no uuid", texts[i]);
                q = row_find_object(row, f->member, f->class, &id, &ret->items[i]);
        }
        return q;
}

static int read_text(RowReader *row, const RowField *f, char **ret) {
        const char *text;
        int q;

        q = f->type == ROW_LINES ? json_get_lines(row->json, row->record, f->member, &text)
                                 : json_get_string(row->json, row->record, f->member, &text);
        if (q < 0)
                return q;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int read_json(RowReader *row, const char *member, char **ret) {
        struct json_object *o;
        int q;

        q = json_get_object(row->json, row->record, member, &o);
        if (q < 0)
                return q;
        *ret = json_to_text(o);
        return *ret ? 0 : -ENOMEM;
}

static int read_word(RowReader *row, const RowField *f, int *ret) {
        const char *text;
        int q;

        q = json_get_string(row->json, row->record, f->member, &text);
        if (q < 0)
                return q;
        q = f->from_word(text);
        if (q < 0)
                return json_fail(row->json, f->member, "is '%s', which is not known", text);
        *ret = q;
        return 0;
}

/* What a progress is worth is not worth a row. */
static int read_fraction(RowReader *row, const char *member, double *ret) {
        struct json_object *o = NULL;
        double fraction;

        (void) json_object_object_get_ex(row->record, member, &o);
        fraction = json_object_get_double(o);
        *ret = fraction >= 0 && fraction <= 1 ? fraction : 0;
        return 0;
}

static int read_field(RowReader *row, const RowField *f, void *value) {
        switch (f->type) {
        case ROW_TEXT:
        case ROW_LINES:
        case ROW_OWNER:
                return read_text(row, f, value);
        case ROW_JSON:
                return read_json(row, f->member, value);
        case ROW_TEXTS:
                return json_get_strv(row->json, row->record, f->member, value);
        case ROW_BOOL:
                return json_get_bool(row->json, row->record, f->member, value);
        case ROW_U32:
                return json_get_u32(row->json, row->record, f->member, value);
        case ROW_U64:
        case ROW_LIMIT:
                return json_get_u64(row->json, row->record, f->member, value);
        case ROW_FRACTION:
                return read_fraction(row, f->member, value);
        case ROW_UUID:
                return json_get_uuid(row->json, row->record, f->member, value);
        case ROW_PCI:
                return json_get_pci_text(row->json, row->record, f->member, value);
        case ROW_ENUM:
                return read_word(row, f, value);
        case ROW_REFERENCE:
                return read_reference(row, f, value);
        case ROW_REFERENCES:
                return read_references(row, f, value);
        case ROW_BY_HAND:
                return 0;
        }
        return -EINVAL;
}

int row_read_list(RowReader *row, const char *member, size_t max, RowItemReader read, void *object) {
        struct json_object *array = NULL;
        RowReader item = *row;
        size_t n, mark;
        int q;

        q = json_get_array(row->json, row->record, member, &array);
        if (q < 0)
                return q;
        n = json_object_array_length(array);
        if (n > max)
                return json_fail(row->json, member, "has %zu elements; the limit is %zu", n, max);
        mark = json_enter(row->json, member);
        for (size_t i = 0; i < n && q == 0; i++) {
                size_t inner = json_enter_index(row->json, i);

                item.record = json_object_array_get_idx(array, i);
                q = read(&item, i, object);
                json_leave(row->json, inner);
        }
        json_leave(row->json, mark);
        return q;
}

static bool is_absent(RowReader *row, const RowField *f) {
        struct json_object *o = NULL;

        return f->presence != ROW_ALWAYS && (!json_object_object_get_ex(row->record, f->member, &o) || !o);
}

int row_read_fields(RowReader *row, const RowField *fields, void *values) {
        int q = 0;

        for (const RowField *f = fields; f->member && q == 0; f++) {
                void *value = (char *) values + f->offset;

                if (!is_absent(row, f))
                        q = read_field(row, f, value);
                else if (f->type == ROW_LIMIT)
                        *(uint64_t *) value = UINT64_MAX;
        }
        return q;
}

int row_read_by_hand(RowReader *row, const RowField *fields, void *object) {
        int q = 0;

        for (const RowField *f = fields; f->member && q == 0; f++)
                if (f->type == ROW_BY_HAND && !is_absent(row, f))
                        q = f->read(row, f->member, object);
        return q;
}

static void swap_pointers(void *a, void *b) {
        void *kept;

        memcpy(&kept, a, sizeof(kept));
        memcpy(a, b, sizeof(kept));
        memcpy(b, &kept, sizeof(kept));
}

/* Texts go from one to the other, for row_free_fields() to free what the object had. */
void row_take_plain(const RowField *fields, void *object, void *values) {
        for (const RowField *f = fields; f->member; f++) {
                void *to = (char *) object + f->offset, *from = (char *) values + f->offset;

                /* Indexes may point to a text that is the same. */
                if (f->type >= ROW_OWNER || (f->type == ROW_TEXT && streq_ptr(*(char **) to, *(char **) from)))
                        continue;
                if (f->type <= ROW_TEXTS)
                        swap_pointers(to, from);
                else
                        memcpy(to, from, f->size);
        }
}

void row_free_fields(const RowField *fields, void *values) {
        for (const RowField *f = fields; f->member; f++) {
                void *value = (char *) values + f->offset;

                if (f->type == ROW_TEXT || f->type == ROW_LINES || f->type == ROW_JSON || f->type == ROW_OWNER)
                        free(*(char **) value);
                else if (f->type == ROW_TEXTS)
                        strv_free(*(char ***) value);
                else if (f->type == ROW_REFERENCES)
                        free(((PtrArray *) value)->items);
        }
}
