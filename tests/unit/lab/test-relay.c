/*
 * The wire between the master and a host: each mode, seen from both ends
 *
 * The relay itself runs as a child; this test is the master on one side and the host on the other.
 */

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "common/io/file.h"
#include "tests/unit/common/child.h"

#define SOON_MS 2000
#define NEVER_MS 150

typedef struct Wire {
        char folder[32];
        char listen[64], target[64], control[64];
        int server; /* listens as the host */
        pid_t relay;
        int master, host; /* the two ends of a connection through the relay */
} Wire;

static struct sockaddr_un address_of(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return address;
}

static int dial(const char *path) {
        struct sockaddr_un address = address_of(path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        for (unsigned i = 0; i < SOON_MS / 10; i++) {
                if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
                        return fd;
                nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        }
        fail_msg("nobody listens at %s", path);
        return -1;
}

static bool readable(int fd, int ms) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, ms) > 0;
}

static void connect_ends(Wire *w) {
        w->master = dial(w->listen);
        assert_true(readable(w->server, SOON_MS));
        w->host = accept4(w->server, NULL, NULL, SOCK_CLOEXEC);
        assert_true(w->host >= 0);
}

static int set_up(void **state) {
        Wire *w = calloc(1, sizeof(*w));
        struct sockaddr_un address;

        strcpy(w->folder, "/tmp/test-relay.XXXXXX");
        assert_non_null(mkdtemp(w->folder));
        snprintf(w->listen, sizeof(w->listen), "%s/listen", w->folder);
        snprintf(w->target, sizeof(w->target), "%s/target", w->folder);
        snprintf(w->control, sizeof(w->control), "%s/control", w->folder);

        address = address_of(w->target);
        w->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(w->server, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(w->server, 8), 0);

        w->relay = child_start((const char *const[]){RELAY_PROGRAM, w->listen, w->target, w->control, NULL});
        connect_ends(w);
        *state = w;
        return 0;
}

static int tear_down(void **state) {
        Wire *w = *state;

        kill(w->relay, SIGKILL);
        waitpid(w->relay, NULL, 0);
        safe_close(w->server);
        safe_close(w->master);
        safe_close(w->host);
        remove_tree(w->folder);
        free(w);
        return 0;
}

static void set_mode(const Wire *w, const char *mode) {
        char answer[32] = {};
        int fd = dial(w->control);

        assert_true(dprintf(fd, "%s\n", mode) > 0);
        assert_true(read(fd, answer, sizeof(answer) - 1) > 0);
        assert_string_equal(answer, "ok\n");
        safe_close(fd);
}

static void expect(int fd, const char *text) {
        char data[64] = {};

        assert_true(readable(fd, SOON_MS));
        assert_int_equal(read(fd, data, sizeof(data) - 1), strlen(text));
        assert_string_equal(data, text);
}

static void expect_end(int fd) {
        char byte;

        assert_true(readable(fd, SOON_MS));
        assert_true(read(fd, &byte, 1) <= 0);
}

static void say(int fd, const char *text) {
        assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void test_pass(void **state) {
        Wire *w = *state;

        say(w->master, "order");
        expect(w->host, "order");
        say(w->host, "answer");
        expect(w->master, "answer");
        w->host = safe_close(w->host);
        expect_end(w->master);
}

static void test_hold_replies(void **state) {
        Wire *w = *state;

        set_mode(w, "hold-replies");
        say(w->master, "order");
        expect(w->host, "order");
        say(w->host, "answer");
        assert_false(readable(w->master, NEVER_MS));
        set_mode(w, "pass");
        expect(w->master, "answer");
}

static void test_hold(void **state) {
        Wire *w = *state;

        set_mode(w, "hold");
        say(w->master, "order");
        say(w->host, "answer");
        assert_false(readable(w->host, NEVER_MS));
        assert_false(readable(w->master, NEVER_MS));
        set_mode(w, "pass");
        expect(w->host, "order");
        expect(w->master, "answer");
}

static void test_cut(void **state) {
        Wire *w = *state;
        int again;

        set_mode(w, "cut");
        expect_end(w->master);
        expect_end(w->host);
        again = dial(w->listen);
        expect_end(again);
        safe_close(again);

        set_mode(w, "pass");
        safe_close(w->master);
        safe_close(w->host);
        connect_ends(w);
        test_pass(state);
}

/* The order's name may be torn apart by the reads. */
static void test_cut_after_order(void **state) {
        Wire *w = *state;

        set_mode(w, "cut-after-order");
        say(w->master, "hello");
        expect(w->host, "hello");
        say(w->host, "hello yourself");
        expect(w->master, "hello yourself");

        say(w->master, "..Start");
        expect(w->host, "..Start");
        say(w->master, "VM..");
        expect(w->host, "VM..");
        say(w->host, "done");
        expect_end(w->master);
        expect_end(w->host);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_pass, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hold_replies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hold, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cut_after_order, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
