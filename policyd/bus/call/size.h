#pragma once

/*
 * What a message may be
 *
 * A bus ends the connection of who sends it a larger one, and with it policyd. sd-bus does not tell a message's size, so it is
 * added up by walking through the message.
 */

#include <systemd/sd-bus.h>

/* What the bus's own settings let through at least (dbus-daemon: max_message_size of the system bus), less the header. */
#define BUS_MESSAGE_MAX ((32 << 20) - (64 << 10))

int bus_message_size(sd_bus_message *m, size_t *ret); /* of the body of a sealed message; the next read begins at its start */
int bus_refuse_size(sd_bus_error *error, const char *what);
