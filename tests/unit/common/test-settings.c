/*
 * Settings: defaults, file, arguments, and what is said of wrong ones
 */

#include "common/daemon/log.h"
#include "common/daemon/settings.h"
#include "tests/unit/common/captured-stderr.h"
#include "tests/unit/common/folder.h"

typedef struct TestSettings {
        char *bus;
        char **folders, **words;
        uint64_t limit, memory, timeout;
        bool simulate;
} TestSettings;

static const Setting table[] = {
        { "bus", SETTING_STRING, offsetof(TestSettings, bus), "unix:path=/run/bus", "The bus" },
        { "folders", SETTING_STRV, offsetof(TestSettings, folders), "/a /b", "Folders" },
        { "limit", SETTING_U64, offsetof(TestSettings, limit), "10", "A limit" },
        { "memory", SETTING_SIZE, offsetof(TestSettings, memory), "4GiB", "Memory" },
        { "timeout", SETTING_SECONDS, offsetof(TestSettings, timeout), "90", "A time" },
        { "words", SETTING_STRV, offsetof(TestSettings, words), "", "None" },
        { "simulate", SETTING_BOOL, offsetof(TestSettings, simulate), NULL, "No hardware" },
};

/* Loads on top of the defaults; what is logged is *ret_log. */
static int load(const char *file, const char *const *args, TestSettings *s, char **ret_log) {
        Capture capture;
        int r;

        if (file)
                assert_ok(file_write_atomic("conf", file, strlen(file), 0600));
        *s = (TestSettings){};
        assert_ok(settings_init(table, ARRAY_SIZE(table), s));
        capture = capture_begin(STDERR_FILENO);
        r = settings_load(table, ARRAY_SIZE(table), "hostd", "conf", args, s);
        *ret_log = capture_end(&capture, STDERR_FILENO);
        return r;
}

static void defaults_hold_without_file_and_arguments(void **state) {
        _cleanup_free_ char *log = NULL;
        TestSettings s;

        assert_ok(load(NULL, NULL, &s, &log));
        assert_string_equal(s.bus, "unix:path=/run/bus");
        assert_string_equal(s.folders[0], "/a");
        assert_string_equal(s.folders[1], "/b");
        assert_null(s.folders[2]);
        assert_int_equal(s.limit, 10);
        assert_true(s.memory == UINT64_C(4) << 30);
        assert_true(s.timeout == 90000000);
        assert_false(s.simulate);
        assert_string_equal(log, "");
        settings_done(table, ARRAY_SIZE(table), &s);
        assert_null(s.bus);
}

static void arguments_go_over_the_file(void **state) {
        static const char *const args[] = { "limit=30", "folders=", "bus=unix:path=/x=y", NULL };
        _cleanup_free_ char *log = NULL;
        TestSettings s;

        assert_ok(load("[policyd]\nlimit=99\nunknown=1\n[hostd]\nlimit = 20\nsimulate = yes\n"
                       "timeout = 500ms\nmemory=1M\nfolders =  x   y z \n",
                args, &s, &log));
        assert_int_equal(s.limit, 30);
        assert_true(s.simulate);
        assert_int_equal(s.timeout, 500000);
        assert_int_equal(s.memory, 1 << 20);
        assert_null(s.folders[0]);
        assert_string_equal(s.bus, "unix:path=/x=y");
        assert_string_equal(log, "");
        settings_done(table, ARRAY_SIZE(table), &s);
}

