/*
 * xenvgpu-lab-relay: the wire between the master and one host
 *
 *   xenvgpu-lab-relay LISTEN TARGET CONTROL
 *
 * Passes bytes between connections to LISTEN (a unix socket) and TARGET (a host's bus). CONTROL is a second
 * socket: each connection sends one word and gets "ok" once it holds:
 *
 *   pass             the wire works; what was held goes on its way
 *   cut              every connection ends, and new ones are closed at once
 *   hold-replies     what the host says is held back; what the master says arrives
 *   hold             nothing arrives on either side, and no connection ends: a dead peer
 *   cut-after-order  works until a StartVM order has passed; its answer is held, and then the wire is cut:
 * the order was delivered, and the master cannot know mode             answers the word that holds
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "common/base/macros.h"

#define CONNECTIONS_MAX 64
#define BUFFER_SIZE 65536
#define HELD_MAX (16u << 20)
#define DELIVERY_MS 300 /* how long the order may take from our hands into the host's bus */
#define ORDER_WORD "StartVM"

typedef enum Mode {
        MODE_PASS,
        MODE_CUT,
        MODE_HOLD_REPLIES,
        MODE_HOLD,
        MODE_CUT_AFTER_ORDER,
        _MODE_MAX,
} Mode;

static const char *const mode_names[_MODE_MAX] = {
        [MODE_PASS] = "pass",
        [MODE_CUT] = "cut",
        [MODE_HOLD_REPLIES] = "hold-replies",
        [MODE_HOLD] = "hold",
        [MODE_CUT_AFTER_ORDER] = "cut-after-order",
};

/* One direction: bytes that were read and not yet written. */
typedef struct Flow {
        char *data;
        size_t n;
        bool ended;                        /* the reader's side is at its end */
        char tail[sizeof(ORDER_WORD) - 2]; /* the last bytes seen, for a word that two reads share */
} Flow;

typedef struct Connection {
        int master, host;
        Flow up, down; /* up: master to host */
} Connection;

typedef struct Relay {
        int listener, control;
        const char *target;
        Mode mode;
        int64_t cut_at; /* ms; 0: no order has passed */
        Connection connections[CONNECTIONS_MAX];
        size_t n;
} Relay;

static int64_t now_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int unix_socket(const char *path, bool listening) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd =
                socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (listening ? SOCK_NONBLOCK : 0), 0);

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        if (listening) {
                unlink(path);
                if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 64) < 0)
                        return -errno;
        } else if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
                   fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                return -errno;
        return take_fd(fd);
}

static void connection_end(Relay *relay, size_t index) {
        Connection *c = &relay->connections[index];

        safe_close(c->master);
        safe_close(c->host);
        free(c->up.data);
        free(c->down.data);
        *c = relay->connections[--relay->n];
}

static void cut(Relay *relay) {
        while (relay->n > 0)
                connection_end(relay, relay->n - 1);
        relay->mode = MODE_CUT;
        relay->cut_at = 0;
}

static void take_connection(Relay *relay) {
        _cleanup_close_ int master = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK),
                            host = -1;

        if (master < 0 || relay->mode == MODE_CUT || relay->n >= CONNECTIONS_MAX)
                return;
        host = unix_socket(relay->target, false);
        if (host < 0)
                return;
        relay->connections[relay->n++] = (Connection){ .master = take_fd(master), .host = take_fd(host) };
}

static bool up_moves(const Relay *relay) {
        return relay->mode != MODE_HOLD;
}

static bool down_moves(const Relay *relay) {
        return relay->mode == MODE_PASS || (relay->mode == MODE_CUT_AFTER_ORDER && relay->cut_at == 0);
}

/* Whether the order's member name stands in what has just been read, or across its beginning. */
static bool order_passes(Flow *flow, const char *data, size_t n) {
        char joined[sizeof(flow->tail) * 2];
        size_t head = MIN_OF(n, sizeof(flow->tail));
        bool found;

        memcpy(joined, flow->tail, sizeof(flow->tail));
        memcpy(joined + sizeof(flow->tail), data, head);
        found = memmem(joined, sizeof(flow->tail) + head, ORDER_WORD, strlen(ORDER_WORD)) ||
                memmem(data, n, ORDER_WORD, strlen(ORDER_WORD));

        if (n >= sizeof(flow->tail))
                memcpy(flow->tail, data + n - sizeof(flow->tail), sizeof(flow->tail));
        else {
                memmove(flow->tail, flow->tail + n, sizeof(flow->tail) - n);
                memcpy(flow->tail + sizeof(flow->tail) - n, data, n);
        }
        return found;
}

/* Reads what is there; false when the connection has failed. */
static bool flow_read(Relay *relay, Flow *flow, int from, bool is_up) {
        char *bigger;
        ssize_t n;

        if (flow->n + BUFFER_SIZE > HELD_MAX)
                return true;
        bigger = realloc(flow->data, flow->n + BUFFER_SIZE);
        if (!bigger)
                return false;
        flow->data = bigger;

        n = read(from, flow->data + flow->n, BUFFER_SIZE);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        if (n == 0)
                flow->ended = true;
        if (is_up && order_passes(flow, flow->data + flow->n, n) && relay->mode == MODE_CUT_AFTER_ORDER &&
                relay->cut_at == 0)
                relay->cut_at = now_ms() + DELIVERY_MS;
        flow->n += n;
        return true;
}

