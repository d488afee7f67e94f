/*
 * JSON written as text at once
 */

#include "policyd/service/json-text.h"

void json_text_string(StrBuf *b, const char *text) {
        _cleanup_json_ struct json_object *o = NULL;
        bool plain = true;

        for (const char *c = text; *c && plain; c++)
                plain = (unsigned char) *c >= ' ' && *c != '"' && *c != '\\';
        if (plain) {
                strbuf_add(b, "\"");
                strbuf_add(b, text);
                strbuf_add(b, "\"");
                return;
        }

        o = json_object_new_string(text);
        strbuf_add(b, o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : "\"\"");
}

int json_text_add(struct json_object *o, const char *member, StrBuf *array) {
        struct json_object *value = json_object_new_array();
        char *text = strbuf_take(array);

        if (!text || !value) {
                free(text);
                json_object_put(value);
                return -ENOMEM;
        }
        json_object_set_serializer(
                value, json_object_userdata_to_json_string, text, json_object_free_userdata);
        return json_add(o, member, value);
}
