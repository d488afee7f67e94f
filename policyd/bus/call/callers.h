#pragma once

/*
 * Who calls
 *
 * A Caller is kept for each unique name that has requests waiting, used an idempotency key, or had several
 * long calls in the queue. Its uid is asked from the bus once, without blocking, when a key first needs it;
 * meanwhile its calls are parked, and then they are received again. When a name leaves the bus its Caller is
 * freed, since the bus never gives a name twice.
 */

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "common/base/hashmap.h"
#include "common/daemon/message-list.h"

typedef struct Callers Callers;
typedef struct Caller Caller;

struct Caller {
        Callers *callers;
        sd_bus *bus;
        char name[64];      /* unique names are short; longer ones get LimitReached */
        uint64_t n_waiting; /* requests, and the calls of both lists */
        bool has_uid;
        uint32_t uid;
        sd_bus_slot *vanish_slot, *ask_slot;
        MessageList parked; /* until the uid is known */
        MessageList queued; /* until it is their turn: the queue's */
        TAILQ_ENTRY(Caller) turn, age;
};

struct Callers {
        uint64_t waiting_max; /* of one caller */
        HashMap *by_name;
        TAILQ_HEAD(, Caller) by_age; /* the oldest first */
        void (*left)(Caller *c, void *userdata); /* before its queued calls are dropped */
        void *userdata;
};

int callers_init(Callers *callers, uint64_t waiting_max);
void callers_done(Callers *callers);

/* Who sent m. LimitReached: there are too many. */
int caller_get(Callers *callers, sd_bus_message *m, Caller **ret, sd_bus_error *error);
int caller_check_room(const Caller *c, sd_bus_error *error); /* LimitReached: too many of its calls wait already */
void caller_settle(Caller *c); /* one of its calls no longer waits */
int caller_watch(Caller *c);   /* frees it with its waiting calls when it leaves the bus */
/* Receives m again when the uid is known; 1, or negative with the error set. */
int caller_park(Caller *c, sd_bus_message *m, sd_bus_error *error);

/* Calls handler when a unique name has left the bus. */
int watch_name(sd_bus *bus, const char *name, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata);
