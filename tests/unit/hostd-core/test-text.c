/*
 * Small helpers of the core: lines and fields, clean text, sets, problems, refusals
 */

#include "protocol/refusal.h"
#include "hostd/core/idset.h"
#include "hostd/core/text-lines.h"
#include "tests/unit/hostd-core/test.h"

#define SPAN(text) ((TextSpan){ (text), (text) + strlen(text) })

static void reasons_are_cleaned(void **state) {
        Told told = {};
        ProblemSink sink = sink_to(&told);

        problem_report(&sink, 4, "the name '%s' is none", "\x1b]0;\xff\xc3\xa9");
        assert_string_equal(told.reason, "the name '\xef\xbf\xbd]0;\xef\xbf\xbd\xc3\xa9' is none");
        assert_int_equal(told.line, 4);
        problem_report(NULL, 1, "dropped");
        problem_report(&(ProblemSink){}, 1, "dropped");
        assert_int_equal(told.n, 1);
}

static void lines_end_where_they_end(void **state) {
        static const char text[] = "one\r\n\ntwo";
        TextLines lines = text_lines(text, strlen(text));
        TextSpan line;

        assert_true(text_lines_next(&lines, &line));
        line = text_span_trim(line);
        assert_int_equal(text_span_size(&line), 3);
        assert_true(text_lines_next(&lines, &line));
        assert_int_equal(text_span_size(&line), 0);
        assert_true(text_lines_next(&lines, &line));
        assert_true(text_span_starts_with(&line, "two"));
        assert_int_equal(lines.line, 3);
        assert_false(text_lines_next(&lines, &line));
}

static void takers_move_only_on_success(void **state) {
        TextSpan s = SPAN(" 12ab:99999999999 x'quoted'rest"), quoted;
        uint16_t id;
        uint32_t small;
        uint64_t n;
        char c;

        assert_false(text_read_word(&s, "13"));
        assert_true(text_read_hex16(&s, &id));
        assert_int_equal(id, 0x12ab);
        assert_true(text_read_char(&s, &c));
        assert_int_equal(c, ':');
        assert_false(text_read_u32(&s, &small));
        assert_true(text_read_u64(&s, &n));
        assert_int_equal(n, 99999999999);
        assert_false(text_read_u64(&s, &n));
        assert_true(text_read_word(&s, "x'"));
        assert_true(text_read_until(&s, '\'', &quoted));
        assert_int_equal(text_span_size(&quoted), strlen("quoted"));
        assert_memory_equal(quoted.at, "quoted", strlen("quoted"));
        assert_false(text_read_until(&s, '\'', &quoted));
        assert_true(text_read_word(&s, "rest"));
        assert_false(text_read_char(&s, &c));
        assert_false(text_read_until(&s, '\'', &quoted));
}

static void sets_hold_each_once(void **state) {
        char **set = NULL, **copy;

        assert_int_equal(strv_count(NULL), 0);
        assert_ok(idset_add(&set, "b"));
        assert_ok(idset_add(&set, "a"));
        assert_ok(idset_add(&set, "b"));
        assert_int_equal(strv_count(set), 2);
        idset_sort(set);
        assert_string_equal(set[0], "a");
        assert_ok(strv_copy(set, &copy));
        idset_remove(set, "a");
        idset_remove(set, "none");
        assert_false(strv_contains(set, "a"));
        assert_true(strv_contains(copy, "a"));
        strv_free(set);
        strv_free(copy);
}

static void refusals_replace_each_other(void **state) {
        _cleanup_refusal_ Refusal r = {};

        assert_ok(refusal_set(&r, ERROR_INVALID_RECORD, "first"));
        assert_ok(refusal_set(&r, ERROR_STALE_EPOCH, "epoch %d", 7));
        assert_int_equal(r.code, ERROR_STALE_EPOCH);
        assert_string_equal(r.message, "epoch 7");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(reasons_are_cleaned),
                cmocka_unit_test(lines_end_where_they_end),
                cmocka_unit_test(takers_move_only_on_success),
                cmocka_unit_test(sets_hold_each_once),
                cmocka_unit_test(refusals_replace_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
