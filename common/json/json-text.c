/*
 * Checking and cleaning the texts of a JSON document
 *
 * json-c accepts any bytes as text; with its own check it still accepts noncharacters. And "\u001b" is a
 * control character in the string, although all bytes of the document are plain. So each string is checked,
 * also the names of members. Only a document that is one line of good bytes without a backslash cannot have a
 * bad string: json-c also accepts a raw newline in the name of a member.
 */

#include "common/json/json-get.h"
#include "common/json/json-private.h"
#include "common/base/text.h"

bool json_bytes_are_good(const char *text, size_t size) {
        return !memchr(text, '\\', size) && text_is_good(text, size, TEXT_LINE);
}

static int check_string(JsonReader *r, struct json_object *o) {
        char buf[TEXT_FAULT_MAX];
        const char *fault;

        fault = text_fault(
                json_object_get_string(o), (size_t) json_object_get_string_len(o), TEXT_LINES, buf);
        return fault ? json_fail(r, NULL, "%s", fault) : 0;
}

static int check_object(JsonReader *r, struct json_object *o) {
        char buf[TEXT_FAULT_MAX];
        const char *fault;

        json_object_object_foreach(o, name, value) {
                size_t mark;
                int q;

                fault = text_fault(name, strlen(name), TEXT_LINE, buf);
                if (fault)
                        return json_fail(
                                r, NULL, "has a member '%s', whose name %s", TEXT_SHORT(name, 64), fault);
                mark = json_enter(r, name);
                q = json_check_texts(r, value);
                json_leave(r, mark);
                if (q < 0)
                        return q;
        }
        return 0;
}

static int check_array(JsonReader *r, struct json_object *o) {
        size_t n = json_object_array_length(o);

        for (size_t i = 0; i < n; i++) {
                size_t mark = json_enter_index(r, i);
                int q = json_check_texts(r, json_object_array_get_idx(o, i));

                json_leave(r, mark);
                if (q < 0)
                        return q;
        }
        return 0;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
int json_check_texts(JsonReader *r, struct json_object *o) {
        if (json_object_is_type(o, json_type_string))
                return check_string(r, o);
        if (json_object_is_type(o, json_type_object))
                return check_object(r, o);
        if (json_object_is_type(o, json_type_array))
                return check_array(r, o);
        return 0;
}

static int clean_string(struct json_object *o, TextForm form, size_t max) {
        const char *text = json_object_get_string(o);
        size_t size = (size_t) json_object_get_string_len(o);
        _cleanup_free_ char *clean = NULL;

        if (size <= max && text_is_good(text, size, form))
                return 0;
        clean = text_clean(text, size, form, max);
        return clean && json_object_set_string(o, clean) ? 0 : -ENOMEM;
}

int json_hold_text(JsonReader *r, const char *member, struct json_object *value, TextForm form) {
        const char *text = json_object_get_string(value), *fault;
        size_t size = (size_t) json_object_get_string_len(value), max = form == TEXT_LINE ? JSON_TEXT_MAX : SIZE_MAX;
        char buf[TEXT_FAULT_MAX];

        if (!r->refuses)
                return clean_string(value, form, max);
        if (size > max)
                return json_fail(r, member, "has %zu bytes; %zu are the most", size, max);
        fault = text_fault(text, size, form, buf);
        return fault ? json_fail(r, member, "%s", fault) : 0;
}

static int clean_name(struct json_object *o, const char *name) {
        _cleanup_free_ char *clean = text_clean(name, strlen(name), TEXT_LINE, SIZE_MAX);
        struct json_object *value = json_object_get(json_object_object_get(o, name));

        json_object_object_del(o, name);
        if (clean && json_object_object_add(o, clean, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

/*
 * The names are collected first and changed afterwards, since an object must not change during an iteration.
 * If a cleaned name equals that of another member, it replaces that member; no record of ours has such names.
 */
static int clean_names(struct json_object *o) {
        _cleanup_(strv_freep) char **bad = calloc((size_t) json_object_object_length(o) + 1, sizeof(*bad));
        size_t n = 0;
        int q = 0;

        if (!bad)
                return -ENOMEM;
        json_object_object_foreach(o, name, value) {
                (void) value;
                if (text_is_good(name, strlen(name), TEXT_LINE))
                        continue;
                bad[n] = strdup(name);
                if (!bad[n++])
                        return -ENOMEM;
        }
        for (size_t i = 0; i < n && q >= 0; i++)
                q = clean_name(o, bad[i]);
        return q;
}

int json_clean_texts(struct json_object *o) {
        int q = 0;

        if (json_object_is_type(o, json_type_string))
                return clean_string(o, TEXT_LINES, SIZE_MAX);
        if (json_object_is_type(o, json_type_array))
                for (size_t i = 0, n = json_object_array_length(o); i < n && q >= 0; i++)
                        q = json_clean_texts(json_object_array_get_idx(o, i));
        if (!json_object_is_type(o, json_type_object))
                return q;

        q = clean_names(o);
        if (q < 0)
                return q;
        json_object_object_foreach(o, name, value) {
                (void) name;
                q = json_clean_texts(value);
                if (q < 0)
                        return q;
        }
        return 0;
}
