#pragma once

/*
 * A connection to a message bus by its address
 */

#include <systemd/sd-bus.h>

/* Begun, not attached to a loop yet: messages may be sent at once, they leave when the bus has let us in.
 * description: of the connection, in what sd-bus logs. */
int bus_open(const char *address, const char *description, sd_bus **ret);

/* Sends what waits, and closes. A bus that has read nothing for a second does not get it. NULL is fine; returns NULL. */
sd_bus *bus_close(sd_bus *bus);
