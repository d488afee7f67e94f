/*
 * From bytes to a document
 */

#include "common/json/json-get.h"
#include "common/json/json-private.h"

/* One tokener is kept for all documents, since making one costs as much as reading a short record. */
static struct json_tokener *tokener_take(int flags) {
        static struct json_tokener *tokener;

        if (tokener)
                json_tokener_reset(tokener);
        else
                tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (tokener)
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | flags);
        return tokener;
}

static int parse(
        JsonReader *r, const char *text, size_t size, size_t max, int flags, struct json_object **ret) {
        struct json_tokener *tokener;
        struct json_object *o;
        enum json_tokener_error error;
        size_t end;

        *r = (JsonReader){};
        if (size > max)
                return json_fail(r, NULL, "is larger than %zu bytes", max);

        tokener = tokener_take(flags);
        if (!tokener)
                return -ENOMEM;

        o = json_tokener_parse_ex(tokener, text, (int) size);
        error = json_tokener_get_error(tokener);
        /* A number at the end of the bytes is complete only when a further NUL says so. */
        if (error == json_tokener_continue) {
                o = json_tokener_parse_ex(tokener, "", 1);
                error = json_tokener_get_error(tokener);
                end = size;
        } else
                end = json_tokener_get_parse_end(tokener);

        if (error != json_tokener_success) {
                json_object_put(o);
                if (error == json_tokener_error_parse_eof && end >= size)
                        return json_fail(r, NULL, "is cut off after %zu bytes", size);
                return json_fail(r, NULL, "is not JSON: %s at byte %zu", json_tokener_error_desc(error), end);
        }
        for (; end < size; end++)
                if (!memchr(" \t\r\n", text[end], 4)) {
                        json_object_put(o);
                        return json_fail(r, NULL, "has more after its end, at byte %zu", end);
                }

        *ret = o;
        return 0;
}

int json_parse(JsonReader *r, const char *text, size_t size, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int q;

        q = parse(r, text, size, JSON_SIZE_MAX, JSON_TOKENER_VALIDATE_UTF8, &o);
        r->refuses = true;
        if (q >= 0 && !json_bytes_are_good(text, size))
                q = json_check_texts(r, o);
        if (q < 0)
                return q;

        *ret = take_ptr(o);
        return 0;
}

static int parse_cleaned(
        JsonReader *r, const char *text, size_t size, size_t max, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int q;

        q = parse(r, text, size, max, /* flags= */ 0, &o);
        if (q >= 0 && !json_bytes_are_good(text, size))
                q = json_clean_texts(o);
        if (q < 0)
                return q;

        *ret = take_ptr(o);
        return 0;
}

int json_parse_cleaned(JsonReader *r, const char *text, size_t size, struct json_object **ret) {
        return parse_cleaned(r, text, size, JSON_SIZE_MAX, ret);
}

int json_parse_answer(JsonReader *r, const char *text, size_t size, struct json_object **ret) {
        return parse_cleaned(r, text, size, JSON_ANSWER_MAX, ret);
}
