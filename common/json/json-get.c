/*
 * Reading JSON records with the path in the error
 *
 * All getters use find_member(), which checks presence and type; they differ only in the conversion. json-c
 * keeps numbers as int64, uint64 or double: a double is refused where a whole number is asked for, since
 * rounding an identifier or a size silently would be worse.
 */

#include <strings.h>

#include "common/json/json-get.h"
#include "common/json/json-private.h"
#include "common/base/text.h"

static const char *type_words(enum json_type type) {
        switch (type) {
        case json_type_null:
                return "null";
        case json_type_boolean:
                return "true or false";
        case json_type_double:
                return "a number with a fraction";
        case json_type_int:
                return "a whole number";
        case json_type_object:
                return "an object";
        case json_type_array:
                return "an array";
        case json_type_string:
                return "a string";
        }
        return "something else";
}

static struct json_object *find_any_case(struct json_object *o, const char *member) {
        json_object_object_foreach(o, key, value) if (strcasecmp(key, member) == 0) return value;

        return NULL;
}

/* 1 and the member, 0 when it is absent or null, -EINVAL when o is no object. */
static int find_member(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret) {
        struct json_object *value = NULL;

        if (!json_object_is_type(o, json_type_object))
                return json_fail(r, NULL, "is %s, not an object", type_words(json_object_get_type(o)));
        if (!json_object_object_get_ex(o, member, &value) && r->any_case)
                value = find_any_case(o, member);
        if (!value)
                return 0;

        *ret = value;
        return 1;
}

static int find_typed(JsonReader *r, struct json_object *o, const char *member, enum json_type type,
        struct json_object **ret) {
        struct json_object *value;
        int found;

        found = find_member(r, o, member, &value);
        if (found <= 0)
                return found;
        if (!json_object_is_type(value, type))
                return json_fail(r, member, "is %s, not %s", type_words(json_object_get_type(value)),
                        type_words(type));

        *ret = value;
        return 1;
}

/* What a getter makes of "absent". */
static int require(JsonReader *r, const char *member, int found) {
        if (found == 0)
                return json_fail(r, member, "is missing");
        return found < 0 ? found : 0;
}

static int optional(int found) {
        return found < 0 ? found : 0;
}

static int find_text(
        JsonReader *r, struct json_object *o, const char *member, TextForm form, const char **ret) {
        struct json_object *value;
        int found, q;

        found = find_typed(r, o, member, json_type_string, &value);
        if (found <= 0)
                return found;
        q = json_hold_text(r, member, value, form);
        if (q < 0)
                return q;

        *ret = json_object_get_string(value);
        return 1;
}

static int find_string(JsonReader *r, struct json_object *o, const char *member, const char **ret) {
        return find_text(r, o, member, TEXT_LINE, ret);
}

static int find_lines(JsonReader *r, struct json_object *o, const char *member, const char **ret) {
        return find_text(r, o, member, TEXT_LINES, ret);
}

static int find_object(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret) {
        return find_typed(r, o, member, json_type_object, ret);
}

static int find_array(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret) {
        return find_typed(r, o, member, json_type_array, ret);
}

static int find_unsigned(JsonReader *r, struct json_object *o, const char *member, uint64_t max, uint64_t *ret) {
        struct json_object *value;
        uint64_t number;
        int found;

        found = find_typed(r, o, member, json_type_int, &value);
        if (found <= 0)
                return found;
        if (json_object_get_int64(value) < 0)
                return json_fail(r, member, "is negative");

        number = json_object_get_uint64(value);
        if (number > max)
                return json_fail(r, member, "is out of range");

        *ret = number;
        return 1;
}

static int find_u64(JsonReader *r, struct json_object *o, const char *member, uint64_t *ret) {
        return find_unsigned(r, o, member, UINT64_MAX, ret);
}

static int find_u32(JsonReader *r, struct json_object *o, const char *member, uint32_t *ret) {
        uint64_t number = 0;
        int found;

        found = find_unsigned(r, o, member, UINT32_MAX, &number);
        if (found > 0)
                *ret = (uint32_t) number;
        return found;
}

static int find_double(JsonReader *r, struct json_object *o, const char *member, double *ret) {
        struct json_object *value;
        double number;
        int found;

        found = find_member(r, o, member, &value);
        if (found <= 0)
                return found;
        if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
                return json_fail(r, member, "is %s, not a number", type_words(json_object_get_type(value)));

        /* json-c reads NaN and Infinity, which JSON does not have. */
        number = json_object_get_double(value);
        if (!__builtin_isfinite(number))
                return json_fail(r, member, "is not a finite number");

        *ret = number;
        return 1;
}

static int find_bool(JsonReader *r, struct json_object *o, const char *member, bool *ret) {
        struct json_object *value;
        int found;

        found = find_typed(r, o, member, json_type_boolean, &value);
        if (found > 0)
                *ret = json_object_get_boolean(value);
        return found;
}

