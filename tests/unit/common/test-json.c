/*
 * JSON getters: each says what is wrong and where
 */

#include "common/json/json-differences.h"
#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "common/base/text.h"
#include "tests/unit/common/test.h"

static void assert_broken(const char *text, size_t size, const char *sentence) {
        struct json_object *o = NULL;
        JsonReader r;

        assert_int_equal(json_parse(&r, text, size, &o), -EINVAL);
        assert_null(o);
        if (!strstr(r.error, sentence))
                fail_msg("'%.40s': '%s' lacks '%s'", text, r.error, sentence);
}

static void what_is_not_json_is_named_by_its_place(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "", "The record is cut off after 0 bytes" },
                { "{\"a\":", "The record is cut off after 5 bytes" },
                { "[1,2", "The record is cut off after 4 bytes" },
                { "\"abc", "The record is cut off after 4 bytes" },
                { "{\"a\":1}x", "byte 7" },
                { "{\"a\":1} {}", "byte 8" },
                { "{\"a\":1,}", "byte 7" },
                { "{\"a\":tru}", "byte 8" },
                { "{\"a\":\"\xff\"}", "byte 6" },
                { "\x01\x02", "byte 0" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_broken(cases[i].text, strlen(cases[i].text), cases[i].sentence);
        assert_broken("{\0}", 3, "byte 1");
        assert_broken("1\0", 2, "byte 1");
}

/* What json-c takes and some reader of ours cannot show. */
static void bad_texts_are_refused_with_their_member(void **state) {
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "{\"a\":[{\"b\":\"x\\u001b[1m\"}]}", "a[0].b holds the control character U+001B at byte 2" },
                { "{\"a\":\"x\xef\xbf\xbe\"}", "a holds U+FFFE at byte 2, which Unicode keeps from being a character" },
                { "{\"a\":\"\\ufdd0\"}", "a holds U+FDD0 at byte 1" },
                { "{\"a\":\"\\ud83f\\udffe\"}", "a holds U+1FFFE at byte 1" },
                { "{\"a\":\"\xc2\x9b\"}", "a holds the control character U+009B at byte 1" },
                { "{\"a\":\"x\\u0000y\"}", "a holds the control character U+0000 at byte 2" },
                { "{\"a\":{\"b\\u001b\":1}}",
                        "a has a member 'b\xef\xbf\xbd', whose name holds the control character U+001B at byte 2" },
                { "{\"a\\nb\":1}", "The record has a member 'a\xef\xbf\xbd" "b', whose name holds" },
                { "{\"a\nb\":1}", "The record has a member 'a\xef\xbf\xbd" "b', whose name holds" },
                { "\"\\u007f\"", "The record holds the control character U+007F at byte 1" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_broken(cases[i].text, strlen(cases[i].text), cases[i].sentence);
}

static void assert_json_cleaned(const char *text, const char *expected) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *clean = NULL;
        JsonReader r;

        if (json_parse_cleaned(&r, text, strlen(text), &o) < 0)
                fail_msg("%s", r.error);
        clean = json_to_text(o);
        assert_string_equal(clean, expected);
}

static void bad_texts_are_cleaned_where_nobody_can_be_asked(void **state) {
#define FFFD "\xef\xbf\xbd"
        assert_json_cleaned("{\"a\":\"\xff\",\"b\":[\"\\u001b\",null,{\"c\":\"\\ufffe\"}]}",
                "{\"a\":\"" FFFD "\",\"b\":[\"" FFFD "\",null,{\"c\":\"" FFFD "\"}]}");
        assert_json_cleaned("{\"k\xff\":{\"\\u0007\":null},\"z\":\"a\\u0000b\"}",
                "{\"z\":\"a" FFFD "b\",\"k" FFFD "\":{\"" FFFD "\":null}}");
        assert_json_cleaned("\"\xc3\"", "\"" FFFD "\"");
        assert_json_cleaned("{\"a\":\"one\\n\\ttwo\",\"é\":\"漢\"}", "{\"a\":\"one\\n\\ttwo\",\"é\":\"漢\"}");
}

