#pragma once

/*
 * The inside of hub and session, shared by hub.c (framing, watches, output) and request.c (what each request
 * does)
 */

#include "tests/lab/xenstored/hub.h"

typedef struct Watch {
        char *path; /* absolute */
        char *token;
        bool relative; /* the client named it without the home path, and so do its events */
} Watch;

struct Hub {
        Store store;
        Session *sessions;
        uint32_t last_transaction;
        bool introduced[DOMID_MAX];
};

struct Session {
        Hub *hub;
        Session *previous, *next;

        char input[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
        size_t n_input;

        char *output;
        size_t n_output, n_allocated;
        bool overflowed;

        Watch *watches;
        size_t n_watches;
        Transaction *transactions[SESSION_TRANSACTIONS_MAX];
};

/* A domain's relative paths start here; everyone on the socket is domain 0. */
#define HOME_PATH "/local/domain/0"

void session_send(
        Session *s, uint32_t type, const struct xsd_sockmsg *request, const void *data, size_t size);
void session_send_event(Session *s, const Watch *w, const char *path);
void session_drop_watch(Session *s, size_t index);
void hub_fire(Hub *hub, const char *path, bool removed);

/* Answers one whole message. payload has a NUL behind its size. */
void session_handle(Session *s, const struct xsd_sockmsg *request, const char *payload);
