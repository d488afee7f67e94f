/*
 * Records: the table of codecs and what they share
 */

#include "policyd/store/records.h"

#include "policyd/store/store.h"

static const RecordCodec *const codecs[_CLASS_MAX] = {
        [CLASS_HOST] = &host_codec,
        [CLASS_PGPU] = &pgpu_codec,
        [CLASS_GPU_GROUP] = &group_codec,
        [CLASS_VGPU_TYPE] = &vgpu_type_codec,
        [CLASS_VM] = &vm_codec,
        [CLASS_VGPU] = &vgpu_codec,
        [CLASS_RESERVATION] = &reservation_codec,
        [CLASS_QUOTA] = &quota_codec,
        [CLASS_VM_GROUP] = &vm_group_codec,
        [CLASS_JOB] = &job_codec,
};

const RecordCodec *record_codec(ObjectClass c) {
        return codecs[c];
}

int stored_to_text(const Object *o, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_open(&b, NULL, '{');
        json_write_u64(&b, "version", STORE_SCHEMA);
        json_write_uuid(&b, "uuid", &o->id);
        record_codec(o->class)->build(o, &b);
        json_write_close(&b, '}');
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

void stored_write_reference(StrBuf *b, const char *member, const Object *o) {
        if (o)
                json_write_uuid(b, member, &o->id);
}

void stored_write_references(StrBuf *b, const char *member, const PtrArray *objects) {
        json_write_open(b, member, '[');
        for (size_t i = 0; i < objects->n; i++)
                json_write_uuid(b, NULL, &((const Object *) objects->items[i])->id);
        json_write_close(b, ']');
}

static int find_object(
        Pool *pool, JsonReader *r, const char *member, ObjectClass c, const Uuid *id, void *ret) {
        void *o;

        o = pool_get(pool, c, id);
        if (!o)
                return json_fail(r, member, "names %s %s, which is not in the pool",
                        object_class_to_string(c), UUID_TEXT(id));
        *(void **) ret = o;
        return 0;
}

int stored_get_reference(
        Pool *pool, JsonReader *r, struct json_object *record, const char *member, ObjectClass c, void *ret) {
        Uuid id;
        int q;

        q = json_get_uuid(r, record, member, &id);
        if (q < 0)
                return q;
        return find_object(pool, r, member, c, &id, ret);
}

int stored_opt_reference(
        Pool *pool, JsonReader *r, struct json_object *record, const char *member, ObjectClass c, void *ret) {
        Uuid id = UUID_NULL;
        int q;

        *(void **) ret = NULL;
        q = json_opt_uuid(r, record, member, &id);
        if (q < 0 || uuid_is_null(&id))
                return q;
        return find_object(pool, r, member, c, &id, ret);
}

int stored_get_references(Pool *pool, JsonReader *r, struct json_object *record, const char *member,
        ObjectClass c, void ***ret, size_t *ret_n) {
        _cleanup_(strv_freep) char **texts = NULL;
        _cleanup_free_ void **objects = NULL;
        size_t n = 0, i;
        int q;

        q = json_get_strv(r, record, member, &texts);
        if (q < 0)
                return q;
        while (texts[n])
                n++;
        objects = calloc(n + 1, sizeof(*objects));
        if (!objects)
                return -ENOMEM;
        for (i = 0; i < n; i++) {
                Uuid id;

                if (uuid_from_string(texts[i], &id) < 0)
                        return json_fail(r, member, "holds '%s', which is no uuid", texts[i]);
                q = find_object(pool, r, member, c, &id, &objects[i]);
                if (q < 0)
                        return q;
        }
        *ret = take_ptr(objects);
        *ret_n = n;
        return 0;
}

int stored_get_text(JsonReader *r, struct json_object *record, const char *member, char **field) {
        const char *text;
        int q;

        q = json_get_string(r, record, member, &text);
        if (q < 0)
                return q;
        q = text_set(field, text);
        return q < 0 ? q : 0;
}

int stored_get_lines(JsonReader *r, struct json_object *record, const char *member, char **field) {
        const char *text;
        int q;

        q = json_get_lines(r, record, member, &text);
        if (q < 0)
                return q;
        q = text_set(field, text);
        return q < 0 ? q : 0;
}

int stored_opt_text(JsonReader *r, struct json_object *record, const char *member, char **field) {
        const char *text = NULL;
        int q;

        q = json_opt_string(r, record, member, &text);
        if (q < 0 || !text)
                return q;
        q = text_set(field, text);
        return q < 0 ? q : 0;
}

int stored_get_word(JsonReader *r, struct json_object *record, const char *member,
        int (*from_string)(const char *), int *ret) {
        const char *text;
        int q;

        q = json_get_string(r, record, member, &text);
        if (q < 0)
                return q;
        q = from_string(text);
        if (q < 0)
                return json_fail(r, member, "is '%s', which is not known", text);
        *ret = q;
        return 0;
}
