/*
 * Building JSON records
 *
 * json-c reports a failed allocation as NULL or -1 and leaves the value to the caller; here it is -ENOMEM and the
 * value is gone, so that a builder is a chain of calls.
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "common/json/json-write.h"

#define TEXT_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* A NULL value would be JSON's null in json-c; here it means that the caller's allocation failed. */
int json_add(struct json_object *o, const char *member, struct json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(o, member, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_string(struct json_object *o, const char *member, const char *value) {
        return json_add(o, member, json_object_new_string(strempty(value)));
}

int json_add_u64(struct json_object *o, const char *member, uint64_t value) {
        return json_add(o, member, json_object_new_uint64(value));
}

int json_add_double(struct json_object *o, const char *member, double value) {
        char text[32];

        /* json-c writes 17 digits. Nine are enough for our values, and 0.6 is written as 0.6. */
        snprintf(text, sizeof(text), "%.9g", value);
        return json_add(o, member, json_object_new_double_s(value, text));
}

int json_add_bool(struct json_object *o, const char *member, bool value) {
        return json_add(o, member, json_object_new_boolean(value));
}

int json_add_uuid(struct json_object *o, const char *member, const Uuid *value) {
        return json_add_string(o, member, UUID_TEXT(value));
}

int json_add_strv(struct json_object *o, const char *member, const char *const *v) {
        _cleanup_json_ struct json_object *array = NULL;

        array = json_object_new_array();
        if (!array)
                return -ENOMEM;

        for (; v && *v; v++) {
                struct json_object *text = json_object_new_string(*v);

                if (!text || json_object_array_add(array, text) < 0) {
                        json_object_put(text);
                        return -ENOMEM;
                }
        }

        return json_add(o, member, take_ptr(array));
}

/*
 * The text
 *
 * json-c's own serializer copies what it writes byte by byte; records are most of what the daemons send and store.
 */

static void write_object(StrBuf *b, const char *member, struct json_object *o) {
        json_write_open(b, member, '{');
        json_object_object_foreach(o, key, value)
                json_write_value(b, key, value);
        json_write_close(b, '}');
}

static void write_array(StrBuf *b, const char *member, struct json_object *array) {
        json_write_open(b, member, '[');
        for (size_t i = 0; i < json_object_array_length(array); i++)
                json_write_value(b, NULL, json_object_array_get_idx(array, i));
        json_write_close(b, ']');
}

void json_write_value(StrBuf *b, const char *member, struct json_object *value) {
        enum json_type type = json_object_get_type(value);

        /* One with a serializer of its own, and a number that keeps the digits it was read with. */
        if (type == json_type_double || (value && json_object_get_userdata(value)))
                json_write_text(b, member, strempty(json_object_to_json_string_ext(value, TEXT_FLAGS)));
        else if (type == json_type_object)
                write_object(b, member, value);
        else if (type == json_type_array)
                write_array(b, member, value);
        else if (type == json_type_string)
                json_write_chars(b, member, json_object_get_string(value),
                        (size_t) json_object_get_string_len(value));
        else if (type == json_type_int && json_object_get_int64(value) >= 0)
                json_write_u64(b, member, json_object_get_uint64(value));
        else
                json_write_text(b, member, json_object_to_json_string_ext(value, TEXT_FLAGS));
}

char *json_to_text(struct json_object *o) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_value(&b, NULL, o);
        return strbuf_take(&b);
}
