/*
 * A link's turns on the event loop
 *
 * sd_bus_attach_event() would have the loop look at each connection before each of its turns: with a thousand
 * hosts that is more than all the work of a start. So a link has its own two sources, which are set when
 * something of its connection has changed: after a turn, and after a message was sent outside of one. A turn
 * handles all that has arrived, within a limit that keeps one host from starving the others.
 *
 * The timer is only ever moved forward. Deadlines of calls that were answered let it ring for nothing, which
 * is cheaper than moving it with each answer.
 */

#include "policyd/link/link-private.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MESSAGES_PER_TURN 32

/* What a D-Bus server answers to the first words of a client. */
static bool is_of_bus(const char *text, size_t n) {
        static const char *const words[] = {"DATA", "OK ", "REJECTED", "ERROR", "AGREE_UNIX_FD"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strncmp(text, words[i], MIN_OF(n, strlen(words[i]))) == 0)
                        return true;
        return false;
}

/* Of a login: its start files may print something before the bridge runs, and sd-bus does not say what it
 * was. */
void link_peek(HostLink *link) {
        char text[sizeof(link->noise)];
        ssize_t n;

        if (!link->ssh || link->wire < 0 || link->spoke)
                return;
        n = recv(link->wire, text, sizeof(text) - 1, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0)
                return;
        link->spoke = true;
        text[n] = '\0';
        if (!is_of_bus(text, (size_t) n))
                memcpy(link->noise, text, (size_t) n + 1);
}

static int take_turn(HostLink *link) {
        _cleanup_(link_unrefp) _unused_ HostLink *pin = link_ref(link);
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(link->bus);
        int r = 1;

        link_peek(link);
        for (unsigned i = 0; i < MESSAGES_PER_TURN && r > 0; i++) {
                r = sd_bus_process(bus, NULL);
                if (link->freed || link->bus != bus)
                        return 0; /* a callback ended the connection */
        }
        if (r < 0)
                link_dropped(link);
        else
                link_arm(link);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return take_turn(userdata);
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata) {
        HostLink *link = userdata;

        link->wake_at = UINT64_MAX;
        return take_turn(link);
}

static int arm_wake(HostLink *link) {
        uint64_t usec;
        int r;

        r = sd_bus_get_timeout(link->bus, &usec);
        if (r <= 0 || usec >= link->wake_at)
                return r < 0 ? r : 0;
        r = sd_event_source_set_time(link->wake, usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->wake, SD_EVENT_ONESHOT);
        if (r >= 0)
                link->wake_at = usec;
        return r;
}

void link_arm(HostLink *link) {
        int r;

        if (!link->io)
                return;
        r = sd_bus_get_events(link->bus);
        if (r >= 0)
                r = sd_event_source_set_io_events(link->io, (uint32_t) r);
        if (r >= 0)
                r = arm_wake(link);
        /* A connection that has just ended says so in its next turn. */
        if (r < 0 && sd_event_source_set_time(link->wake, 0) >= 0)
                (void) sd_event_source_set_enabled(link->wake, SD_EVENT_ONESHOT);
}

/*
 * The loop watches a descriptor of its own: sd-bus closes its one as soon as the connection has ended, before
 * anybody hears of it, and what a child that is just being spawned still holds open would stay in the loop's
 * epoll, with nobody who can take it out.
 */
int link_take_wire(HostLink *link, int fd) {
        link->wire = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return link->wire < 0 ? -errno : 0;
}

static int watch(HostLink *link) {
        int r = 0;

        if (link->wire < 0) {
                r = sd_bus_get_fd(link->bus);
                r = r < 0 ? r : link_take_wire(link, r);
        }
        return r < 0 ? r : sd_event_add_io(link->event, &link->io, link->wire, EPOLLIN, on_io, link);
}

int link_attach(HostLink *link) {
        int r;

        link->wake_at = UINT64_MAX;
        r = sd_event_add_time(link->event, &link->wake, CLOCK_MONOTONIC, UINT64_MAX, 1, on_wake, link);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->wake, SD_EVENT_OFF);
        if (r >= 0)
                r = watch(link);
        if (r >= 0)
                link_arm(link);
        return r < 0 ? r : 0;
}

void link_detach(HostLink *link) {
        link->io = sd_event_source_disable_unref(link->io);
        link->wake = sd_event_source_disable_unref(link->wake);
        link->wire = safe_close(link->wire);
}
