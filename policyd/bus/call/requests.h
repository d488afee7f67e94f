#pragma once

/*
 * Requests and their answers
 *
 * A change is decided at once and answered after its commit: the handler returns 1 and the message waits here. A refusal is
 * answered at once, it changed nothing. Requests that wait are counted per caller and capped: the place of a call is taken before
 * its handler runs, and given back with the next call when it was not needed.
 */

#include "policyd/bus/call/callers.h"
#include "protocol/errors.h"

typedef struct Request Request;

typedef struct Requests {
        Request *first;    /* not yet answered */
        Request *reserved; /* one of them: the place of the call that is being handled */
} Requests;

/* Makes the request of a call that is about to be handled; the next call frees it when nobody took it. */
int request_reserve(Requests *requests, Callers *callers, sd_bus_message *m, sd_bus_error *error);
/* Who takes it hands request_committed() and the request to whom will call it once; on failure request_cancel(). */
int request_take(Requests *requests, sd_bus_message *m, Request **ret, sd_bus_error *error);
int request_set_path(Request *q, const char *path); /* the answer is this path; without it, nothing */
Request *request_cancel(Request *q);
void request_committed(ErrorCode code, const char *message, void *userdata);
void requests_drop(Requests *requests);