static void lines_and_all_scripts_are_good(void **state) {
        static const char text[] = "{\"a\":\"one\\n\\ttwo\",\"é\":\"漢 \\u00e9 \\ud83d\\ude00\"}\r\n";
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader r;

        assert_ok(json_parse(&r, text, strlen(text), &o));
        assert_string_equal(json_object_get_string(json_object_object_get(o, "é")), "漢 é 😀");
}

/* A name is one line; a description may have several. */
static void strings_are_one_line_of_bounded_length(void **state) {
        static const char text[] = "{\"a\":\"x\\ny\",\"v\":[\"fine\",\"\\t\"]}";
        _cleanup_json_ struct json_object *o = NULL, *cleaned = NULL;
        _cleanup_(strv_freep) char **v = NULL;
        const char *s;
        JsonReader r;

        assert_ok(json_parse(&r, text, strlen(text), &o));
        assert_ok(json_get_lines(&r, o, "a", &s));
        assert_string_equal(s, "x\ny");
        assert_int_equal(json_get_string(&r, o, "a", &s), -EINVAL);
        assert_string_equal(r.error, "a holds the control character U+000A at byte 2");
        r.error[0] = '\0';
        assert_int_equal(json_get_strv(&r, o, "v", &v), -EINVAL);
        assert_string_equal(r.error, "v[1] holds the control character U+0009 at byte 1");

        assert_ok(json_parse_cleaned(&r, text, strlen(text), &cleaned));
        assert_ok(json_get_strv(&r, cleaned, "v", &v));
        assert_string_equal(v[1], FFFD);
        assert_ok(json_get_string(&r, cleaned, "a", &s));
        assert_string_equal(s, "x" FFFD "y");
}

static void long_strings_are_refused_or_shortened(void **state) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        char text[JSON_TEXT_MAX + 2] = "";
        JsonReader r = { .refuses = true };
        const char *s;

        memset(text, 'x', JSON_TEXT_MAX + 1);
        assert_ok(json_add_string(o, "a", text));
        assert_int_equal(json_get_string(&r, o, "a", &s), -EINVAL);
        assert_string_equal(r.error, "a has 4097 bytes; 4096 are the most");
        assert_ok(json_get_lines(&r, o, "a", &s));
        assert_int_equal(strlen(s), JSON_TEXT_MAX + 1);

        r = (JsonReader){};
        assert_ok(json_get_string(&r, o, "a", &s));
        assert_int_equal(strlen(s), JSON_TEXT_MAX);
        assert_string_equal(s + JSON_TEXT_MAX - 4, "x…");
}

/* The sentence is as long as the record makes it, and is a text all the same. */
static void long_sentences_end_between_characters(void **state) {
        for (size_t n = 200; n < 210; n++) {
                _cleanup_strbuf_ StrBuf b = {};
                JsonReader r = {};

                for (size_t i = 0; i < n; i++)
                        strbuf_add(&b, i == 0 ? "x" : "漢");
                json_enter(&r, b.text);
                json_fail(&r, b.text, "is %s", b.text);
                assert_true(text_is_good(r.path, strlen(r.path), TEXT_LINE));
                assert_true(text_is_good(r.error, strlen(r.error), TEXT_LINE));
                assert_non_null(strstr(r.error, "…"));
        }
}

static void depth_and_size_are_bounded(void **state) {
        _cleanup_free_ char *big = malloc(JSON_SIZE_MAX + 1);
        char deep[200];

        memset(deep, '[', 100);
        memset(deep + 100, ']', 100);
        assert_broken(deep, 200, "nesting too deep");
        assert_non_null(big);
        memset(big, ' ', JSON_SIZE_MAX + 1);
        assert_broken(big, JSON_SIZE_MAX + 1, "is larger than 4194304 bytes");
        big[0] = '7';
        {
                _cleanup_json_ struct json_object *o = NULL;
                JsonReader r;

                assert_ok(json_parse(&r, big, JSON_SIZE_MAX, &o));
                assert_int_equal(json_object_get_int(o), 7);
        }
}

