#pragma once

/*
 * Who changed what: one line of the log for each call that changed the pool, and one for each that was refused
 *
 * A note is taken before a call is handled, with the values that its object has. When the call was decided, they are compared with
 * those that it has then, before any other call is handled; so a line tells what this call did. It is written after the commit, once the
 * caller's unit is known, for which nothing waits longer than two seconds.
 */

#include <systemd/sd-bus.h>

#include "policyd/bus/call/callers.h"
#include "policyd/bus/call/requests.h"
#include "policyd/pool/pool.h"

typedef struct ChangeNote ChangeNote;

typedef struct ChangeLog {
        LIST_HEAD(, ChangeNote) waiting; /* for the unit of their caller; the newest first */
        Callers *callers;
        uint64_t denied_since; /* monotonic µs */
        unsigned n_denied;     /* lines of calls that were denied since then: they are limited */
        Pool *(*pool)(void *userdata);
        void (*began)(const Uuid *job, const char *who, void *userdata); /* more is known of who began it */
        void *userdata;
} ChangeLog;

/* began, pool and userdata are set by its owner. */
void change_log_init(ChangeLog *log, Callers *callers);
void change_log_done(ChangeLog *log); /* writes what waits */

/* A call that was refused before it was handled: its caller may not do it, or is not known. */
void change_log_denied(ChangeLog *log, sd_bus_message *m, const Object *target_or_null, const char *sentence);

/* The request of the call that is being handled gets a note. target: the object that the method belongs to, NULL for the Manager. */
int change_note_take(ChangeLog *log, Requests *requests, sd_bus_message *m, const Object *target_or_null);
/* Of the reserved request, or of one that was taken. The call was decided; made: what it made. */
void change_note_decided(RequestNote *note_or_null, const Object *made_or_null);
/* It does nothing that is not done already: a call that is repeated, or only asks. */
void change_note_nothing(RequestNote *note_or_null);
/* What it does that is no property of its object: "it is dialled now". */
void change_note_say(RequestNote *note_or_null, const char *what);
/* Only these properties are the call's: it is decided later, and others may change meanwhile. */
void change_note_only(RequestNote *note_or_null, uint64_t properties);
/* The call was refused. */
void change_note_refused(RequestNote *note_or_null, const sd_bus_error *error);
