/*
 * Texts that grow, and settings files
 */

#include "common/base/ini.h"
#include "common/base/strbuf.h"
#include "tests/unit/common/test.h"

static void a_text_grows(void **state) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        for (int i = 0; i < 1000; i++)
                strbuf_addf(&b, "%03d,", i);
        strbuf_add_n(&b, "endless", 3);
        assert_ok(strbuf_error(&b));
        text = strbuf_take(&b);
        assert_int_equal(strlen(text), 4003);
        assert_memory_equal(text, "000,001,", 8);
        assert_string_equal(text + 3996, "999,end");
}

static void nothing_added_is_the_empty_text(void **state) {
        StrBuf b = {};
        _cleanup_free_ char *text = strbuf_take(&b);

        assert_string_equal(text, "");
}

static void the_first_error_stands(void **state) {
        StrBuf b = { .error = -ENOMEM };

        strbuf_add(&b, "lost");
        strbuf_addf(&b, "%d", 1);
        assert_int_equal(strbuf_error(&b), -ENOMEM);
        assert_null(strbuf_take(&b));
}

static void lists_for_people(void **state) {
        static const char *const items[] = { "alpha", "beta", "gamma" };
        static const char *const texts[] = { "", "alpha", "alpha and beta", "alpha, beta and gamma" };

        for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
                _cleanup_free_ char *text = text_join_and(items, n);

                assert_string_equal(text, texts[n]);
        }
}

/* Notes each call as "line|section|key|value;". */
static int note(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        strbuf_addf(userdata, "%u|%s|%s|%s;", line, section ? section : "-", key ? key : "-", value);
        return key && streq(key, "stop") ? -ECANCELED : 0;
}

static char *read_ini(const char *text, size_t size, int expected) {
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(ini_parse(text, size, note, &b), expected);
        return strbuf_take(&b);
}

static void settings_files(void **state) {
        static const struct {
                const char *text, *calls;
        } cases[] = {
                { "", "" },
                { "# only\n; comments\n\n   \n", "" },
                { "a=1\n[s]\n b = x y \r\nc=\nd = 1 = 2 # kept", "1||a|1;3|s|b|x y;4|s|c|;5|s|d|1 = 2 # kept;" },
                { "[ a ]\nk=1\n[b]\nk=2", "2|a|k|1;4|b|k|2;" },
                { "[a]\nnonsense\n= v\n[open\n[]\n[a]b]\nk=1",
                        "2|-|-|nonsense;3|-|-|= v;4|-|-|[open;5|-|-|[];6|-|-|[a]b];7|a|k|1;" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *calls = read_ini(cases[i].text, strlen(cases[i].text), 0);

                assert_string_equal(calls, cases[i].calls);
        }
}

static void a_callback_may_end_the_parse(void **state) {
        _cleanup_free_ char *calls = read_ini("a=1\nstop=1\nb=1\n", 15, -ECANCELED);

        assert_string_equal(calls, "1||a|1;2||stop|1;");
}

static void a_nul_byte_makes_a_wrong_line(void **state) {
        _cleanup_free_ char *calls = read_ini("a=1\0b\nc=2", 9, 0);

        assert_string_equal(calls, "1|-|-|a=1;2||c|2;");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_grows),
                cmocka_unit_test(nothing_added_is_the_empty_text),
                cmocka_unit_test(the_first_error_stands),
                cmocka_unit_test(lists_for_people),
                cmocka_unit_test(settings_files),
                cmocka_unit_test(a_callback_may_end_the_parse),
                cmocka_unit_test(a_nul_byte_makes_a_wrong_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
