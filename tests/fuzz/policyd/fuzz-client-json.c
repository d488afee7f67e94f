/*
 * D-Bus messages as JSON: arguments of any type give a text that is read again
 *
 * The first byte chooses a signature, the others its values.
 */

#include "common/json/json-get.h"
#include "policyd/ctl/client/client-json.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 256
#define DEPTH_MAX 24

typedef struct Bytes {
        const uint8_t *at;
        size_t left;
        unsigned depth; /* of variants: libdbus lets no message through that is nested deeply */
} Bytes;

static uint8_t take(Bytes *b) {
        if (b->left == 0)
                return 0;
        b->left--;
        return *b->at++;
}

static const char *const signatures[] = {"s", "o", "u", "t", "b", "y", "n", "q", "i", "x", "d", "g", "as", "ao", "at", "ad", "a{sv}",
        "a{ss}", "a{ts}", "a{oa{sa{sv}}}", "(ss)", "a(sso)", "oa{sa{sv}}", "sa{sv}as", "v", "av", "aas", "", "ss", "(v(v))"};

static void add(DBusMessageIter *it, DBusSignatureIter *of, Bytes *b);

static void add_text(DBusMessageIter *it, int type, Bytes *b) {
        size_t size = take(b), n = MIN_OF(size, b->left);
        char text[TEXT_MAX];
        const char *value = text;

        memcpy(text, b->at, n);
        text[n] = '\0';
        b->at += n;
        b->left -= n;
        if (type == DBUS_TYPE_OBJECT_PATH)
                value = dbus_validate_path(text, NULL) ? text : "/";
        else if (type == DBUS_TYPE_SIGNATURE)
                value = dbus_signature_validate(text, NULL) ? text : "s";
        else if (!dbus_validate_utf8(text, NULL))
                value = "";
        if (!dbus_message_iter_append_basic(it, type, &value))
                abort();
}

static void add_number(DBusMessageIter *it, int type, Bytes *b) {
        DBusBasicValue value = {};

        for (size_t i = 0; i < sizeof(value.u64); i++)
                value.bytes[i] = take(b);
        if (type == DBUS_TYPE_BOOLEAN)
                value.bool_val = value.bool_val & 1;
        if (!dbus_message_iter_append_basic(it, type, &value))
                abort();
}

static void add_variant(DBusMessageIter *it, Bytes *b) {
        static const char *const inside[] = {"s", "u", "t", "b", "d", "as", "a{sv}", "v", "o", "(su)", "x"};
        const char *signature = b->depth < DEPTH_MAX ? inside[take(b) % ARRAY_SIZE(inside)] : "s";
        DBusSignatureIter of;
        DBusMessageIter sub;

        b->depth++;
        dbus_signature_iter_init(&of, signature);
        if (!dbus_message_iter_open_container(it, DBUS_TYPE_VARIANT, signature, &sub))
                abort();
        add(&sub, &of, b);
        dbus_message_iter_close_container(it, &sub);
        b->depth--;
}

static void add_array(DBusMessageIter *it, DBusSignatureIter *array, Bytes *b) {
        DBusSignatureIter of;
        DBusMessageIter sub;
        char *signature;

        dbus_signature_iter_recurse(array, &of);
        signature = dbus_signature_iter_get_signature(&of);
        if (!signature || !dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, signature, &sub))
                abort();
        for (unsigned n = take(b) % 5; n > 0; n--)
                add(&sub, &of, b);
        dbus_message_iter_close_container(it, &sub);
        dbus_free(signature);
}

static void add_struct(DBusMessageIter *it, int type, DBusSignatureIter *outer, Bytes *b) {
        DBusSignatureIter of;
        DBusMessageIter sub;

        dbus_signature_iter_recurse(outer, &of);
        if (!dbus_message_iter_open_container(it, type, NULL, &sub))
                abort();
        do
                add(&sub, &of, b);
        while (dbus_signature_iter_next(&of));
        dbus_message_iter_close_container(it, &sub);
}

static void add(DBusMessageIter *it, DBusSignatureIter *of, Bytes *b) {
        int type = dbus_signature_iter_get_current_type(of);

        switch (type) {
        case DBUS_TYPE_VARIANT:
                add_variant(it, b);
                break;
        case DBUS_TYPE_ARRAY:
                add_array(it, of, b);
                break;
        case DBUS_TYPE_STRUCT:
        case DBUS_TYPE_DICT_ENTRY:
                add_struct(it, type, of, b);
                break;
        case DBUS_TYPE_STRING:
        case DBUS_TYPE_OBJECT_PATH:
        case DBUS_TYPE_SIGNATURE:
                add_text(it, type, b);
                break;
        default:
                add_number(it, type, b);
        }
}

static void check_json(DBusMessage *m) {
        _cleanup_json_ struct json_object *args = NULL, *only = NULL;

        if (client_message_args_to_json(m, &args) < 0 || client_message_to_json(m, &only) < 0 ||
                !json_object_is_type(args, json_type_array) || !json_object_to_json_string(args))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DBusMessage *m = dbus_message_new_signal("/a", "a.b", "c");
        Bytes b = {.at = data, .left = size};
        const char *signature = signatures[take(&b) % ARRAY_SIZE(signatures)];
        DBusSignatureIter of;
        DBusMessageIter it;

        if (!m)
                return 0;
        dbus_message_iter_init_append(m, &it);
        dbus_signature_iter_init(&of, signature);
        if (*signature)
                do
                        add(&it, &of, &b);
                while (dbus_signature_iter_next(&of));
        check_json(m);
        dbus_message_unref(m);
        return 0;
}