static void scalars_and_blanks_around_are_json(void **state) {
        static const char *const texts[] = { "7", "-7", "1.5", "true", "\"a\"", " {} ", "\n[]\r\n\t", "12 " };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_json_ struct json_object *o = NULL;
                JsonReader r;

                if (json_parse(&r, texts[i], strlen(texts[i]), &o) < 0)
                        fail_msg("%s: %s", texts[i], r.error);
                assert_non_null(o);
        }
}

static struct json_object *parse(JsonReader *r, const char *text) {
        struct json_object *o = NULL;

        if (json_parse(r, text, strlen(text), &o) < 0)
                fail_msg("%s", r->error);
        return o;
}

static void required_and_optional_members(void **state) {
        static const char text[] =
                "{\"s\":\"x\",\"u\":7,\"i\":-7,\"d\":0.5,\"b\":true,\"n\":null,\"max\":18446744073709551615,"
                "\"id\":\"f9d68e9f-61af-4f96-b112-837db3b6dac2\",\"pci\":{\"domain\":0,\"bus\":132,\"dev\":31,\"fn\":7},"
                "\"address\":\"0000:84:00.0\",\"o\":{},\"a\":[],\"v\":[\"x\",\"y\"]}";
        JsonReader r;
        _cleanup_json_ struct json_object *o = parse(&r, text);
        _cleanup_(strv_freep) char **v = NULL;
        struct json_object *child = NULL;
        PciAddress pci;
        const char *s = "kept";
        uint64_t u64;
        uint32_t u32 = 5;
        double d;
        bool b;
        Uuid id;

        assert_ok(json_get_u32(&r, o, "u", &u32));
        assert_int_equal(u32, 7);
        assert_ok(json_get_u64(&r, o, "max", &u64));
        assert_true(u64 == UINT64_MAX);
        assert_ok(json_get_double(&r, o, "d", &d));
        assert_true(d == 0.5);
        assert_ok(json_get_double(&r, o, "u", &d));
        assert_true(d == 7);
        assert_ok(json_get_bool(&r, o, "b", &b));
        assert_true(b);
        assert_ok(json_get_uuid(&r, o, "id", &id));
        assert_string_equal(UUID_TEXT(&id), "f9d68e9f-61af-4f96-b112-837db3b6dac2");
        assert_ok(json_get_pci(&r, o, "pci", &pci));
        assert_string_equal(PCI_TEXT(&pci), "0000:84:1f.7");
        assert_ok(json_get_pci_text(&r, o, "address", &pci));
        assert_string_equal(PCI_TEXT(&pci), "0000:84:00.0");
        assert_ok(json_get_object(&r, o, "o", &child));
        assert_ok(json_get_array(&r, o, "a", &child));
        assert_ok(json_get_strv(&r, o, "v", &v));
        assert_string_equal(v[1], "y");
        assert_null(v[2]);

        assert_ok(json_opt_string(&r, o, "absent", &s));
        assert_ok(json_opt_string(&r, o, "n", &s));
        assert_string_equal(s, "kept");
        assert_ok(json_opt_string(&r, o, "s", &s));
        assert_string_equal(s, "x");
        assert_string_equal(r.error, "");
}

typedef int (*Attempt)(JsonReader *r, struct json_object *o);

#define ATTEMPT(name, type, getter)                                  \
        static int name(JsonReader *r, struct json_object *o) {      \
                type value;                                          \
                                                                     \
                return getter(r, o, "m", &value);                    \
        }
