#pragma once

/*
 * Requests and their answers
 *
 * A change is decided at once and answered after its commit: the handler returns 1 and the message waits
 * here. A refusal is answered at once, since it changed nothing. The waiting requests of each caller are
 * counted and limited: the place of a call is taken before its handler runs; if the handler does not need it,
 * the next call gives it back.
 */

#include "policyd/bus/call/callers.h"
#include "protocol/errors.h"

typedef struct Request Request;

/* What its owner wants to hear of a request: how it was answered, after the answer was sent. Then, or where it is not answered, it is
 * freed. */
typedef struct RequestNote RequestNote;
struct RequestNote {
        void (*answered)(RequestNote *n, ErrorCode code, const char *message_or_null);
        void (*free)(RequestNote *n);
};

typedef struct Requests {
        LIST_HEAD(, Request) all; /* not yet answered */
        Request *reserved;        /* one of them: the place of the call that is being handled */
} Requests;

/* Makes the request of a call that is about to be handled. If its handler does not take it, the next call
 * frees it. */
int request_reserve(Requests *requests, Callers *callers, sd_bus_message *m, sd_bus_error *error);
/* The handler that takes the request passes request_committed() and the request on, to be called once after
 * the commit; if that fails, it gives the request back. */
int request_take(Requests *requests, sd_bus_message *m, Request **ret, sd_bus_error *error);
void request_give_back(Request *q);
/* Of the reserved request, whose call is being handled; taken over. */
void request_set_note(Requests *requests, RequestNote *note);
RequestNote *request_note(const Request *q);        /* or NULL */
RequestNote *requests_note(const Requests *requests); /* that of the reserved request, or NULL */
int request_set_text(Request *q, const char *text); /* … or this text */
int request_set_path(Request *q, const char *path); /* the answer is this path; without it, nothing */
/* The handler of m has ended well. Where it did not take the request, it has answered. */
void requests_answered(Requests *requests, sd_bus_message *m);
Request *request_cancel(Request *q);
void request_committed(ErrorCode code, const char *message, void *userdata);
void requests_drop(Requests *requests);
