#pragma once

/*
 * The connection to one host's bus, on the event loop
 *
 * sd_bus_attach_event() would have the loop look at each connection before each of its turns: with 64 hosts that is 60 µs more
 * for a start that takes policyd 124, and it grows with them (docs/performance.md). So a wire has its own two sources, which are set when
 * something of its connection has changed: after a turn, and after a message was sent outside of one. A turn handles all that has
 * arrived, within a limit that keeps one host from starving the others.
 *
 * The loop watches a descriptor of the wire's own: sd-bus closes its one as soon as the connection has ended, before anybody hears
 * of it, and what a child that is just being spawned still holds open would stay in the loop's epoll, with nobody who can take it
 * out.
 */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct Wire Wire;

/* An unstarted connection. dropped() is told when the other side has ended it; it may close the wire, and so may every callback of
 * the connection. */
int wire_new(sd_event *event, void (*dropped)(void *userdata), void *userdata, Wire **ret);
Wire *wire_close(Wire *wire); /* and its bus; NULL is fine; returns NULL */
sd_bus *wire_bus(const Wire *wire);

/* The bus is reached through this socket, which is the wire's from then on; before its first words something else may come. */
int wire_set_socket(Wire *wire, int fd);
int wire_attach(Wire *wire); /* once the bus was started */
void wire_arm(Wire *wire);   /* after anything was sent */

/* What came first, where it is not a bus's word, into buf; else it stays as it is. Once sd-bus has read it, it is gone: so it is
 * looked for before each turn, and kept. */
#define WIRE_NOISE_MAX 256
void wire_noise(Wire *wire, char buf[static WIRE_NOISE_MAX]);
