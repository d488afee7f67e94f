/*
 * A connection to a message bus by its address
 */

#include <poll.h>
#include <sys/ioctl.h>

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

/* Flushing may wait for ever. So if messages wait to be sent, it is checked first that the bus has read the
 * earlier ones. */
static bool is_read(sd_bus *bus) {
        uint64_t queued = 0;
        int unread = 0;

        if (sd_bus_is_open(bus) <= 0 || sd_bus_get_n_queued_write(bus, &queued) < 0 || queued == 0)
                return true;
        for (unsigned i = 0; i < CLOSE_MS / 10; i++) {
                if (ioctl(sd_bus_get_fd(bus), TIOCOUTQ, &unread) < 0 || unread == 0)
                        return true;
                (void) poll(NULL, 0, 10);
        }
        return false;
}

sd_bus *bus_close(sd_bus *bus) {
        return bus && !is_read(bus) ? sd_bus_close_unref(bus) : sd_bus_flush_close_unref(bus);
}
