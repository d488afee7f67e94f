#pragma once

/*
 * A connection to a message bus by its address
 */

#include <systemd/sd-bus.h>

/* Starts a connection that is not attached to a loop yet. Messages may be sent at once; they leave when the
 * bus has accepted the connection. description: names the connection in the logs of sd-bus. */
int bus_open(const char *address, const char *description, sd_bus **ret);

/* Sends the waiting messages and closes. If the bus has read nothing for a second, they are dropped. NULL is
 * fine; returns NULL. */
sd_bus *bus_close(sd_bus *bus);
