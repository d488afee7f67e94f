/*
 * JSON that was written as text as a member of an object
 */

#include "policyd/service/base/json-text.h"

int json_text_add(struct json_object *o, const char *member, StrBuf *b) {
        struct json_object *value = json_object_new_array();
        char *text = strbuf_take(b);

        if (!text || !value) {
                free(text);
                json_object_put(value);
                return -ENOMEM;
        }
        json_object_set_serializer(
                value, json_object_userdata_to_json_string, text, json_object_free_userdata);
        return json_add(o, member, value);
}
