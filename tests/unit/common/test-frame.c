/*
 * The daemon's frame: arguments, folders, what systemd is told, and signals
 */

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/daemon/frame.h"
#include "tests/unit/common/captured-stderr.h"
#include "tests/unit/common/folder.h"

static const Setting settings[] = {
        { "bus", SETTING_STRING, 0, "unix:path=/run/bus", "The bus to speak on" },
};

static bool look_given, loud_given;
static const char *check;
static const DaemonFlag flags[] = {
        { "look", "look and make nothing", .given = &look_given, .looks_only = true },
        { "loud", "say it loudly", .given = &loud_given },
        { "check", "look into DIR", .looks_only = true, .value = &check, .value_name = "DIR" },
        {},
};

static const DaemonInfo info = {
        .name = "xenvgpu-testd",
        .summary = "shows the frame",
        .default_state = "default/state",
        .default_runtime = "default/run",
        .default_config = "/etc/xenvgpu/testd.conf",
        .settings = settings,
        .n_settings = ARRAY_SIZE(settings),
        .flags = flags,
};

#define INIT(d, ...) init_with(d, (char *[]){ (char *) "xenvgpu-testd", ##__VA_ARGS__, NULL })

static int without_systemd(void **state) {
        unsetenv("STATE_DIRECTORY");
        unsetenv("RUNTIME_DIRECTORY");
        unsetenv("CONFIGURATION_DIRECTORY");
        unsetenv("NOTIFY_SOCKET");
        return in_new_folder(state);
}

static int init_with(Daemon *d, char **argv) {
        int argc = 0;

        while (argv[argc])
                argc++;
        return daemon_init(d, &info, argc, argv);
}

static void assert_folder(const char *path) {
        struct stat st;

        assert_ok(stat(path, &st));
        assert_true(S_ISDIR(st.st_mode));
}

static void defaults_are_made(void **state) {
        Daemon d;

        assert_ok(INIT(&d));
        assert_string_equal(d.state_dir, "default/state");
        assert_string_equal(d.runtime_dir, "default/run");
        assert_string_equal(d.config_path, "/etc/xenvgpu/testd.conf");
        assert_folder("default/state");
        assert_folder("default/run");
        assert_null(d.extra_args[0]);
        daemon_done(&d);
        assert_null(d.event);
}

static void the_environment_goes_over_defaults_and_options_over_both(void **state) {
        Daemon d;

        setenv("STATE_DIRECTORY", "env-state:second", 1);
        setenv("RUNTIME_DIRECTORY", "env-run", 1);
        setenv("CONFIGURATION_DIRECTORY", "/etc/elsewhere", 1);
        assert_ok(INIT(&d));
        assert_string_equal(d.state_dir, "env-state");
        assert_string_equal(d.runtime_dir, "env-run");
        assert_string_equal(d.config_path, "/etc/elsewhere/testd.conf");
        daemon_done(&d);

        assert_ok(INIT(&d, (char *) "--state=s", (char *) "--runtime", (char *) "r", (char *) "--config=c.conf",
                (char *) "--set=bus=unix:path=/x", (char *) "--set", (char *) "a=b"));
        assert_string_equal(d.state_dir, "s");
        assert_string_equal(d.runtime_dir, "r");
        assert_string_equal(d.config_path, "c.conf");
        assert_string_equal(d.extra_args[0], "bus=unix:path=/x");
        assert_string_equal(d.extra_args[1], "a=b");
        assert_null(d.extra_args[2]);
        daemon_done(&d);
}

static void a_program_has_switches_of_its_own(void **state) {
        Daemon d;

        look_given = loud_given = false;
        assert_ok(INIT(&d, (char *) "--loud", (char *) "--state=a"));
        assert_true(loud_given && !look_given);
        assert_folder("a");
        daemon_done(&d);

        assert_ok(INIT(&d, (char *) "--look", (char *) "--state=b"));
        assert_true(look_given);
        assert_string_equal(d.state_dir, "b");
        assert_int_equal(access("b", F_OK), -1);
        daemon_done(&d);

        assert_null(check);
        assert_ok(INIT(&d, (char *) "--check", (char *) "c", (char *) "--state=b"));
        assert_string_equal(check, "c");
        assert_int_equal(access("b", F_OK), -1);
        daemon_done(&d);
}

