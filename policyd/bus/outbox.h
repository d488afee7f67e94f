#pragma once

/*
 * The outbox: what a turn of the loop sends to the bus goes out in one piece
 *
 * sd-bus makes one system call of each message, and each wakes the bus; a start is a dozen messages. So the connection's output
 * is a pipe, which costs next to nothing to write to and wakes nobody, and outbox_flush() moves what stands in it to the bus's
 * socket with one splice(): after the replies of a commit, and before each wait of the loop. Order is kept, and so is
 * back-pressure: a full socket leaves the pipe full, and a full pipe leaves messages in sd-bus's queue.
 */

#include <systemd/sd-bus.h>

#include "common/base/macros.h"

typedef struct Outbox Outbox;

/*
 * Connects to a bus on this machine and makes it the unstarted bus's connection; until outbox_open() messages go out as they
 * come, so that calls may block. -EAFNOSUPPORT, with nothing done: an address of another kind (sd-bus knows them all), which does
 * without an outbox.
 */
int outbox_new(sd_bus *bus, const char *address, Outbox **ret);
int outbox_open(Outbox *o, sd_event *event);
void outbox_flush(Outbox *o_or_null);
/* Sends what is left, as long as the bus takes it; the connection stays usable without the outbox. false: the bus reads nothing. */
bool outbox_free(Outbox *o);
