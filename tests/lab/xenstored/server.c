/*
 * The lab's xenstore server: sockets around a hub
 *
 * One poll loop. A client whose framing breaks, or who lets its output pile up, is dropped; with all places
 * taken, a further client is sent away.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/lab/xenstored/server.h"

#define FIRST_CLIENT 2 /* poll slots 0 and 1: stop, listen */

typedef struct Server {
        Hub *hub;
        struct pollfd fds[FIRST_CLIENT + SERVER_CLIENTS_MAX];
        Session *sessions[FIRST_CLIENT + SERVER_CLIENTS_MAX];
        size_t n_fds;
} Server;

int server_listen(const char *path, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;

        /* Made beside its name, and called by it when it listens: who waits for the name can connect at once. */
        if ((size_t) snprintf(address.sun_path, sizeof(address.sun_path), "%s~", path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (unlink(address.sun_path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0 ||
                rename(address.sun_path, path) < 0)
                return -errno;

        *ret = take_fd(fd);
        return 0;
}

static void accept_client(Server *server, int listen_fd) {
        Session *session;
        int fd;

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        if (server->n_fds == ARRAY_SIZE(server->fds) || session_open(server->hub, &session) < 0) {
                (void) close(fd);
                return;
        }
        server->fds[server->n_fds] = (struct pollfd){ .fd = fd };
        server->sessions[server->n_fds++] = session;
}

static void drop_client(Server *server, size_t i) {
        (void) session_close(server->sessions[i]);
        (void) close(server->fds[i].fd);
        server->n_fds--;
        server->fds[i] = server->fds[server->n_fds];
        server->sessions[i] = server->sessions[server->n_fds];
}

static int receive(Session *session, int fd) {
        char bytes[8192];
        ssize_t n;

        n = recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        return n == 0 ? -ECONNRESET : session_feed(session, bytes, (size_t) n);
}

static int transmit(Session *session, int fd) {
        const char *output;
        size_t size;
        ssize_t n;

        output = session_output(session, &size);
        if (size == 0)
                return 0;
        n = send(fd, output, size, MSG_NOSIGNAL);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        session_sent(session, (size_t) n);
        return 0;
}

static void serve_clients(Server *server) {
        /* From the end, since dropping moves the last one into the gap. Receiving may fill others' outputs:
         * send after all. */
        for (size_t i = server->n_fds; i-- > FIRST_CLIENT;)
                if ((server->fds[i].revents & (POLLIN | POLLHUP | POLLERR)) &&
                        receive(server->sessions[i], server->fds[i].fd) < 0)
                        drop_client(server, i);
        for (size_t i = server->n_fds; i-- > FIRST_CLIENT;)
                if (session_overflowed(server->sessions[i]) ||
                        transmit(server->sessions[i], server->fds[i].fd) < 0)
                        drop_client(server, i);
}

static int serve(Server *server) {
        for (;;) {
                for (size_t i = FIRST_CLIENT; i < server->n_fds; i++) {
                        size_t waiting;

                        (void) session_output(server->sessions[i], &waiting);
                        server->fds[i].events = (short) (POLLIN | (waiting > 0 ? POLLOUT : 0));
                }
                if (poll(server->fds, server->n_fds, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (server->fds[0].revents)
                        return 0;
                serve_clients(server);
                if (server->fds[1].revents)
                        accept_client(server, server->fds[1].fd);
        }
}

int server_run(int listen_fd, int stop_fd) {
        Server *server;
        int r;

        server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;
        server->n_fds = FIRST_CLIENT;
        server->fds[0] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
        server->fds[1] = (struct pollfd){ .fd = listen_fd, .events = POLLIN };

        r = hub_new(&server->hub);
        if (r >= 0)
                r = serve(server);

        while (server->n_fds > FIRST_CLIENT)
                drop_client(server, server->n_fds - 1);
        (void) hub_free(server->hub);
        free(server);
        return r;
}
