/*
 * Log lines on stderr, and fields in the journal
 */

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

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

static void a_process_about_one_thing_says_so_in_each_line(void **state) {
        _cleanup_free_ char *text = NULL;
        Capture c = capture_begin(STDERR_FILENO);

        log_setup("test-log", LOG_INFO);
        log_set_context(FIELD_VM "a");
        log_error("Cannot");
        log_event(LOG_INFO, NULL, FIELDS(FIELD_VM "a", FIELD_HOST "b"), "Once");
        log_set_context(NULL);
        log_info("Quiet");
        text = capture_end(&c, STDERR_FILENO);
        assert_non_null(strstr(text, "error: Cannot  XENVGPU_VM=a\n"));
        assert_non_null(strstr(text, "info: Once  XENVGPU_VM=a XENVGPU_HOST=b\n"));
        assert_non_null(strstr(text, "info: Quiet\n"));
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
        log_info("VM '%s'", "a\nfake: line\033[31m\xc2\x9b\xff é");
        text = capture_end(&c, STDERR_FILENO);
        assert_non_null(strstr(text, "VM 'a\\nfake: line\\x1b[31m\\xc2\\x9b\\xff é'\n"));
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

static bool write_proc(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

/* journald's end of its socket, in a /run that only this process sees; false where namespaces are not allowed. */
static bool open_journal(int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
        char users[32], groups[32];
        int fd;

        snprintf(users, sizeof(users), "0 %u 1", getuid());
        snprintf(groups, sizeof(groups), "0 %u 1", getgid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return false;
        /* Without a user and group of its own the new namespace cannot make files. */
        if (!write_proc("/proc/self/setgroups", "deny") || !write_proc("/proc/self/uid_map", users) ||
            !write_proc("/proc/self/gid_map", groups))
                return false;
        if (mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                return false;
        if (mkdir("/run/systemd", 0700) < 0 || mkdir("/run/systemd/journal", 0700) < 0)
                return false;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return false;

        *ret = fd;
        return true;
}

static bool holds_line(const char *text, const char *line) {
        const char *p = strstr(text, line);

        return p && (p == text || p[-1] == '\n') && p[strlen(line)] == '\n';
}

/* 0: as it must be; 77: cannot be tried here; else the step that failed. */
static int log_to_a_journal(void) {
        char stream[64], text[1024] = "";
        struct stat st;
        int fd;

        if (!open_journal(&fd))
                return 77;
        if (fstat(STDERR_FILENO, &st) < 0)
                return 1;
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_setup("test-log", LOG_INFO);
        log_event(LOG_NOTICE, MSG_VM_PLACED, FIELDS(FIELD_VM "a", FIELD_HOST "b"), "Placed %s", "web");
        if (recv(fd, text, sizeof(text) - 1, 0) <= 0)
                return 2;
        if (!holds_line(text, "MESSAGE=Placed web") || !holds_line(text, "PRIORITY=5") ||
            !holds_line(text, "SYSLOG_IDENTIFIER=test-log"))
                return 3;
        if (!holds_line(text, "MESSAGE_ID=" MSG_VM_PLACED) || !holds_line(text, "XENVGPU_VM=a") ||
            !holds_line(text, "XENVGPU_HOST=b"))
                return 4;
        return 0;
}

static void the_journal_gets_fields(void **state) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(log_to_a_journal());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_has_time_program_level_message_and_fields),
                cmocka_unit_test(a_process_about_one_thing_says_so_in_each_line),
                cmocka_unit_test(levels_below_the_limit_are_silent),
                cmocka_unit_test(a_name_with_line_ends_stays_on_its_line),
                cmocka_unit_test(errors_are_spelled_out_and_returned),
                cmocka_unit_test(a_foreign_journal_stream_is_not_ours),
                cmocka_unit_test(the_journal_gets_fields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
