/*
 * The outbox between sd-bus and its socket: a turn goes out in one piece, nothing is lost or overtaken when
 * the bus is slow, and a bus that goes away ends the connection and not the program
 */

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <systemd/sd-event.h>

#include "policyd/bus/outbox.h"
#include "tests/unit/common/folder.h"

#define LARGE (64 * 1024)
#define TURNS_MAX 100000

typedef struct Connection {
        sd_event *event;
        sd_bus *bus; /* ours, with the outbox */
        sd_bus *peer;
        Outbox *outbox;
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

static void connect_peer(Connection *c) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = "bus"};
        _cleanup_close_ int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd;

        assert_true(bind(listening, (struct sockaddr *) &sa, sizeof(sa)) >= 0 && listen(listening, 1) >= 0);
        assert_true(sd_bus_new(&c->bus) >= 0);
        assert_ok(outbox_new(c->bus, "unix:path=bus,guid=00112233445566778899aabbccddeeff", &c->outbox));
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(fd >= 0);

        assert_true(sd_bus_new(&c->peer) >= 0 && sd_bus_set_fd(c->peer, fd, fd) >= 0);
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

static void open_connection(Connection *c) {
        *c = (Connection){0};
        connect_peer(c);
        assert_true(sd_event_new(&c->event) >= 0);
        assert_ok(outbox_open(c->outbox, c->event));
        assert_true(sd_bus_attach_event(c->bus, c->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
}

static void close_connection(Connection *c) {
        outbox_free(c->outbox);
        sd_bus_close_unref(c->bus);
        sd_bus_close_unref(c->peer);
        sd_event_unref(c->event);
}

static void say(Connection *c, uint32_t number, size_t size) {
        _cleanup_free_ char *text = calloc(1, size + 1);

        memset(text, 'x', size);
        assert_true(sd_bus_emit_signal(c->bus, "/", "org.xenvgpu.Test", "Said", "us", number, text) >= 0);
}

/* Whether a byte of ours stands in the peer's socket. */
static bool arrived(Connection *c) {
        struct pollfd in = {.fd = sd_bus_get_fd(c->peer), .events = POLLIN};

        return poll(&in, 1, 0) > 0;
}

static void peer_reads(Connection *c) {
        while (sd_bus_process(c->peer, NULL) > 0)
                ;
}

static void a_turn_goes_out_in_one_piece(void **state) {
        Connection c;

        open_connection(&c);
        for (uint32_t i = 0; i < 10; i++)
                say(&c, i, 100);
        assert_false(arrived(&c));

        outbox_flush(c.outbox);
        assert_true(arrived(&c));
        peer_reads(&c);
        assert_int_equal(c.heard, 10);

        say(&c, 10, 100);
        assert_true(sd_event_run(c.event, 0) >= 0); /* before it waits */
        peer_reads(&c);
        assert_int_equal(c.heard, 11);
        close_connection(&c);
}

/* More than the socket, the pipe and both together take. */
static void a_slow_bus_gets_all_in_order(void **state) {
        Connection c;

        open_connection(&c);
        for (uint32_t i = 0; i < 100; i++)
                say(&c, i, LARGE);
        for (unsigned i = 0; i < 100; i++)
                assert_true(sd_event_run(c.event, 0) >= 0);
        assert_int_equal(c.heard, 0);

        for (unsigned i = 0; i < TURNS_MAX && c.heard < 100; i++) {
                (void) sd_bus_process(c.peer, NULL);
                assert_true(sd_event_run(c.event, 0) >= 0);
        }
        assert_int_equal(c.heard, 100);
        assert_int_equal(sd_event_run(c.event, 0), 0); /* and the loop rests */
        close_connection(&c);
}

/* It is left without the last words rather than waited for. */
static void a_bus_that_reads_nothing_keeps_nobody(void **state) {
        struct timespec before, after;
        Connection c;

        open_connection(&c);
        for (uint32_t i = 0; i < 40; i++)
                say(&c, i, LARGE);
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
        assert_false(outbox_free(c.outbox));
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
        assert_true(after.tv_sec - before.tv_sec < 20);
        c.outbox = NULL;
        close_connection(&c);
}

static void the_last_words_are_sent(void **state) {
        Connection c;

        open_connection(&c);
        say(&c, 0, 100);
        assert_true(outbox_free(c.outbox));
        c.outbox = NULL;
        peer_reads(&c);
        assert_int_equal(c.heard, 1);

        say(&c, 1, 100); /* it is an ordinary connection again */
        peer_reads(&c);
        assert_int_equal(c.heard, 2);
        close_connection(&c);
}

static void a_bus_that_goes_ends_the_loop(void **state) {
        Connection c;

        open_connection(&c);
        assert_true(sd_bus_set_exit_on_disconnect(c.bus, true) >= 0);
        c.peer = sd_bus_close_unref(c.peer);
        say(&c, 0, 100);
        outbox_flush(c.outbox);
        assert_true(sd_event_loop(c.event) != 0);
        close_connection(&c);
}

static void other_addresses_do_without(void **state) {
        static const char *const others[] = {"tcp:host=localhost,port=1", "unixexec:path=/bin/true",
                "unix:path=/a;unix:path=/b", "unix:path=/a%20b", "unix:path=", "unix:runtime=yes", ""};
        char lengthy[200] = "unix:path=/";
        Outbox *o = NULL;
        sd_bus *bus;

        assert_true(sd_bus_new(&bus) >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                assert_int_equal(outbox_new(bus, others[i], &o), -EAFNOSUPPORT);
        memset(lengthy + strlen(lengthy), 'x', sizeof(lengthy) - strlen(lengthy) - 1);
        assert_int_equal(outbox_new(bus, lengthy, &o), -EAFNOSUPPORT);
        assert_int_equal(outbox_new(bus, "unix:path=nobody", &o), -ENOENT);
        assert_null(o);
        sd_bus_unref(bus);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST_IN_FOLDER(a_turn_goes_out_in_one_piece),
                TEST_IN_FOLDER(a_slow_bus_gets_all_in_order),
                TEST_IN_FOLDER(a_bus_that_reads_nothing_keeps_nobody),
                TEST_IN_FOLDER(the_last_words_are_sent),
                TEST_IN_FOLDER(a_bus_that_goes_ends_the_loop),
                TEST_IN_FOLDER(other_addresses_do_without),
        };

        signal(SIGPIPE, SIG_IGN); /* as the daemon does */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
