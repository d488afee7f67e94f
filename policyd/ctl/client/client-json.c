/*
 * D-Bus messages as JSON
 *
 * libdbus has checked types and nesting (at most 32 deep) before we see a message, so recursion is bounded.
 */

#include "common/base/text.h"
#include "policyd/ctl/client/client-json.h"

static struct json_object *value_to_json(DBusMessageIter *it);

/* Texts of another program are cleaned before anything prints them. Newline and tab stay; lists escape them. */
static struct json_object *text_to_json(const char *text) {
        _cleanup_free_ char *clean = NULL;

        if (text_is_good(text, strlen(text), TEXT_LINES))
                return json_object_new_string(text);
        clean = text_clean(text, strlen(text), TEXT_LINES, SIZE_MAX);
        return clean ? json_object_new_string(clean) : NULL;
}

static struct json_object *basic_to_json(DBusMessageIter *it, int type) {
        DBusBasicValue v = {};

        dbus_message_iter_get_basic(it, &v);
        switch (type) {
        case DBUS_TYPE_STRING:
        case DBUS_TYPE_OBJECT_PATH:
        case DBUS_TYPE_SIGNATURE:
                return text_to_json(v.str);
        case DBUS_TYPE_BOOLEAN:
                return json_object_new_boolean(v.bool_val);
        case DBUS_TYPE_DOUBLE:
                return json_object_new_double(v.dbl);
        case DBUS_TYPE_BYTE:
                return json_object_new_uint64(v.byt);
        case DBUS_TYPE_UINT16:
                return json_object_new_uint64(v.u16);
        case DBUS_TYPE_UINT32:
                return json_object_new_uint64(v.u32);
        case DBUS_TYPE_UINT64:
                return json_object_new_uint64(v.u64);
        case DBUS_TYPE_INT16:
                return json_object_new_int64(v.i16);
        case DBUS_TYPE_INT32:
                return json_object_new_int64(v.i32);
        case DBUS_TYPE_INT64:
                return json_object_new_int64(v.i64);
        default: /* a file descriptor means nothing in text */
                return json_object_new_string("");
        }
}

static struct json_object *dict_to_json(DBusMessageIter *array) {
        struct json_object *o = json_object_new_object();

        for (; o && dbus_message_iter_get_arg_type(array) == DBUS_TYPE_DICT_ENTRY;
                dbus_message_iter_next(array)) {
                struct json_object *key, *value;
                DBusMessageIter entry;

                dbus_message_iter_recurse(array, &entry);
                key = value_to_json(&entry);
                dbus_message_iter_next(&entry);
                value = value_to_json(&entry);
                json_object_object_add(o, json_object_get_string(key), value);
                json_object_put(key);
        }
        return o;
}

static struct json_object *sequence_to_json(DBusMessageIter *it) {
        struct json_object *o = json_object_new_array();

        for (; o && dbus_message_iter_get_arg_type(it) != DBUS_TYPE_INVALID; dbus_message_iter_next(it))
                json_object_array_add(o, value_to_json(it));
        return o;
}

static struct json_object *value_to_json(DBusMessageIter *it) {
        int type = dbus_message_iter_get_arg_type(it);
        DBusMessageIter sub;

        switch (type) {
        case DBUS_TYPE_VARIANT:
                dbus_message_iter_recurse(it, &sub);
                return value_to_json(&sub);
        case DBUS_TYPE_ARRAY:
                dbus_message_iter_recurse(it, &sub);
                return dbus_message_iter_get_element_type(it) == DBUS_TYPE_DICT_ENTRY
                               ? dict_to_json(&sub)
                               : sequence_to_json(&sub);
        case DBUS_TYPE_STRUCT:
                dbus_message_iter_recurse(it, &sub);
                return sequence_to_json(&sub);
        default:
                return basic_to_json(it, type);
        }
}

int client_message_args_to_json(DBusMessage *m, struct json_object **ret) {
        struct json_object *o;
        DBusMessageIter it;

        if (dbus_message_iter_init(m, &it))
                o = sequence_to_json(&it);
        else
                o = json_object_new_array();
        if (!o)
                return -ENOMEM;
        *ret = o;
        return 0;
}

int client_message_to_json(DBusMessage *m, struct json_object **ret) {
        struct json_object *args, *only;
        int r;

        r = client_message_args_to_json(m, &args);
        if (r < 0)
                return r;
        if (json_object_array_length(args) > 1) {
                *ret = args;
                return 0;
        }
        only = json_object_array_length(args) == 1 ? json_object_get(json_object_array_get_idx(args, 0))
                                                   : NULL;
        json_object_put(args);
        *ret = only;
        return 0;
}