static void help_and_version_are_served(void **state) {
        _cleanup_free_ char *help = NULL, *version = NULL;
        Capture c;
        Daemon d;

        c = capture_begin(STDOUT_FILENO);
        assert_int_equal(INIT(&d, (char *) "--help"), 1);
        help = capture_end(&c, STDOUT_FILENO);
        assert_non_null(strstr(help, "xenvgpu-testd: shows the frame"));
        assert_non_null(strstr(help, "--set=KEY=VALUE"));
        assert_non_null(strstr(help, "--look           look and make nothing\n"));
        assert_non_null(strstr(help, "The bus to speak on (default unix:path=/run/bus)"));

        c = capture_begin(STDOUT_FILENO);
        assert_int_equal(INIT(&d, (char *) "--version"), 1);
        version = capture_end(&c, STDOUT_FILENO);
        assert_string_equal(version, "xenvgpu-testd " XENVGPU_VERSION "\n");
}

static void wrong_arguments_are_named(void **state) {
        static const struct {
                const char *argument, *sentence;
        } cases[] = {
                { "--stat3=x", "stat3" },
                { "--state", "requires an argument" },
                { "bus=x", "unexpected argument 'bus=x'; settings are given as --set=KEY=VALUE" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                Capture c = capture_begin(STDERR_FILENO);
                Daemon d;
                int r = INIT(&d, (char *) cases[i].argument);

                text = capture_end(&c, STDERR_FILENO);
                assert_int_equal(r, -EINVAL);
                if (!strstr(text, cases[i].sentence))
                        fail_msg("'%s' lacks '%s'", text, cases[i].sentence);
        }
}

static void a_state_folder_that_cannot_be_made_is_named(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c;
        Daemon d;
        int r;

        assert_ok(file_write_atomic("file", "", 0, 0600));
        c = capture_begin(STDERR_FILENO);
        r = INIT(&d, (char *) "--state=file/state");
        text = capture_end(&c, STDERR_FILENO);
        assert_int_equal(r, -ENOTDIR);
        assert_non_null(strstr(text, "Failed to make the state folder file/state: Not a directory"));
}

/* systemd's end of $NOTIFY_SOCKET. */
static int open_notify_socket(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "notify" };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_ok(bind(fd, (struct sockaddr *) &address, sizeof(address)));
        return fd;
}

static void assert_notified(int fd, const char *expected) {
        char text[256];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, expected);
}

/* systemd compares the time with its own, to know which of several reloads it is. */
static void assert_notified_of_reload(int fd) {
        char text[256] = "";
        unsigned long long usec;

        assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
        assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
        assert_true(usec > 0);
}

static void count_reloads(void *userdata) {
        unsigned *n = userdata;

        /* The second one has done its work: ask to stop. */
        if (++*n == 2)
                raise(SIGTERM);
        else
                raise(SIGHUP);
}

/* Another line each time. */
static void describe(char buf[static DAEMON_STATUS_MAX], void *userdata) {
        unsigned *n = userdata;

        snprintf(buf, DAEMON_STATUS_MAX, "%u VMs", (*n)++);
}

static void describe_the_same(char buf[static DAEMON_STATUS_MAX], void *userdata) {
        snprintf(buf, DAEMON_STATUS_MAX, "Serving");
        ++*(unsigned *) userdata;
}

