/*
 * Log lines on stderr
 */

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "tests/unit/common/captured-stderr.h"

static void a_line_has_time_program_level_message_and_fields(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);
        int year, n = 0;

        log_setup("test-log", LOG_INFO);
        log_event(LOG_NOTICE, MSG_VM_PLACED, FIELDS(FIELD_VM "a", FIELD_HOST "b"), "Placed %s", "web");
        text = capture_end(&c, STDERR_FILENO);
        assert_int_equal(sscanf(text, "%d-%*d-%*dT%*d:%*d:%*f%*[Z] test-log[%*d] notice: %n", &year, &n), 1);
        assert_true(year >= 2024 && n > 0);
        assert_string_equal(text + n, "Placed web  XENVGPU_VM=a XENVGPU_HOST=b MESSAGE_ID=" MSG_VM_PLACED "\n");
}

static void levels_below_the_limit_are_silent(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);

        log_setup("test-log", LOG_WARNING);
        log_info("quiet");
        log_debug("quiet");
        log_error("heard");
        text = capture_end(&c, STDERR_FILENO);
        assert_null(strstr(text, "quiet"));
        assert_non_null(strstr(text, "error: heard\n"));
}

static void a_name_with_line_ends_stays_on_its_line(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);

        log_setup("test-log", LOG_INFO);
        log_info("VM '%s'", "a\nfake: line\033[31m");
        text = capture_end(&c, STDERR_FILENO);
        assert_non_null(strstr(text, "VM 'a\\nfake: line\\x1b[31m'\n"));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void errors_are_spelled_out_and_returned(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);
        int r;

        log_setup("test-log", LOG_INFO);
        errno = EIO;
        r = log_errno(-ENOENT, "Failed to open %s", "x");
        text = capture_end(&c, STDERR_FILENO);
        assert_int_equal(r, -ENOENT);
        assert_non_null(strstr(text, "Failed to open x: No such file or directory\n"));
}

static void a_foreign_journal_stream_is_not_ours(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);

        setenv("JOURNAL_STREAM", "1:2", 1);
        log_setup("test-log", LOG_INFO);
        unsetenv("JOURNAL_STREAM");
        log_info("to stderr");
        text = capture_end(&c, STDERR_FILENO);
        assert_non_null(strstr(text, "info: to stderr\n"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_has_time_program_level_message_and_fields),
                cmocka_unit_test(levels_below_the_limit_are_silent),
                cmocka_unit_test(a_name_with_line_ends_stays_on_its_line),
                cmocka_unit_test(errors_are_spelled_out_and_returned),
                cmocka_unit_test(a_foreign_journal_stream_is_not_ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
