#pragma once

/*
 * How large a message may be
 *
 * A bus disconnects a client that sends a larger message, and then policyd ends. sd-bus has no function for
 * the size of a message, so this walks through the message and adds up.
 */

#include <systemd/sd-bus.h>

/* The smallest limit that a bus has by default (dbus-daemon: max_message_size of the system bus), less the
 * header. */
#define BUS_MESSAGE_MAX ((32 << 20) - (64 << 10))

int bus_message_size(sd_bus_message *m, size_t *ret); /* of the body of a sealed message; the next read begins at its start */
int bus_refuse_size(sd_bus_error *error, const char *what);
