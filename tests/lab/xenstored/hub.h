#pragma once

/*
 * The hub: clients of the store, their requests and their watches; no sockets
 *
 * A session is one client. Bytes go in with session_feed(), in whatever pieces; replies and watch events
 * gather in its output, which the server sends. Everything that a client can make is capped: transactions,
 * watches, unsent output. A client that breaks the framing, or lets its output grow beyond the cap, is to be
 * dropped; anything else wrong is answered with an error.
 */

#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "tests/lab/xenstored/store.h"

#define SESSION_TRANSACTIONS_MAX 16
#define SESSION_WATCHES_MAX 1024
#define SESSION_OUTPUT_MAX (4u << 20)
#define DOMID_MAX 0x7ff0

typedef struct Hub Hub;
typedef struct Session Session;

int hub_new(Hub **ret);
Hub *hub_free(Hub *hub); /* its sessions must be closed */
DEFINE_CLEANUP(Hub *, hub_free)

int session_open(Hub *hub, Session **ret);
Session *session_close(Session *s);
DEFINE_CLEANUP(Session *, session_close)

/* -EPROTO: a message longer than the protocol allows. -EMSGSIZE: too much unsent output. -ENOMEM. */
int session_feed(Session *s, const char *bytes, size_t size);

/* What waits to be sent; session_sent() drops its first n bytes. session_overflowed(): drop the client. */
const char *session_output(const Session *s, size_t *ret_size);
void session_sent(Session *s, size_t n);
bool session_overflowed(const Session *s);
