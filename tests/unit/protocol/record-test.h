#pragma once

/*
 * Both ways of a codec: text in, record, text out
 */

#include "common/json/json-get.h"
#include "protocol/record.h"
#include "tests/unit/common/test.h"

#define VM_UUID "f9d68e9f-61af-4f96-b112-837db3b6dac2"
#define VGPU_UUID "0b5a0a6c-2f6d-4a8f-9a3e-1c1e0a7d9b11"
#define TOKEN "6d1e0a54-91a7-4f57-8f0c-c1b6d2a3e4f5"
#define K1_ADDRESS "{\"domain\":0,\"bus\":132,\"dev\":0,\"fn\":0}"

static inline struct json_object *json_of(const char *text) {
        struct json_object *o = NULL;
        JsonReader r;

        if (json_parse(&r, text, strlen(text), &o) < 0)
                fail_msg("%s: %s", text, r.error);
        return o;
}

static inline void assert_json(struct json_object *o, const char *expected) {
        _cleanup_free_ char *text = json_to_text(o);

        assert_string_equal(text, expected);
}

/* Those that are parts of others have a table alone. */
#define DEFINE_PART(prefix, T)                                                                \
        static int prefix##_parse(JsonReader *r, struct json_object *o, T *ret) {             \
                return record_parse(&prefix##_table, r, o, ret);                              \
        }                                                                                     \
        static void prefix##_write(const T *record, StrBuf *b) {                              \
                record_write(&prefix##_table, record, b, NULL);                               \
        }                                                                                     \
        static void prefix##_done(T *record) {                                                \
                record_done(&prefix##_table, record);                                         \
        }

/*
 * Defines <prefix>_goes(text, expected): parses, writes, compares; and <prefix>_fails(text, sentence), which also says that what
 * is left after a failure needs no cleanup (a leak would end the test).
 */
#define DEFINE_RECORD_TEST(prefix, T, record_)                                                \
        static void prefix##_goes(const char *text, const char *expected) {                   \
                _cleanup_json_ struct json_object *in = json_of(text);                        \
                _cleanup_free_ char *out = NULL;                                              \
                StrBuf b = {};                                                                \
                JsonReader r = {};                                                            \
                T record;                                                                     \
                                                                                              \
                if (record_##_parse(&r, in, &record) < 0)                                     \
                        fail_msg("%s: %s", text, r.error);                                    \
                json_object_put(take_ptr(in)); /* the record lives without its document */    \
                record_##_write(&record, &b);                                                 \
                record_##_done(&record);                                                      \
                out = strbuf_take(&b);                                                        \
                assert_string_equal(out, expected);                                           \
        }                                                                                     \
        static void prefix##_fails(const char *text, const char *sentence) {                  \
                _cleanup_json_ struct json_object *in = json_of(text);                        \
                JsonReader r = {};                                                            \
                T record;                                                                     \
                                                                                              \
                assert_int_equal(record_##_parse(&r, in, &record), -EINVAL);                  \
                if (!startswith(r.error, sentence))                                           \
                        fail_msg("%s: '%s', not '%s'", text, r.error, sentence);              \
                assert_string_equal(r.path, "");                                              \
        }
