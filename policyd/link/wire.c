/*
 * The connection to one host's bus, on the event loop
 *
 * The timer is only moved to an earlier time. It may fire for a call that was answered meanwhile; that is
 * cheaper than moving it with each answer.
 */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "policyd/link/wire.h"

#define MESSAGES_PER_TURN 32

struct Wire {
        unsigned n_ref; /* a turn holds one: a callback may close the wire */
        sd_event *event;
        sd_bus *bus; /* NULL: closed */
        void (*dropped)(void *userdata);
        void *userdata;
        int fd; /* a number of the wire's own; -1: none yet */
        sd_event_source *io, *wake;
        uint64_t wake_at; /* for when wake is set; UINT64_MAX: it is not */
        bool listens;     /* for noise, until the first bytes came */
        char noise[WIRE_NOISE_MAX];
};

int wire_new(sd_event *event, void (*dropped)(void *userdata), void *userdata, Wire **ret) {
        Wire *wire = calloc(1, sizeof(*wire));
        int r;

        if (!wire)
                return -ENOMEM;
        *wire = (Wire){.n_ref = 1, .event = event, .dropped = dropped, .userdata = userdata, .fd = -1};
        r = sd_bus_new(&wire->bus);
        if (r < 0) {
                free(wire);
                return r;
        }
        *ret = wire;
        return 0;
}

static void wire_unref(Wire *wire) {
        if (--wire->n_ref == 0)
                free(wire);
}

Wire *wire_close(Wire *wire) {
        if (!wire)
                return NULL;
        wire->io = sd_event_source_disable_unref(wire->io);
        wire->wake = sd_event_source_disable_unref(wire->wake);
        wire->fd = safe_close(wire->fd);
        wire->bus = sd_bus_close_unref(wire->bus);
        wire_unref(wire);
        return NULL;
}

sd_bus *wire_bus(const Wire *wire) {
        return wire->bus;
}

/* What a D-Bus server answers to the first words of a client. */
static bool is_of_bus(const char *text, size_t n) {
        static const char *const words[] = {"DATA", "OK ", "REJECTED", "ERROR", "AGREE_UNIX_FD"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strncmp(text, words[i], MIN_OF(n, strlen(words[i]))) == 0)
                        return true;
        return false;
}

/* The start files of a login may print something before the bridge runs. sd-bus does not report what that
 * was, so it is kept here. */
static void peek(Wire *wire) {
        char text[WIRE_NOISE_MAX];
        ssize_t n;

        if (!wire->listens)
                return;
        n = recv(wire->fd, text, sizeof(text) - 1, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0)
                return;
        wire->listens = false;
        text[n] = '\0';
        if (!is_of_bus(text, (size_t) n))
                memcpy(wire->noise, text, (size_t) n + 1);
}

void wire_noise(Wire *wire, char buf[static WIRE_NOISE_MAX]) {
        peek(wire);
        if (*wire->noise)
                memcpy(buf, wire->noise, WIRE_NOISE_MAX);
}

static void turn(Wire *wire) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(wire->bus);
        int r = 1;

        wire->n_ref++;
        peek(wire);
        for (unsigned i = 0; i < MESSAGES_PER_TURN && r > 0 && wire->bus; i++)
                r = sd_bus_process(bus, NULL);
        if (wire->bus && r < 0)
                wire->dropped(wire->userdata);
        else if (wire->bus)
                wire_arm(wire);
        wire_unref(wire);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        turn(userdata);
        return 0;
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata) {
        Wire *wire = userdata;

        wire->wake_at = UINT64_MAX;
        turn(wire);
        return 0;
}

static int set_wake(Wire *wire, uint64_t usec) {
        int r;

        r = sd_event_source_set_time(wire->wake, usec);
        return r < 0 ? r : sd_event_source_set_enabled(wire->wake, SD_EVENT_ONESHOT);
}

static int arm_wake(Wire *wire) {
        uint64_t usec;
        int r;

        r = sd_bus_get_timeout(wire->bus, &usec);
        if (r <= 0 || usec >= wire->wake_at)
                return r < 0 ? r : 0;
        r = set_wake(wire, usec);
        if (r >= 0)
                wire->wake_at = usec;
        return r;
}

void wire_arm(Wire *wire) {
        int r;

        if (!wire->io)
                return;
        r = sd_bus_get_events(wire->bus);
        if (r >= 0)
                r = sd_event_source_set_io_events(wire->io, (uint32_t) r);
        if (r >= 0)
                r = arm_wake(wire);
        /* If the connection has just ended, its next turn reports that. */
        if (r < 0)
                (void) set_wake(wire, 0);
}

static int take_fd_of(Wire *wire, int fd) {
        wire->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return wire->fd < 0 ? -errno : 0;
}

int wire_set_socket(Wire *wire, int fd) {
        _cleanup_close_ int socket = fd;
        int r;

        r = take_fd_of(wire, socket);
        if (r < 0)
                return r;
        wire->listens = true;
        r = sd_bus_set_fd(wire->bus, socket, socket);
        if (r >= 0)
                take_fd(socket);
        return r;
}

int wire_attach(Wire *wire) {
        int r = 0;

        wire->wake_at = UINT64_MAX;
        if (wire->fd < 0) {
                r = sd_bus_get_fd(wire->bus);
                r = r < 0 ? r : take_fd_of(wire, r);
        }
        if (r >= 0)
                r = sd_event_add_time(wire->event, &wire->wake, CLOCK_MONOTONIC, UINT64_MAX, 1, on_wake, wire);
        if (r >= 0)
                r = sd_event_source_set_enabled(wire->wake, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_io(wire->event, &wire->io, wire->fd, EPOLLIN, on_io, wire);
        if (r >= 0)
                wire_arm(wire);
        return r < 0 ? r : 0;
}
