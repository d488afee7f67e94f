/*
 * How two JSON objects differ, for people
 */

#include "common/base/text.h"
#include "common/json/json-differences.h"
#include "common/json/json-get.h"

#define VALUE_MAX 96
#define PATH_MAX_SHOWN 160

typedef struct Differences {
        StrBuf *b;
        size_t n, n_max;
} Differences;

static bool is_secret(const char *path) {
        return strstr(path, "passw") || strstr(path, "secret");
}

static bool holds_containers(struct json_object *array) {
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                json_type type = json_object_get_type(json_object_array_get_idx(array, i));

                if (type == json_type_object || type == json_type_array)
                        return true;
        }
        return false;
}

/* What is in an object is not shown: it may be a secret. */
static void add_value(StrBuf *b, struct json_object *o) {
        if (!o)
                strbuf_add(b, "none");
        else if (json_object_is_type(o, json_type_string))
                strbuf_addf(b, "'%s'", TEXT_SHORT(json_object_get_string(o), VALUE_MAX));
        else if (json_object_is_type(o, json_type_object))
                strbuf_add(b, "{…}");
        else if (json_object_is_type(o, json_type_array) && holds_containers(o))
                strbuf_add(b, "[…]");
        else
                strbuf_add(b, TEXT_SHORT(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), VALUE_MAX));
}

static void add_difference(Differences *d, const char *path, struct json_object *before, struct json_object *after) {
        d->n++;
        if (d->n > d->n_max)
                return;
        strbuf_addf(d->b, "%s%s ", d->n > 1 ? ", " : "", path);
        if (is_secret(path)) {
                strbuf_add(d->b, "changed");
                return;
        }
        add_value(d->b, before);
        strbuf_add(d->b, " → ");
        add_value(d->b, after);
}

static void compare(Differences *d, const char *path, struct json_object *before, struct json_object *after);

static void compare_member(
        Differences *d, const char *path, const char *member, struct json_object *before, struct json_object *after) {
        _cleanup_free_ char *inner = text_printf("%s%s%s", path, *path ? "." : "", member);

        if (inner)
                compare(d, TEXT_SHORT(inner, PATH_MAX_SHOWN), before, after);
}

static void compare_elements(Differences *d, const char *path, struct json_object *before, struct json_object *after) {
        size_t n = MAX_OF(json_object_array_length(before), json_object_array_length(after));

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *inner = text_printf("%s[%zu]", path, i);

                if (inner)
                        compare(d, TEXT_SHORT(inner, PATH_MAX_SHOWN), json_object_array_get_idx(before, i),
                                json_object_array_get_idx(after, i));
        }
}

/* The depth is bounded by the parser. */
static void compare(Differences *d, const char *path, struct json_object *before, struct json_object *after) {
        struct json_object *other;

        if (json_object_equal(before, after))
                return;
        if (json_object_is_type(before, json_type_array) && json_object_is_type(after, json_type_array) &&
                (holds_containers(before) || holds_containers(after))) {
                compare_elements(d, path, before, after);
                return;
        }
        if (!json_object_is_type(before, json_type_object) || !json_object_is_type(after, json_type_object)) {
                add_difference(d, path, before, after);
                return;
        }
        json_object_object_foreach(before, member, value) {
                other = NULL;
                (void) json_object_object_get_ex(after, member, &other);
                compare_member(d, path, member, value, other);
        }
        json_object_object_foreach(after, added, new_value) {
                if (!json_object_object_get_ex(before, added, NULL))
                        compare_member(d, path, added, NULL, new_value);
        }
}

size_t json_differences(const char *before, const char *after, size_t n_max, StrBuf *b) {
        _cleanup_json_ struct json_object *old = NULL, *new = NULL;
        Differences d = {.b = b, .n_max = n_max};
        JsonReader reader = {};

        if (streq(strempty(before), strempty(after)))
                return 0;
        if (json_parse_cleaned(&reader, strempty(before), strlen(strempty(before)), &old) < 0 ||
                json_parse_cleaned(&reader, strempty(after), strlen(strempty(after)), &new) < 0)
                return 1;
        compare(&d, "", old, new);
        return d.n;
}
