/*
 * The outbox: what a turn of the loop sends to the bus goes out in one piece
 *
 * sd-bus takes one file descriptor to read from and one to write to. The second is at first the socket itself, under another
 * number; once the loop runs the pipe is put under that number, and at the end the socket again.
 */

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "policyd/bus/outbox.h"

/* The announcements of a large commit; where the system grants less, sd-bus keeps the rest. */
#define PIPE_BYTES (1 << 20)
#define DRAIN_MS 1000

struct Outbox {
        sd_bus *bus;
        int socket; /* a number of its own: the loop watches it for room, and sd-bus its own for messages */
        int output; /* what sd-bus writes to; closed by it */
        int pipe;   /* the end that is read; -1 while output is the socket */
        sd_event_source *source;
};

/* One address of a socket in the file system or in the abstract name space, without escapes. */
static int parse_address(const char *address, struct sockaddr_un *ret, socklen_t *ret_size) {
        const char *path = startswith(address, "unix:path="), *name = startswith(address, "unix:abstract=");
        const char *text = path ?: name;
        size_t offset = name ? 1 : 0, n;

        if (!text || strchr(text, '%') || strchr(text, ';'))
                return -EAFNOSUPPORT;
        n = strcspn(text, ","); /* what follows is the bus's guid */
        if (n == 0 || offset + n >= sizeof(ret->sun_path))
                return -EAFNOSUPPORT;

        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret->sun_path + offset, text, n);
        *ret_size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + offset + n + (path ? 1 : 0));
        return 0;
}

static int connect_to(const char *address, int *ret) {
        _cleanup_close_ int fd = -1;
        struct sockaddr_un sa;
        socklen_t size = 0;
        int r;

        r = parse_address(address, &sa, &size);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &sa, size) < 0)
                return -errno;
        *ret = take_fd(fd);
        return 0;
}

static int duplicate(int fd, int *ret) {
        *ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return *ret < 0 ? -errno : 0;
}

int outbox_new(sd_bus *bus, const char *address, Outbox **ret) {
        _cleanup_close_ int input = -1, output = -1, own = -1;
        Outbox *o;
        int r;

        r = connect_to(address, &input);
        if (r >= 0)
                r = duplicate(input, &output);
        if (r >= 0)
                r = duplicate(input, &own);
        if (r < 0)
                return r;
        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        r = sd_bus_set_fd(bus, input, output);
        if (r < 0) {
                free(o);
                return r;
        }

        take_fd(input);
        *o = (Outbox){.bus = sd_bus_ref(bus), .socket = take_fd(own), .output = take_fd(output), .pipe = -1};
        *ret = o;
        return 0;
}

/* Moves what the socket takes; true: all of it. An end of the connection is sd-bus's to notice. */
static bool move(Outbox *o) {
        int n = 0;

        while (ioctl(o->pipe, FIONREAD, &n) >= 0 && n > 0)
                if (splice(o->pipe, NULL, o->socket, NULL, (size_t) n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) < 0 &&
                        errno != EINTR)
                        return errno != EAGAIN;
        return true;
}

void outbox_flush(Outbox *o) {
        if (o && o->pipe >= 0)
                (void) sd_event_source_set_io_events(o->source, move(o) ? 0 : EPOLLOUT);
}

static int on_prepare(sd_event_source *source, void *userdata) {
        outbox_flush(userdata);
        return 0;
}

/* There is room again: the next prepare uses it. */
static int on_room(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return 0;
}

int outbox_open(Outbox *o, sd_event *event) {
        _cleanup_close_ int reading = -1, writing = -1;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        reading = fds[0];
        writing = fds[1];
        (void) fcntl(writing, F_SETPIPE_SZ, PIPE_BYTES);
        r = sd_event_add_io(event, &o->source, o->socket, 0, on_room, o);
        if (r >= 0)
                r = sd_event_source_set_prepare(o->source, on_prepare);
        if (r < 0)
                return r;
        if (dup3(writing, o->output, O_CLOEXEC) < 0)
                return -errno;
        o->pipe = take_fd(reading);
        return 0;
}

/* sd-bus still has messages, and would wait for ever to write them: so the bus has to have read what it was given. */
static bool wait_for_reader(Outbox *o) {
        uint64_t queued = 0;
        int unread = 0;

        if (sd_bus_get_n_queued_write(o->bus, &queued) < 0 || queued == 0)
                return true;
        for (unsigned i = 0; i < DRAIN_MS / 10; i++) {
                if (ioctl(o->socket, TIOCOUTQ, &unread) < 0 || unread == 0)
                        return true;
                (void) poll(NULL, 0, 10);
        }
        return false;
}

/* A bus that reads nothing more does not keep us. */
static bool drain(Outbox *o) {
        struct pollfd room = {.fd = o->socket, .events = POLLOUT};

        while (!move(o))
                if (poll(&room, 1, DRAIN_MS) <= 0)
                        return false;
        return wait_for_reader(o);
}

bool outbox_free(Outbox *o) {
        bool reads = true;

        if (!o)
                return true;
        o->source = sd_event_source_disable_unref(o->source);
        /* A connection that has ended has closed its number, which may be another's by now. */
        if (o->pipe >= 0 && sd_bus_is_open(o->bus) > 0) {
                reads = drain(o);
                (void) dup3(o->socket, o->output, O_CLOEXEC);
        }
        sd_bus_unref(o->bus);
        safe_close(o->pipe);
        safe_close(o->socket);
        free(o);
        return reads;
}