static bool flow_write(Flow *flow, int to) {
        ssize_t n;

        if (flow->n == 0)
                return true;
        n = send(to, flow->data, flow->n, MSG_NOSIGNAL);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        memmove(flow->data, flow->data + n, flow->n - n);
        flow->n -= n;
        return true;
}

static void obey(Relay *relay) {
        _cleanup_close_ int fd = accept4(relay->control, NULL, NULL, SOCK_CLOEXEC);
        struct timeval patience = { .tv_sec = 1 };
        char word[32] = {};
        ssize_t n;

        if (fd < 0)
                return;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        n = read(fd, word, sizeof(word) - 1);
        if (n <= 0)
                return;
        word[strcspn(word, "\n")] = 0;

        if (streq(word, "mode")) {
                dprintf(fd, "%s\n", mode_names[relay->mode]);
                return;
        }
        for (Mode mode = 0; mode < _MODE_MAX; mode++) {
                if (!streq(mode_names[mode], word))
                        continue;
                relay->mode = mode;
                relay->cut_at = 0;
                if (mode == MODE_CUT)
                        cut(relay);
                dprintf(fd, "ok\n");
                return;
        }
        dprintf(fd, "no such mode\n");
}

static bool connection_step(Relay *relay, Connection *c, short master_events, short host_events) {
        if ((master_events & (POLLIN | POLLHUP | POLLERR)) && up_moves(relay) && !c->up.ended &&
                !flow_read(relay, &c->up, c->master, true))
                return false;
        if ((host_events & (POLLIN | POLLHUP | POLLERR)) && relay->mode != MODE_HOLD && !c->down.ended &&
                !flow_read(relay, &c->down, c->host, false))
                return false;
        if (up_moves(relay) && !flow_write(&c->up, c->host))
                return false;
        if (down_moves(relay) && !flow_write(&c->down, c->master))
                return false;
        return !(c->up.ended && c->up.n == 0) && !(c->down.ended && c->down.n == 0 && down_moves(relay));
}

static short wanted(const Flow *in, const Flow *out, bool in_moves, bool out_moves) {
        return (in_moves && !in->ended && in->n + BUFFER_SIZE <= HELD_MAX ? POLLIN : 0) |
               (out_moves && out->n > 0 ? POLLOUT : 0);
}

static int step(Relay *relay) {
        struct pollfd p[2 + 2 * CONNECTIONS_MAX] = {
                { .fd = relay->listener, .events = POLLIN },
                { .fd = relay->control, .events = POLLIN },
        };
        size_t n = relay->n;
        int timeout = -1;

        for (size_t i = 0; i < n; i++) {
                const Connection *c = &relay->connections[i];
                bool held = relay->mode == MODE_HOLD;
                short master = wanted(&c->up, &c->down, !held, down_moves(relay)),
                      host = wanted(&c->down, &c->up, !held, !held);

                /* poll() reports a hangup whatever is asked for: a side that wants nothing is left out. */
                p[2 + 2 * i] = (struct pollfd){ .fd = master ? c->master : -1, .events = master };
                p[3 + 2 * i] = (struct pollfd){ .fd = host ? c->host : -1, .events = host };
        }
        if (relay->cut_at > 0)
                timeout = (int) MAX_OF(relay->cut_at - now_ms(), 0);
        if (poll(p, 2 + 2 * n, timeout) < 0)
                return errno == EINTR ? 0 : -errno;

        /* Backwards: the end of a connection moves the last one into its place. */
        for (size_t i = n; i-- > 0;)
                if (!connection_step(
                            relay, &relay->connections[i], p[2 + 2 * i].revents, p[3 + 2 * i].revents))
                        connection_end(relay, i);
        if (relay->cut_at > 0 && now_ms() >= relay->cut_at)
                cut(relay);
        if (p[0].revents)
                take_connection(relay);
        if (p[1].revents)
                obey(relay);
        return 0;
}

int main(int argc, char **argv) {
        Relay relay = {};
        int r = 0;

        if (argc != 4) {
                fprintf(stderr, "usage: xenvgpu-lab-relay LISTEN TARGET CONTROL\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        relay.target = argv[2];
        relay.listener = unix_socket(argv[1], true);
        relay.control = unix_socket(argv[3], true);
        if (relay.listener < 0 || relay.control < 0) {
                fprintf(stderr, "xenvgpu-lab-relay: cannot listen: %s\n",
                        strerror(relay.listener < 0 ? -relay.listener : -relay.control));
                return 1;
        }
        while (r >= 0)
                r = step(&relay);
        fprintf(stderr, "xenvgpu-lab-relay: %s\n", strerror(-r));
        return 1;
}
