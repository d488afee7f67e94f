/*
 * How long the stages of a start took: every microsecond between the order and the running guest counts once
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hostd/run/start-times.h"

#define MS UINT64_C(1000)

static StartTimes of_hostd(void) {
        StartTimes t = {};

        start_times_enter(&t, START_QUEUED, 1000 * MS);
        start_times_enter(&t, START_LEASE, 1020 * MS);
        start_times_enter(&t, START_LAUNCH, 1150 * MS);
        return t;
}

static StartTimes of_program(void) {
        StartTimes t = {};

        start_times_enter(&t, START_PREPARE, 1200 * MS);
        start_times_enter(&t, START_CREATE, 1300 * MS);
        start_times_enter(&t, START_EMULATOR, 2400 * MS);
        start_times_enter(&t, START_QEMU, 2500 * MS);
        start_times_enter(&t, START_UNPAUSE, 4000 * MS);
        start_times_end(&t, 4200 * MS);
        return t;
}

static void assert_text(const StartTimes *t, const char *text, const char *fields) {
        _cleanup_free_ char *a = NULL, *b = NULL;

        assert_int_equal(start_times_to_text(t, &a), 0);
        assert_int_equal(start_times_to_fields(t, &b), 0);
        assert_string_equal(a, text);
        assert_string_equal(b, fields);
}

static void the_two_accounts_make_one(void **state) {
        const StartTimes theirs = of_program();
        StartTimes t = of_hostd();

        start_times_join(&t, &theirs);
        assert_int_equal(start_times_total(&t), 3200 * MS);
        assert_text(&t,
                "queued 0.02, lease 0.13, launch 0.05, prepare 0.10, create 1.10, emulator 0.10, qemu 1.50, unpause 0.20",
                "queued=20 lease=130 launch=50 prepare=100 create=1100 emulator=100 qemu=1500 unpause=200");
}

static void a_hostd_that_came_later_has_the_programs_part(void **state) {
        const StartTimes theirs = of_program();
        StartTimes t = {};

        start_times_join(&t, &theirs);
        assert_int_equal(start_times_total(&t), 3000 * MS);
}

static void a_create_that_was_cut_off_counts_twice(void **state) {
        StartTimes t = {};

        start_times_enter(&t, START_CREATE, 100 * MS);
        /* Its program died at 300 and another one came at 500. */
        start_times_enter(&t, START_CLEANUP, 500 * MS);
        start_times_enter(&t, START_CREATE, 600 * MS);
        start_times_end(&t, 1600 * MS);
        assert_text(&t, "create 1.40, cleanup 0.10", "create=1400 cleanup=100");
}

static void nothing_counted_is_nothing_said(void **state) {
        const StartTimes none = {};
        StartTimes t = of_hostd();

        start_times_join(&t, &none);
        assert_int_equal(start_times_total(&t), 150 * MS);
        assert_text(&none, "", "");
}

static void a_damaged_account_is_told(void **state) {
        static const char *const texts[] = {
                "{}",
                "{\"began\":1}",
                "{\"began\":1,\"spent\":{},\"since\":2,\"stage\":\"dancing\"}",
                "{\"began\":1,\"spent\":{\"create\":-1}}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_json_ struct json_object *o = NULL;
                JsonReader reader = {};
                StartTimes t;

                assert_int_equal(json_parse(&reader, texts[i], strlen(texts[i]), &o), 0);
                assert_int_equal(record_parse(&start_times_table, &reader, o, &t), -EINVAL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_two_accounts_make_one),
                cmocka_unit_test(a_hostd_that_came_later_has_the_programs_part),
                cmocka_unit_test(a_create_that_was_cut_off_counts_twice),
                cmocka_unit_test(nothing_counted_is_nothing_said),
                cmocka_unit_test(a_damaged_account_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
