#pragma once

/*
 * The connection to one host's bus, on the event loop
 *
 * With sd_bus_attach_event() the loop would look at each connection before each of its turns. With 64 hosts
 * that adds 60 µs to a start that takes policyd 124 µs, and more with more hosts (docs/performance.md). So a
 * wire has two sources of its own, which are set when its connection may have changed: after a turn, and
 * after a message was sent outside of a turn. A turn handles all that has arrived, within a limit that keeps
 * one host from starving the others.
 *
 * The loop watches a duplicate of sd-bus's descriptor. sd-bus closes its own as soon as the connection has
 * ended, before the wire learns of it. If a child process that is just being started still had that
 * descriptor open, it would stay in the loop's epoll, and nothing could remove it.
 */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct Wire Wire;

/* A connection that is not started yet. dropped() is called when the other side has ended it. It may close
 * the wire, and so may every callback of the connection. */
int wire_new(sd_event *event, void (*dropped)(void *userdata), void *userdata, Wire **ret);
Wire *wire_close(Wire *wire); /* and its bus; NULL is fine; returns NULL */
sd_bus *wire_bus(const Wire *wire);

/* Reaches the bus through this socket, which belongs to the wire from then on. Other text may arrive before
 * the first message of the bus. */
int wire_set_socket(Wire *wire, int fd);
int wire_attach(Wire *wire); /* once the bus was started */
void wire_arm(Wire *wire);   /* after anything was sent */

/* Copies what arrived first into buf if that was not the bus's answer; else leaves buf as it is. It is peeked
 * at before each turn, since it is gone once sd-bus has read it. */
#define WIRE_NOISE_MAX 256
void wire_noise(Wire *wire, char buf[static WIRE_NOISE_MAX]);
