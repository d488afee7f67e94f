/*
 * A connection to a message bus by its address
 */

#include <poll.h>

#include "common/daemon/bus-open.h"
#include "common/base/macros.h"

#define CLOSE_MS 1000

int bus_open(const char *address, const char *description, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_set_description(bus, description);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = take_ptr(bus);
        return 0;
}

sd_bus *bus_close(sd_bus *bus) {
        struct pollfd room = {.fd = bus ? sd_bus_get_fd(bus) : -1, .events = POLLOUT};

        /* To flush waits for ever. */
        if (room.fd >= 0 && sd_bus_is_open(bus) > 0 && poll(&room, 1, CLOSE_MS) <= 0)
                return sd_bus_close_unref(bus);
        return sd_bus_flush_close_unref(bus);
}
