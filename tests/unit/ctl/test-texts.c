/*
 * What the command line lets in and prints: no byte that a terminal acts on, and each error and value is one line
 */

#include "tests/unit/common/captured-stderr.h"

#include "common/json/json-get.h"
#include "common/base/text.h"
#include "policyd/ctl/client/client-json.h"
#include "policyd/ctl/ctl.h"
#include "policyd/ctl/view/print.h"

#define FFFD "\xef\xbf\xbd"

static void test_answers_are_cleaned(void **state) {
        _cleanup_json_ struct json_object *o = NULL;
        const char *text = "a\x1b[31m\xc2\x9b\x7f\xef\xbf\xbe\n\té漢";
        DBusMessage *m = dbus_message_new_signal("/", "a.b", "C");

        assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
        assert_ok(client_message_args_to_json(m, &o));
        assert_string_equal(json_object_get_string(json_object_array_get_idx(o, 0)),
                "a" FFFD "[31m" FFFD FFFD FFFD "\n\té漢");
        dbus_message_unref(m);
}

static void test_errors_are_one_line(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);

        assert_int_equal(ctl_say_error("org.xenvgpu.Error.InvalidRecord", "no \x1b[2J\n\xc2\x9b\xff é"), EXIT_REFUSED);
        assert_int_equal(ctl_usage("'%s' is no verb", "\x1b]0;x\x07"), EXIT_USAGE);
        text = capture_end(&c, STDERR_FILENO);
        assert_string_equal(text, "error: INVALID_RECORD: no \\x1b[2J\\n\\xc2\\x9b\\xff é\n"
                                  "xenvgpu: '\\x1b]0;x\\x07' is no verb\n");
}

static void test_values_are_one_line(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDOUT_FILENO);

        print_line(stdout, "one\n\ttwo\x1b é");
        text = capture_end(&c, STDOUT_FILENO);
        assert_string_equal(text, "one\\n\\ttwo\\x1b é");
}

static void test_arguments_are_texts(void **state) {
        static const char *const bad[] = { "name-label=\xff", "name-label=\x1b[31m", "name-label=\xef\xb7\x90", "\xc2\x85" };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                const char *argv[] = { "xenvgpu", "vm-list", bad[i], NULL };
                _cleanup_free_ char *error = NULL;
                Args args = {};

                assert_int_equal(args_parse(3, (char *const *) argv, &args, &error), -EINVAL);
                assert_non_null(strstr(error, "argument 2 "));
                assert_true(text_is_good(error, strlen(error), TEXT_LINE));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers_are_cleaned),
                cmocka_unit_test(test_errors_are_one_line),
                cmocka_unit_test(test_values_are_one_line),
                cmocka_unit_test(test_arguments_are_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
