/*
 * Text from outside: what is good, how it is cleaned and shortened
 *
 * The judges of "good" are the libraries that a text leaves through: what we let in, they must send.
 */

#include <sys/socket.h>

#include <dbus/dbus.h>
#include <systemd/sd-bus.h>

#include "common/base/text.h"
#include "tests/unit/common/test.h"

#define FFFD "\xef\xbf\xbd"
#define UNICODE_END 0x110000u

/* UTF-8's arithmetic, also for numbers that are no characters. */
static size_t encode(uint32_t c, char *out) {
        if (c < 0x80) {
                out[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char) (0xc0 | c >> 6);
                out[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char) (0xe0 | c >> 12);
                out[1] = (char) (0x80 | (c >> 6 & 0x3f));
                out[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (char) (0xf0 | c >> 18);
        out[1] = (char) (0x80 | (c >> 12 & 0x3f));
        out[2] = (char) (0x80 | (c >> 6 & 0x3f));
        out[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

static bool good(const char *text, TextForm form) {
        return text_is_good(text, strlen(text), form);
}

static void names_of_all_scripts_are_good(void **state) {
        static const char *const texts[] = {"", "a", "GRID K100", "é", "漢字", "שלום", "👩‍💻", FFFD,
                "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbd",
                "\xc2\xa0"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_true(good(texts[i], TEXT_LINE));
}

static void each_fault_is_named(void **state) {
        static const struct {
                const char *text, *fault;
        } cases[] = {
                {"\x1b[31m", "holds the control character U+001B at byte 1"},
                {"a\nb", "holds the control character U+000A at byte 2"},
                {"\x7f", "holds the control character U+007F at byte 1"},
                {"12345678\x7f", "holds the control character U+007F at byte 9"},
                {"\xc2\x85", "holds the control character U+0085 at byte 1"},
                {"é\xc2\x9b", "holds the control character U+009B at byte 3"},
                {"x\xef\xbf\xbe", "holds U+FFFE at byte 2, which Unicode keeps from being a character"},
                {"\xef\xb7\x90", "holds U+FDD0 at byte 1, which Unicode keeps from being a character"},
                {"\xf0\x9f\xbf\xbe", "holds U+1FFFE at byte 1, which Unicode keeps from being a character"},
                {"\xf4\x8f\xbf\xbf", "holds U+10FFFF at byte 1, which Unicode keeps from being a character"},
                {"ab\xc3", "is not UTF-8 at byte 3"},
                {"\xc0\x80", "is not UTF-8 at byte 1"},
                {"\xe0\x80\x80", "is not UTF-8 at byte 1"},
                {"\xed\xa0\x80", "is not UTF-8 at byte 1"},
                {"\xf4\x90\x80\x80", "is not UTF-8 at byte 1"},
                {"\xe2\x82", "is not UTF-8 at byte 1"},
                {"\xe2\x82x", "is not UTF-8 at byte 1"},
                {"abcdefgh\xff", "is not UTF-8 at byte 9"},
        };
        char buf[TEXT_FAULT_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_string_equal(
                        text_fault(cases[i].text, strlen(cases[i].text), TEXT_LINE, buf), cases[i].fault);
        assert_string_equal(
                text_fault("a\0b", 3, TEXT_LINES, buf), "holds the control character U+0000 at byte 2");
        assert_null(text_fault("é", 2, TEXT_LINE, buf));
}

static void a_name_is_a_short_line(void **state) {
        char longer[TEXT_NAME_MAX + 1];

        memset(longer, 'a', sizeof(longer));
        assert_true(text_is_name(longer, TEXT_NAME_MAX));
        assert_false(text_is_name(longer, TEXT_NAME_MAX + 1));
        assert_false(text_is_name("", 0));
        assert_false(text_is_name("a\nb", 3));
}

static void descriptions_may_have_lines(void **state) {
        assert_true(good("one\n\ttwo", TEXT_LINES));
        assert_false(good("one\rtwo", TEXT_LINES));
        assert_false(good("\x1b", TEXT_LINES));
}

/* A bus on which messages can be made; nobody is at its other end. */
static sd_bus *bus_to_nobody(void) {
        sd_bus *bus = NULL;
        int fds[2];

        assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
        assert_true(
                sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0 && sd_bus_start(bus) >= 0);
        close(fds[1]);
        return bus;
}

static bool sd_bus_sends(sd_bus *bus, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        assert_true(sd_bus_message_new_signal(bus, &m, "/", "a.b", "C") >= 0);
        return sd_bus_message_append_basic(m, 's', text) >= 0;
}

/* Every number that UTF-8 can write, alone and behind seven plain bytes, so that both ways of looking see it.
 */
static void what_is_good_the_libraries_send(void **state) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = bus_to_nobody();
        _cleanup_strbuf_ StrBuf all = {};

        for (uint32_t c = 1; c < 0x120000; c++) {
                char text[16] = "1234567";
                bool is_good;

                text[7 + encode(c, text + 7)] = '\0';
                is_good = good(text, TEXT_LINES);
                assert_int_equal(is_good, good(text + 7, TEXT_LINES));
                assert_true(!is_good || dbus_validate_utf8(text, NULL));
                if (is_good)
                        strbuf_add(&all, text);
        }
        assert_true(sd_bus_sends(bus, all.text));
        assert_false(sd_bus_sends(bus, "\xef\xbf\xbe"));
        assert_false(sd_bus_sends(bus, "\xef\xb7\x90"));
}

static void noncharacters_and_surrogates_are_counted(void **state) {
        unsigned n = 0;

        for (uint32_t c = 0; c < UNICODE_END; c++) {
                char text[4];

                n += text_is_good(text, encode(c, text), TEXT_LINE);
        }
        /* 2,048 surrogates, 66 noncharacters, 32 + 33 control characters */
        assert_int_equal(n, UNICODE_END - 2048 - 66 - 65);
}

static void assert_cleaned(const char *text, size_t max, const char *expected) {
        _cleanup_free_ char *clean = text_clean(text, strlen(text), TEXT_LINE, max);

        assert_string_equal(clean, expected);
}

static void each_bad_character_becomes_one_replacement(void **state) {
        assert_cleaned("plain", SIZE_MAX, "plain");
        assert_cleaned("é\x1b[0m\xc2\x9b!", SIZE_MAX, "é" FFFD "[0m" FFFD "!");
        assert_cleaned("\xe2\x82", SIZE_MAX, FFFD);
        assert_cleaned("\xe2\x82x\xf0\x9f\x92", SIZE_MAX, FFFD "x" FFFD);
        assert_cleaned("\xff\xfe", SIZE_MAX, FFFD FFFD);
        assert_cleaned("a\xef\xbf\xbf", SIZE_MAX, "a" FFFD);
        assert_cleaned("a\nb", SIZE_MAX, "a" FFFD "b");
}

static void texts_are_cut_between_characters(void **state) {
        assert_cleaned("éééé", 8, "éééé");
        assert_cleaned("éééé", 7, "éé…");
        assert_cleaned("éééé", 6, "é…");
        assert_cleaned("abcdef", 5, "ab…");
        assert_cleaned("abcdef", 3, "…");
        assert_cleaned("abcdef", 2, "");
        assert_cleaned("\xff\xff\xff", 8, FFFD "…");
        assert_string_equal(TEXT_SHORT("漢漢漢", 8), "漢…");
        assert_string_equal(TEXT_SHORT("漢漢\x1b", 9), "漢漢" FFFD);
}

static void sentences_fit_their_buffer(void **state) {
        char buf[12];

        assert_string_equal(text_format(buf, sizeof(buf), "%d %s", 7, "éé"), "7 éé");
        assert_string_equal(text_format(buf, sizeof(buf), "The %s", "éééé"), "The éé…");
        assert_string_equal(text_format(buf, sizeof(buf), "%s", "\xff"), FFFD);
}

static void an_owned_text_is_replaced_where_it_is_bad(void **state) {
        _cleanup_free_ char *text = strdup("fine"), *none = NULL;
        const char *before = text;

        assert_ok(text_clean_own(&text, TEXT_LINE, 4));
        assert_ptr_equal(text, before);
        assert_ok(text_clean_own(&text, TEXT_LINE, 3));
        assert_string_equal(text, "…");
        assert_ok(text_clean_own(&none, TEXT_LINE, 3));
        assert_null(none);
}

static void escapes_lose_nothing(void **state) {
        _cleanup_strbuf_ StrBuf b = {};

        text_escape(&b, "é\x1b[1m\n\t\xc2\x9b\xff漢\xef\xbf\xbe.");
        assert_string_equal(b.text, "é\\x1b[1m\\n\\t\\xc2\\x9b\\xff漢\\xef\\xbf\\xbe.");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_of_all_scripts_are_good),
                cmocka_unit_test(each_fault_is_named),
                cmocka_unit_test(a_name_is_a_short_line),
                cmocka_unit_test(descriptions_may_have_lines),
                cmocka_unit_test(what_is_good_the_libraries_send),
                cmocka_unit_test(noncharacters_and_surrogates_are_counted),
                cmocka_unit_test(each_bad_character_becomes_one_replacement),
                cmocka_unit_test(texts_are_cut_between_characters),
                cmocka_unit_test(sentences_fit_their_buffer),
                cmocka_unit_test(an_owned_text_is_replaced_where_it_is_bad),
                cmocka_unit_test(escapes_lose_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
