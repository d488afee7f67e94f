/*
 * What the record codecs share
 */

#include "common/base/text.h"
#include "protocol/names.h"
#include "protocol/record.h"

int record_get_text(JsonReader *r, struct json_object *o, const char *member, char **ret) {
        const char *text;
        char *copy;
        int q;

        q = json_get_string(r, o, member, &text);
        if (q < 0)
                return q;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int record_opt_text(JsonReader *r, struct json_object *o, const char *member, const char *fallback, char **ret) {
        const char *text = fallback;
        char *copy = NULL;
        int q;

        q = json_opt_string(r, o, member, &text);
        if (q < 0)
                return q;

        if (text) {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int record_opt_lines(JsonReader *r, struct json_object *o, const char *member, char **ret) {
        const char *text = "";
        int q;

        q = json_opt_lines(r, o, member, &text);
        if (q < 0)
                return q;

        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

int record_opt_progress(JsonReader *r, struct json_object *o, double *ret) {
        double progress = 0;
        int q;

        q = json_opt_double(r, o, "progress", &progress);
        if (q < 0)
                return q;
        if (progress < 0 || progress > 1)
                return json_fail(r, "progress", "is %g, not from 0 to 1", progress);

        *ret = progress;
        return 0;
}

int record_opt_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret) {
        _cleanup_(strv_freep) char **v = NULL;
        int q;

        q = json_opt_strv(r, o, member, &v);
        if (q < 0)
                return q;
        if (!v) {
                v = calloc(1, sizeof(*v));
                if (!v)
                        return -ENOMEM;
        }

        *ret = take_ptr(v);
        return 0;
}

int record_opt_text_object(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret) {
        struct json_object *value = NULL;
        int q;

        q = json_opt_object(r, o, member, &value);
        if (q < 0)
                return q;
        if (!value) {
                value = json_object_new_object();
                if (!value)
                        return -ENOMEM;
                *ret = value;
                return 0;
        }

        json_object_object_foreach(value, key, item) {
                const char *text;
                size_t mark = json_enter(r, member);

                (void) item;
                q = json_get_lines(r, value, key, &text);
                json_leave(r, mark);
                if (q < 0)
                        return q;
        }

        *ret = json_object_get(value);
        return 0;
}

int record_check_version(JsonReader *r, struct json_object *o) {
        uint32_t version = RECORD_VERSION;
        int q;

        q = json_opt_u32(r, o, "version", &version);
        if (q < 0)
                return q;
        if (version != RECORD_VERSION)
                return json_fail(r, "version", "is %u; this program reads version %u", version, RECORD_VERSION);
        return 0;
}

static const char *plain_text(struct json_object *o) {
        return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

int record_get_id(JsonReader *r, struct json_object *o, const char *member, Uuid *ret_vm, const char **ret_device) {
        struct json_object *id;
        const char *text, *device;
        int q;

        q = json_get_array(r, o, member, &id);
        if (q < 0)
                return q;

        text = plain_text(json_object_array_get_idx(id, 0));
        device = plain_text(json_object_array_get_idx(id, 1));
        if (json_object_array_length(id) != 2 || !text || !device)
                return json_fail(r, member, "is not an array of the VM's UUID and the device, both strings");

        if (uuid_from_string(text, ret_vm) < 0) {
                size_t mark = json_enter(r, member);

                json_enter_index(r, 0);
                json_fail(r, NULL, "is '%s', not a UUID", TEXT_SHORT(text, 64));
                json_leave(r, mark);
                return -EINVAL;
        }

        *ret_device = device;
        return 0;
}

int record_add_id(struct json_object *o, const char *member, const Uuid *vm, const char *device) {
        const char *const id[] = { UUID_TEXT(vm), strempty(device), NULL };

        return json_add_strv(o, member, id);
}

int record_opt_list(JsonReader *r, struct json_object *o, const char *member, size_t max, size_t item_size,
        RecordParser parse, void **ret, size_t *ret_n) {
        struct json_object *array = NULL;
        size_t n, mark;
        char *items;
        int q;

        q = json_opt_array(r, o, member, &array);
        if (q < 0 || !array)
                return q;
        n = json_object_array_length(array);
        if (n > max)
                return json_fail(r, member, "has %zu elements; the limit is %zu", n, max);
        if (n == 0)
                return 0;

        items = calloc(n, item_size);
        if (!items)
                return -ENOMEM;
        *ret = items;

        mark = json_enter(r, member);
        for (size_t i = 0; i < n && q >= 0; i++) {
                size_t inner = json_enter_index(r, i);

                q = parse(r, json_object_array_get_idx(array, i), items + i * item_size);
                json_leave(r, inner);
                if (q >= 0)
                        (*ret_n)++;
        }
        json_leave(r, mark);
        return q < 0 ? q : 0;
}

void record_write_id(StrBuf *b, const char *member, const Uuid *vm, const char *device) {
        json_write_open(b, member, '[');
        json_write_uuid(b, NULL, vm);
        json_write_string(b, NULL, device);
        json_write_close(b, ']');
}

int record_of_text(StrBuf *b, struct json_object **ret) {
        _cleanup_free_ char *text = strbuf_take(b);
        JsonReader r = {};

        return text ? json_parse_cleaned(&r, text, strlen(text), ret) : -ENOMEM;
}

int record_add_list(struct json_object *o, const char *member, const void *items, size_t n, size_t item_size,
        RecordBuilder build) {
        _cleanup_json_ struct json_object *array = NULL;
        const char *item = items;

        array = json_object_new_array();
        if (!array)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                struct json_object *element;
                int r;

                r = build(item + i * item_size, &element);
                if (r < 0)
                        return r;
                if (json_object_array_add(array, element) < 0) {
                        json_object_put(element);
                        return -ENOMEM;
                }
        }

        return json_add(o, member, take_ptr(array));
}