ATTEMPT(get_string, const char *, json_get_string)
ATTEMPT(get_u32, uint32_t, json_get_u32)
ATTEMPT(opt_u32, uint32_t, json_opt_u32)
ATTEMPT(get_u64, uint64_t, json_get_u64)
ATTEMPT(get_double, double, json_get_double)
ATTEMPT(opt_bool, bool, json_opt_bool)
ATTEMPT(get_uuid, Uuid, json_get_uuid)
ATTEMPT(get_pci, PciAddress, json_get_pci)
ATTEMPT(get_pci_text, PciAddress, json_get_pci_text)
ATTEMPT(get_object, struct json_object *, json_get_object)
ATTEMPT(get_strv, char **, json_get_strv)

static void wrong_members_are_named_with_their_path(void **state) {
        static const struct {
                Attempt attempt;
                const char *text, *sentence;
        } cases[] = {
                { get_string, "{}", "a[3].m is missing" },
                { get_string, "{\"m\":null}", "a[3].m is missing" },
                { get_string, "{\"m\":7}", "a[3].m is a whole number, not a string" },
                { get_string, "[]", "a[3] is an array, not an object" },
                { get_string, "\"x\"", "a[3] is a string, not an object" },
                { get_u32, "{\"m\":-1}", "a[3].m is negative" },
                { get_u32, "{\"m\":4294967296}", "a[3].m is out of range" },
                { get_u32, "{\"m\":1.5}", "a[3].m is a number with a fraction, not a whole number" },
                { opt_u32, "{\"m\":\"1\"}", "a[3].m is a string, not a" },
                { get_u64, "{\"m\":{}}", "a[3].m is an object, not a" },
                { get_double, "{\"m\":\"0.5\"}", "a[3].m is a string, not a number" },
                { get_double, "{\"m\":1e999}", "a[3].m is not a finite number" },
                { opt_bool, "{\"m\":1}", "a[3].m is a whole number, not true or false" },
                { get_uuid, "{\"m\":\"me\"}", "a[3].m is 'me', not a UUID" },
                { get_pci, "{\"m\":{\"domain\":0,\"bus\":132,\"dev\":0}}", "a[3].m.fn is missing" },
                { get_pci, "{\"m\":{\"domain\":0,\"bus\":256,\"dev\":0,\"fn\":0}}",
                        "a[3].m.bus is 256; the highest is 255" },
                { get_pci, "{\"m\":\"0000:84:00.0\"}", "a[3].m is a string, not an object" },
                { get_pci_text, "{\"m\":\"84\"}", "a[3].m is '84', not a PCI address like 0000:84:00.0" },
                { get_object, "{\"m\":[]}", "a[3].m is an array, not an object" },
                { get_strv, "{\"m\":[\"x\",7]}", "a[3].m[1] is not a plain string" },
                { get_strv, "{\"m\":[null]}", "a[3].m[0] is not a plain string" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                JsonReader r;
                _cleanup_json_ struct json_object *o = parse(&r, cases[i].text);
                size_t mark = json_enter(&r, "a");

                json_enter_index(&r, 3);
                assert_int_equal(cases[i].attempt(&r, o), -EINVAL);
                assert_string_equal(r.path, "a[3]");
                if (!startswith(r.error, cases[i].sentence))
                        fail_msg("%s: '%s', not '%s'", cases[i].text, r.error, cases[i].sentence);
                json_leave(&r, mark);
                assert_string_equal(r.path, "");
        }
}

static void the_first_failure_is_kept(void **state) {
        JsonReader r = {};

        json_fail(&r, "first", "is wrong");
        json_fail(&r, "second", "is wrong too");
        assert_string_equal(r.error, "first is wrong");
}

static void long_paths_are_cut_and_restored(void **state) {
        JsonReader r = {};

        for (int i = 0; i < 100; i++)
                json_enter(&r, "a-rather-long-member-name");
        assert_true(strlen(r.path) < sizeof(r.path));
        json_fail(&r, "m", "is missing");
        assert_non_null(strstr(r.error, "…"));
        json_leave(&r, 0);
        assert_string_equal(r.path, "");
}

static void members_match_in_any_case_on_request(void **state) {
        JsonReader r;
        _cleanup_json_ struct json_object *o = parse(&r, "{\"Type_ID\":\"11\",\"A\":\"upper\",\"a\":\"lower\"}");
        const char *s;

        assert_int_equal(json_get_string(&r, o, "type_id", &s), -EINVAL);
        r = (JsonReader){ .any_case = true };
        assert_ok(json_get_string(&r, o, "type_id", &s));
        assert_string_equal(s, "11");
        assert_ok(json_get_string(&r, o, "a", &s));
        assert_string_equal(s, "lower");
}

static void optional_vectors_replace(void **state) {
        JsonReader r;
        _cleanup_json_ struct json_object *o = parse(&r, "{\"v\":[\"x\"],\"bad\":[1]}");
        _cleanup_(strv_freep) char **v = NULL;

        assert_ok(json_opt_strv(&r, o, "absent", &v));
        assert_null(v);
        assert_ok(json_opt_strv(&r, o, "v", &v));
        assert_ok(json_opt_strv(&r, o, "v", &v));
        assert_int_equal(json_opt_strv(&r, o, "bad", &v), -EINVAL);
        assert_string_equal(v[0], "x");
}

static void building_gives_compact_text(void **state) {
        static const char *const v[] = { "x", "y", NULL };
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *text = NULL;

        assert_ok(json_add_string(o, "s", "/a\"b"));
        assert_ok(json_add_string(o, "none", NULL));
        assert_ok(json_add_u64(o, "max", UINT64_MAX));
        assert_ok(json_add_double(o, "d", 0.6));
        assert_ok(json_add_bool(o, "b", true));
        assert_ok(json_add_uuid(o, "id", &UUID_NULL));
        assert_ok(json_add_strv(o, "v", v));
        assert_ok(json_add_strv(o, "e", NULL));
        assert_int_equal(json_add(o, "failed", NULL), -ENOMEM);
        text = json_to_text(o);
        assert_string_equal(text,
                "{\"s\":\"/a\\\"b\",\"none\":\"\",\"max\":18446744073709551615,\"d\":0.6,"
                "\"b\":true,\"id\":\"00000000-0000-0000-0000-000000000000\","
                "\"v\":[\"x\",\"y\"],\"e\":[]}");
}

/* json-c's own text is what everybody else's readers are used to. */
static void the_text_is_that_of_json_c(void **state) {
        static const char *const texts[] = {
                "null", "true", "[]", "{}", "[[],{},[{}]]", "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":false}",
                "[0,-1,9223372036854775807,-9223372036854775808,18446744073709551615]", "[0.6,1.50,-2e3,1e-9]",
                "[\"\",\"a/b\",\"\\\"\\\\\",\"\\b\\t\\n\\f\\r\",\"\\u0001\\u001f\\u007f\",\"\\u00e4\\u20ac\"]",
                "{\"a\\\"b\\n\":\"c\\u0000d\"}", "[\"[\",\"{\",{\"[\":\"{\"}]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_json_ struct json_object *o = json_tokener_parse(texts[i]);
                _cleanup_free_ char *text = json_to_text(o);

                assert_string_equal(text, json_object_to_json_string_ext(o,
                                                  JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        }
}

static void what_is_written_at_once_is_what_is_built(void **state) {
        static const char *const words[] = { "", "a\"b", "\\\n\x01/", "\xc3\xa4", NULL };
        _cleanup_json_ struct json_object *o = json_object_new_object(), *array = json_object_new_array();
        _cleanup_free_ char *built = NULL, *written = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        Uuid id = { .bytes = { 1, 2, 3 } };

        assert_ok(json_add_u64(o, "n", UINT64_MAX));
        assert_ok(json_add_double(o, "x", 0.6));
        assert_ok(json_add_bool(o, "yes", true));
        assert_ok(json_add_uuid(o, "id", &id));
        assert_ok(json_add_strv(o, "words", words));
        assert_ok(json_add_string(o, "last{", NULL));
        assert_int_equal(json_object_array_add(array, json_object_get(o)), 0);
        assert_int_equal(json_object_array_add(array, json_object_get(o)), 0);
        built = json_to_text(array);

        json_write_open(&b, NULL, '[');
        for (unsigned i = 0; i < 2; i++) {
                json_write_open(&b, NULL, '{');
                json_write_u64(&b, "n", UINT64_MAX);
                json_write_double(&b, "x", 0.6);
                json_write_bool(&b, "yes", true);
                json_write_uuid(&b, "id", &id);
                json_write_strv(&b, "words", words);
                json_write_text(&b, "last{", "\"\"");
                json_write_close(&b, '}');
        }
        json_write_close(&b, ']');
        written = strbuf_take(&b);
        assert_string_equal(written, built);
}

static void assert_differ(const char *before, const char *after, size_t n, const char *words) {
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(json_differences(before, after, 3, &b), n);
        assert_string_equal(strempty(b.text), words);
}

static void differences_name_members_and_no_password(void **state) {
        assert_differ("{\"a\":1}", "{\"a\":1}", 0, "");
        assert_differ("{\"a\":{\"b\":\"x\",\"c\":2}}", "{\"a\":{\"b\":\"y\",\"c\":2}}", 1, "a.b 'x' → 'y'");
        assert_differ("{\"a\":1,\"l\":[1]}", "{\"b\":true,\"l\":[1,2]}", 3, "a 1 → none, l [1] → [1,2], b none → true");
        assert_differ("{\"vnc\":{\"passwd\":\"old\"}}", "{\"vnc\":{\"passwd\":\"new\"}}", 1, "vnc.passwd changed");
        assert_differ("{}", "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", 4, "a none → 1, b none → 2, c none → 3");
        assert_differ("{\"vnc\":null}", "{\"vnc\":{\"passwd\":\"new\"}}", 1, "vnc none → {…}");
        assert_differ("{\"vfbs\":[{\"vnc\":{\"passwd\":\"a\"}}]}", "{\"vfbs\":[{\"vnc\":{\"passwd\":\"b\"}},{\"passwd\":\"c\"}]}", 2,
                "vfbs[0].vnc.passwd changed, vfbs[1] none → {…}");
        assert_differ("{}", "{\"vfbs\":[{\"vnc\":{\"passwd\":\"a\"}}]}", 1, "vfbs none → […]");
        assert_differ("", "{}", 1, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_not_json_is_named_by_its_place),
                cmocka_unit_test(bad_texts_are_refused_with_their_member),
                cmocka_unit_test(bad_texts_are_cleaned_where_nobody_can_be_asked),
                cmocka_unit_test(lines_and_all_scripts_are_good),
                cmocka_unit_test(strings_are_one_line_of_bounded_length),
                cmocka_unit_test(long_strings_are_refused_or_shortened),
                cmocka_unit_test(long_sentences_end_between_characters),
                cmocka_unit_test(depth_and_size_are_bounded),
                cmocka_unit_test(scalars_and_blanks_around_are_json),
                cmocka_unit_test(required_and_optional_members),
                cmocka_unit_test(wrong_members_are_named_with_their_path),
                cmocka_unit_test(the_first_failure_is_kept),
                cmocka_unit_test(long_paths_are_cut_and_restored),
                cmocka_unit_test(members_match_in_any_case_on_request),
                cmocka_unit_test(optional_vectors_replace),
                cmocka_unit_test(building_gives_compact_text),
                cmocka_unit_test(the_text_is_that_of_json_c),
                cmocka_unit_test(what_is_written_at_once_is_what_is_built),
                cmocka_unit_test(differences_name_members_and_no_password),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
