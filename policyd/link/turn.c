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

#define MESSAGES_PER_TURN 32

static const char lost[] = "The connection to the host's bus was lost.";

static int take_turn(HostLink *link) {
        _cleanup_(link_unrefp) _unused_ HostLink *pin = link_ref(link);
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(link->bus);
        int r = 1;

        for (unsigned i = 0; i < MESSAGES_PER_TURN && r > 0; i++) {
                r = sd_bus_process(bus, NULL);
                if (link->freed || link->bus != bus)
                        return 0; /* a callback ended the connection */
        }
        if (r < 0)
                link_lose(link, lost);
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
static int watch(HostLink *link) {
        _cleanup_close_ int fd = -1;
        int r;

        r = sd_bus_get_fd(link->bus);
        if (r < 0)
                return r;
        fd = fcntl(r, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        r = sd_event_add_io(link->event, &link->io, fd, EPOLLIN, on_io, link);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(link->io, true);
        if (r >= 0)
                take_fd(fd);
        return r;
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
}
