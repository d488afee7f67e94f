/*
 * The end of a connection: the last messages are sent, and a bus that reads nothing is not waited for
 */

#include <sys/socket.h>
#include <time.h>

#include "common/daemon/bus-open.h"
#include "tests/unit/common/test.h"

#define LARGE (64 * 1024)
#define TURNS_MAX 100000

typedef struct Connection {
        sd_bus *bus, *peer;
        uint32_t heard; /* how many signals came, each with its number */
} Connection;

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        uint32_t number;

        if (sd_bus_message_is_signal(m, "org.xenvgpu.Test", "Said") > 0) {
                assert_true(sd_bus_message_read(m, "u", &number) > 0);
                assert_int_equal(number, c->heard++);
        }
        return 0;
}

static void open_connection(Connection *c) {
        int fds[2];

        *c = (Connection){0};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        assert_true(sd_bus_new(&c->bus) >= 0 && sd_bus_set_fd(c->bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_new(&c->peer) >= 0 && sd_bus_set_fd(c->peer, fds[1], fds[1]) >= 0);
        assert_true(
                sd_bus_set_server(c->peer, true,
                        SD_ID128_MAKE(0, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff)) >= 0);
        assert_true(sd_bus_add_filter(c->peer, NULL, on_message, c) >= 0);
        assert_true(sd_bus_start(c->peer) >= 0 && sd_bus_start(c->bus) >= 0);
        for (unsigned i = 0; i < TURNS_MAX && !(sd_bus_is_ready(c->bus) > 0 && sd_bus_is_ready(c->peer) > 0);
                i++) {
                (void) sd_bus_process(c->bus, NULL);
                (void) sd_bus_process(c->peer, NULL);
        }
        assert_true(sd_bus_is_ready(c->bus) > 0 && sd_bus_is_ready(c->peer) > 0);
}

static void say(Connection *c, uint32_t number, size_t size) {
        _cleanup_free_ char *text = calloc(1, size + 1);

        memset(text, 'x', size);
        assert_true(sd_bus_emit_signal(c->bus, "/", "org.xenvgpu.Test", "Said", "us", number, text) >= 0);
}

static void peer_reads(Connection *c) {
        while (sd_bus_process(c->peer, NULL) > 0)
                ;
}

static void test_the_last_messages_are_sent(void **state) {
        Connection c;

        open_connection(&c);
        for (uint32_t i = 0; i < 3; i++)
                say(&c, i, 100);
        assert_null(bus_close(c.bus));
        peer_reads(&c);
        assert_int_equal(c.heard, 3);
        sd_bus_close_unref(c.peer);
}

/* More than a socket takes: it is left without the last messages. */
static void test_a_bus_that_reads_nothing_keeps_nobody(void **state) {
        struct timespec before, after;
        uint64_t queued = 0;
        Connection c;

        open_connection(&c);
        for (uint32_t i = 0; queued < 10; i++) {
                say(&c, i, LARGE);
                assert_true(i < 10000 && sd_bus_get_n_queued_write(c.bus, &queued) >= 0);
        }
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
        assert_null(bus_close(c.bus));
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
        assert_true(after.tv_sec - before.tv_sec < 20);
        sd_bus_close_unref(c.peer);
}

/* Nothing is lost, or overtaken, while it is slow. */
static void test_a_slow_bus_gets_all_in_order(void **state) {
        Connection c;

        open_connection(&c);
        for (uint32_t i = 0; i < 100; i++)
                say(&c, i, LARGE);
        for (unsigned i = 0; i < TURNS_MAX && c.heard < 100; i++) {
                (void) sd_bus_process(c.peer, NULL);
                (void) sd_bus_process(c.bus, NULL);
        }
        assert_int_equal(c.heard, 100);
        assert_null(bus_close(c.bus));
        sd_bus_close_unref(c.peer);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_last_messages_are_sent),
                cmocka_unit_test(test_a_bus_that_reads_nothing_keeps_nobody),
                cmocka_unit_test(test_a_slow_bus_gets_all_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