static int find_uuid(JsonReader *r, struct json_object *o, const char *member, Uuid *ret) {
        const char *text;
        int found;

        found = find_string(r, o, member, &text);
        if (found <= 0)
                return found;
        if (uuid_from_string(text, ret) < 0)
                return json_fail(r, member, "is '%s', not a UUID", TEXT_SHORT(text, 64));
        return 1;
}

static int read_pci_part(
        JsonReader *r, struct json_object *o, const char *member, uint32_t max, uint32_t *ret) {
        int q;

        q = require(r, member, find_u32(r, o, member, ret));
        if (q < 0)
                return q;
        return *ret > max ? json_fail(r, member, "is %u; the highest is %u", *ret, max) : 0;
}

static int find_pci(JsonReader *r, struct json_object *o, const char *member, PciAddress *ret) {
        uint32_t domain, bus, dev, fn;
        struct json_object *value;
        int found, q;
        size_t mark;

        found = find_object(r, o, member, &value);
        if (found <= 0)
                return found;

        mark = json_enter(r, member);
        q = read_pci_part(r, value, "domain", UINT32_MAX, &domain);
        if (q >= 0)
                q = read_pci_part(r, value, "bus", 255, &bus);
        if (q >= 0)
                q = read_pci_part(r, value, "dev", 31, &dev);
        if (q >= 0)
                q = read_pci_part(r, value, "fn", 7, &fn);
        json_leave(r, mark);
        if (q < 0)
                return q;

        *ret = (PciAddress){domain, (uint8_t) bus, (uint8_t) dev, (uint8_t) fn};
        return 1;
}

static int find_pci_text(JsonReader *r, struct json_object *o, const char *member, PciAddress *ret) {
        const char *text;
        int found;

        found = find_string(r, o, member, &text);
        if (found <= 0)
                return found;
        if (pci_address_from_string(text, ret) < 0)
                return json_fail(
                        r, member, "is '%s', not a PCI address like 0000:84:00.0", TEXT_SHORT(text, 64));
        return 1;
}

#define DEFINE_GETTERS(name, T)                                                                              \
        int json_get_##name(JsonReader *r, struct json_object *o, const char *member, T *ret) {              \
                return require(r, member, find_##name(r, o, member, ret));                                   \
        }                                                                                                    \
        int json_opt_##name(JsonReader *r, struct json_object *o, const char *member, T *ret) {              \
                return optional(find_##name(r, o, member, ret));                                             \
        }

DEFINE_GETTERS(object, struct json_object *)
DEFINE_GETTERS(array, struct json_object *)
DEFINE_GETTERS(string, const char *)
DEFINE_GETTERS(lines, const char *)
DEFINE_GETTERS(u32, uint32_t)
DEFINE_GETTERS(u64, uint64_t)
DEFINE_GETTERS(double, double)
DEFINE_GETTERS(bool, bool)
DEFINE_GETTERS(uuid, Uuid)
DEFINE_GETTERS(pci, PciAddress)
DEFINE_GETTERS(pci_text, PciAddress)

struct json_object *json_at(struct json_object *o, const char *const *path) {
        for (; o && *path; path++) {
                struct json_object *value = NULL;

                (void) json_object_object_get_ex(o, *path, &value);
                o = value;
        }
        return o;
}

static int read_element(JsonReader *r, struct json_object *array, const char *member, size_t index, char **ret) {
        struct json_object *item = json_object_array_get_idx(array, index);
        size_t mark = json_enter(r, member);
        int q;

        json_enter_index(r, index);
        if (json_object_is_type(item, json_type_string))
                q = json_hold_text(r, NULL, item, TEXT_LINE);
        else
                q = json_fail(r, NULL, "is not a plain string");
        json_leave(r, mark);
        if (q < 0)
                return q;

        *ret = strdup(json_object_get_string(item));
        return *ret ? 0 : -ENOMEM;
}

static int read_strv(JsonReader *r, struct json_object *array, const char *member, char ***ret) {
        _cleanup_(strv_freep) char **v = NULL;
        size_t n = json_object_array_length(array);

        v = calloc(n + 1, sizeof(*v));
        if (!v)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                int q = read_element(r, array, member, i, &v[i]);

                if (q < 0)
                        return q;
        }

        *ret = take_ptr(v);
        return 0;
}

int json_get_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret) {
        struct json_object *array;
        int q;

        q = json_get_array(r, o, member, &array);
        return q < 0 ? q : read_strv(r, array, member, ret);
}

int json_opt_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret) {
        struct json_object *array = NULL;
        char **v = NULL;
        int q;

        q = json_opt_array(r, o, member, &array);
        if (q < 0 || !array)
                return q;
        q = read_strv(r, array, member, &v);
        if (q < 0)
                return q;

        strv_free(*ret);
        *ret = v;
        return 0;
}