static void times_have_units(void **state) {
        static const struct {
                const char *args[2];
                uint64_t usec;
        } cases[] = {
                { { "timeout=7us" }, 7 },         { { "timeout=2s" }, 2000000 },
                { { "timeout=2min" }, 120000000 }, { { "timeout=1h" }, UINT64_C(3600000000) },
                { { "timeout=3 s" }, 3000000 },   { { "timeout=0" }, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *log = NULL;
                TestSettings s;

                assert_ok(load(NULL, cases[i].args, &s, &log));
                assert_true(s.timeout == cases[i].usec);
                settings_done(table, ARRAY_SIZE(table), &s);
        }
}

static void each_mistake_is_named_with_its_place(void **state) {
        static const struct {
                const char *file, *args[2], *sentence;
        } cases[] = {
                { "[hostd]\n\nlimits=1\n", {},
                        "conf:3: there is no setting 'limits'; there are bus, folders, limit, memory, timeout, words and simulate" },
                { "[hostd]\nlimit=-1\n", {}, "conf:2: '-1' is no value for limit; it takes a whole number" },
                { "[hostd]\nmemory=much\n", {}, "conf:2: 'much' is no value for memory; it takes a size" },
                { "[hostd]\ntimeout=1 year\n", {}, "conf:2: '1 year' is no value for timeout; it takes a time" },
                { "[hostd]\nsimulate=perhaps\n", {}, "it takes yes or no" },
                { "limit=1\n", {}, "conf:1: 'limit' stands before the first section; write [hostd] above it" },
                { "[hostd]\nnonsense\n", {}, "conf:2: 'nonsense' is neither [section], key = value nor a comment" },
                { "", { "limit" }, "'limit' is no setting: write KEY=VALUE" },
                { "", { "x=1" }, "x=1: there is no setting 'x'" },
                { "", { "limit=x" }, "limit=x: 'x' is no value for limit" },
                { "", { "timeout=99999999999999999h" }, "is no value for timeout" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *log = NULL;
                TestSettings s;

                assert_int_equal(load(cases[i].file, cases[i].args, &s, &log), -EINVAL);
                if (!strstr(log, cases[i].sentence))
                        fail_msg("'%s' lacks '%s'", log, cases[i].sentence);
                settings_done(table, ARRAY_SIZE(table), &s);
        }
}

static void all_mistakes_are_named_at_once(void **state) {
        _cleanup_free_ char *log = NULL;
        TestSettings s;

        assert_int_equal(load("[hostd]\na=1\nb=2\n", NULL, &s, &log), -EINVAL);
        assert_non_null(strstr(log, "conf:2"));
        assert_non_null(strstr(log, "conf:3"));
        settings_done(table, ARRAY_SIZE(table), &s);
}

static void what_may_change_is_taken_and_the_rest_is_named(void **state) {
        static const char *const live[] = { "folders", "timeout", "memory", NULL };
        _cleanup_free_ char *log = NULL, *taken = NULL;
        TestSettings running, fresh;
        Capture capture;

        assert_ok(load(NULL, NULL, &running, &log));
        free(take_ptr(log));
        assert_ok(load("[hostd]\nbus=system\nfolders=/c\ntimeout=2500ms\nlimit=11\nwords=\n", NULL, &fresh, &log));
        capture = capture_begin(STDERR_FILENO);
        settings_take(table, ARRAY_SIZE(table), live, "the daemon", &running, &fresh);
        taken = capture_end(&capture, STDERR_FILENO);
        settings_done(table, ARRAY_SIZE(table), &fresh);

        assert_string_equal(running.bus, "unix:path=/run/bus");
        assert_string_equal(running.folders[0], "/c");
        assert_null(running.folders[1]);
        assert_true(running.timeout == 2500000);
        assert_int_equal(running.limit, 10);
        assert_non_null(strstr(taken, "Setting folders is now '/c', and was '/a /b'."));
        assert_non_null(strstr(taken, "Setting timeout is now '2.5 s', and was '90 s'."));
        assert_non_null(strstr(taken, "Setting bus stays 'unix:path=/run/bus' until the daemon is restarted; then it is 'system'."));
        assert_non_null(strstr(taken, "Setting limit stays '10' until"));
        assert_null(strstr(taken, "memory"));
        assert_non_null(strstr(taken, "Settings were read again: 2 changed, 2 more after a restart."));
        settings_done(table, ARRAY_SIZE(table), &running);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST_IN_FOLDER(defaults_hold_without_file_and_arguments),
                TEST_IN_FOLDER(arguments_go_over_the_file),
                TEST_IN_FOLDER(times_have_units),
                TEST_IN_FOLDER(each_mistake_is_named_with_its_place),
                TEST_IN_FOLDER(all_mistakes_are_named_at_once),
                TEST_IN_FOLDER(what_may_change_is_taken_and_the_rest_is_named),
        };

        log_setup("test-settings", LOG_DEBUG);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
