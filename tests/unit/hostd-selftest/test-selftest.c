/*
 * The self-test's report, and what it asks programs
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/json/json-get.h"
#include "hostd/selftest/probe.h"
#include "hostd/selftest/report.h"

/* One of each result; returns what report_end() does. */
static int make_report(bool json, char **ret_text) {
        size_t size;
        Report r;
        FILE *f;
        int result;

        f = open_memstream(ret_text, &size);
        assert_non_null(f);
        report_begin(&r, f, json);
        report_ok(&r, "memory", "%d GiB", 4);
        report_failed(&r, "IOMMU", "Switch it on.", "slot #3 has none");
        report_note(&r, "it is %s", "off");
        report_skipped(&r, "emulator", "nothing needs it");
        result = report_end(&r);
        (void) fclose(f);
        return result;
}

static void lines_are_tap(void **state) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(make_report(/* json= */ false, &text), 1);
        assert_string_equal(text, "ok 1 - memory: 4 GiB\n"
                                  "not ok 2 - IOMMU: slot  3 has none\n"
                                  "#   what helps: Switch it on.\n"
                                  "#   it is off\n"
                                  "ok 3 - emulator # SKIP nothing needs it\n"
                                  "1..3\n"
                                  "# 1 of 3 hold, 1 does not, 1 does not apply here\n");
}

static void json_says_the_same(void **state) {
        static const char *const names[] = {"memory", "IOMMU", "emulator"}, *const results[] = {"ok",
                                                                                    "failed", "skipped"};
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        struct json_object *checks, *notes;
        JsonReader reader = {};
        const char *value;
        uint64_t failed;

        assert_int_equal(make_report(/* json= */ true, &text), 1);
        assert_int_equal(json_parse(&reader, text, strlen(text), &o), 0);
        assert_int_equal(json_get_u64(&reader, o, "failed", &failed), 0);
        assert_int_equal(failed, 1);
        assert_int_equal(json_get_array(&reader, o, "checks", &checks), 0);
        assert_int_equal(json_object_array_length(checks), 3);
        for (size_t i = 0; i < 3; i++) {
                struct json_object *check = json_object_array_get_idx(checks, i);

                assert_int_equal(json_get_string(&reader, check, "name", &value), 0);
                assert_string_equal(value, names[i]);
                assert_int_equal(json_get_string(&reader, check, "result", &value), 0);
                assert_string_equal(value, results[i]);
                assert_int_equal(json_get_array(&reader, check, "notes", &notes), 0);
                assert_int_equal(json_object_array_length(notes), i == 1);
        }
        assert_int_equal(json_get_string(&reader, json_object_array_get_idx(checks, 1), "help", &value), 0);
        assert_string_equal(value, "Switch it on.");
}

static void a_report_without_failures_is_zero(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        Report r;
        FILE *f;

        f = open_memstream(&text, &size);
        assert_non_null(f);
        report_begin(&r, f, /* json= */ false);
        report_ok(&r, "bus", "there");
        report_skipped(&r, "systemd", "not used");
        assert_int_equal(report_end(&r), 0);
        (void) fclose(f);
}

static void programs_are_found_as_execvp_finds_them(void **state) {
        _cleanup_free_ char *sh = probe_find_program("sh", "/nowhere::/bin:/usr/bin");
        _cleanup_free_ char *own = probe_find_program("/bin/sh", "");

        assert_string_equal(sh, "/bin/sh");
        assert_string_equal(own, "/bin/sh");
        assert_null(probe_find_program("/bin", "/bin:"));
        assert_null(probe_find_program("xenvgpu-no-such-program", "/bin:/usr/bin"));
        assert_null(probe_find_program("sh", ""));
}

static void programs_are_asked(void **state) {
        const char *const argv[] = {"/bin/sh", "-c", "echo out; echo err >&2; read x || exit 3", NULL};
        const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
        const char *const missing[] = {"/bin/xenvgpu-no-such-program", NULL};
        _cleanup_free_ char *output = NULL;

        assert_int_equal(probe_run(argv, &output), 3);
        assert_string_equal(output, "out\nerr\n");
        assert_int_equal(probe_run(killed, NULL), -EIO);
        assert_int_equal(probe_run(missing, NULL), -ENOENT);
}

static void a_program_that_does_not_end_is_ended(void **state) {
        const char *const argv[] = {"/bin/sleep", "60", NULL};

        assert_int_equal(probe_run(argv, NULL), -ETIMEDOUT);
}

static void modules_that_no_kernel_has_do_not_exist(void **state) {
        assert_false(probe_module_exists("xenvgpu-no-such-module"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_tap),
                cmocka_unit_test(json_says_the_same),
                cmocka_unit_test(a_report_without_failures_is_zero),
                cmocka_unit_test(programs_are_found_as_execvp_finds_them),
                cmocka_unit_test(programs_are_asked),
                cmocka_unit_test(a_program_that_does_not_end_is_ended),
                cmocka_unit_test(modules_that_no_kernel_has_do_not_exist),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