static int stop_loop(sd_event_source *source, uint64_t usec, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* Reports a change, five times in a millisecond each. */
static int change(sd_event_source *source, uint64_t usec, void *userdata) {
        for (unsigned i = 0; i < 5; i++)
                daemon_status_changed(userdata);
        return sd_event_source_set_time(source, usec + 1000) < 0 || sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0;
}

static void run_with_changes(const char *path, DaemonDescribe describe_or, unsigned *n_asked, uint64_t usec) {
        _cleanup_free_ char *text = NULL;
        uint64_t now;
        Capture c;
        Daemon d;

        setenv("NOTIFY_SOCKET", path, 1);
        c = capture_begin(STDERR_FILENO);
        assert_ok(INIT(&d));
        daemon_set_describe(&d, describe_or, n_asked);
        daemon_ready(&d);
        assert_true(sd_event_now(d.event, CLOCK_MONOTONIC, &now) >= 0);
        assert_ok(sd_event_add_time(d.event, NULL, CLOCK_MONOTONIC, now, 1, change, &d));
        assert_ok(sd_event_add_time(d.event, NULL, CLOCK_MONOTONIC, now + usec, 1, stop_loop, NULL));
        assert_int_equal(daemon_run(&d), 0);
        daemon_done(&d);
        text = capture_end(&c, STDERR_FILENO);
}

static void the_status_line_is_sent_once_a_second_at_most(void **state) {
        _cleanup_free_ char *path = path_join(*state, "notify");
        _cleanup_close_ int notify = open_notify_socket();
        unsigned n_asked = 0;

        run_with_changes(path, describe, &n_asked, 1500000);
        assert_notified(notify, "READY=1\nSTATUS=0 VMs");
        assert_notified(notify, "STATUS=1 VMs");
        assert_int_equal(n_asked, 2);
}

static void the_same_status_line_is_not_sent_again(void **state) {
        _cleanup_free_ char *path = path_join(*state, "notify");
        _cleanup_close_ int notify = open_notify_socket();
        unsigned n_asked = 0;
        char buf[64];

        run_with_changes(path, describe_the_same, &n_asked, 1200000);
        assert_notified(notify, "READY=1\nSTATUS=Serving");
        assert_true(n_asked >= 2);
        assert_true(recv(notify, buf, sizeof(buf), MSG_DONTWAIT) < 0);
}

static void signals_reload_and_stop(void **state) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_close_ int notify = -1;
        unsigned n_reloads = 0, n_described = 0;
        Capture c;
        Daemon d;
        int r;

        notify = open_notify_socket();
        path = path_join(*state, "notify");
        setenv("NOTIFY_SOCKET", path, 1);
        c = capture_begin(STDERR_FILENO);
        assert_ok(INIT(&d));
        daemon_set_reload(&d, count_reloads, &n_reloads);
        daemon_set_describe(&d, describe, &n_described);
        daemon_ready(&d);
        raise(SIGHUP);
        r = daemon_run(&d);
        daemon_done(&d);
        text = capture_end(&c, STDERR_FILENO);

        assert_int_equal(r, 0);
        assert_int_equal(n_reloads, 2);
        assert_notified(notify, "READY=1\nSTATUS=0 VMs");
        assert_notified_of_reload(notify);
        assert_notified(notify, "READY=1");
        assert_notified_of_reload(notify);
        assert_notified(notify, "READY=1");
        assert_notified(notify, "STOPPING=1\nSTATUS=Stopping");
}

static void the_watchdog_is_fed(void **state) {
        _cleanup_free_ char *path = path_join(*state, "notify");
        _cleanup_close_ int notify = open_notify_socket();
        Daemon d;

        setenv("NOTIFY_SOCKET", path, 1);
        setenv("WATCHDOG_USEC", "100000", 1);
        assert_ok(INIT(&d));
        unsetenv("WATCHDOG_USEC");
        assert_true(sd_event_add_time_relative(d.event, NULL, CLOCK_MONOTONIC, 300000, 0, stop_loop, NULL) >= 0);
        assert_int_equal(daemon_run(&d), 0);
        daemon_done(&d);
        assert_notified(notify, "WATCHDOG=1");
        assert_notified(notify, "WATCHDOG=1");
}

static void the_exit_code_is_the_loops(void **state) {
        Daemon d;

        assert_ok(INIT(&d));
        assert_ok(sd_event_exit(d.event, 65));
        assert_int_equal(daemon_run(&d), 65);
        daemon_done(&d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, without_systemd, folder_goes)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(defaults_are_made),
                TEST(the_environment_goes_over_defaults_and_options_over_both),
                TEST(a_program_has_switches_of_its_own),
                TEST(help_and_version_are_served),
                TEST(wrong_arguments_are_named),
                TEST(a_state_folder_that_cannot_be_made_is_named),
                TEST(the_status_line_is_sent_once_a_second_at_most),
                TEST(the_same_status_line_is_not_sent_again),
                TEST(signals_reload_and_stop),
                TEST(the_watchdog_is_fed),
                TEST(the_exit_code_is_the_loops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
