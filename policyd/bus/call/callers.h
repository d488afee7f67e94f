#pragma once

/*
 * Who calls
 *
 * A Caller is kept for each unique name that has requests waiting, has changed something, or had several long calls in the queue. Who
 * it is (who.h) is asked from the bus once, without blocking, before its first change; meanwhile all of its calls are parked, and then
 * they are received again, in their order. Its unit is asked at the same time and is not waited for. When a name leaves the bus its
 * Caller is freed, since the bus never gives a name twice. One match tells of all names that leave: a bus limits matches.
 */

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "common/base/hashmap.h"
#include "common/daemon/message-list.h"
#include "policyd/bus/call/polkit.h"
#include "policyd/bus/call/who.h"

typedef struct Callers Callers;
typedef struct Caller Caller;
typedef struct CallerCheck CallerCheck;

/* Says no: the reply for the caller. */
typedef void (*CallerDenied)(Caller *c, sd_bus_message *m, PolkitAnswer answer, void *userdata);

struct Caller {
        Callers *callers;
        sd_bus *bus;
        char name[64];      /* unique names are short; longer ones get LimitReached */
        uint64_t n_waiting; /* requests, and the calls of both lists */
        bool identified; /* who is known, and kept until the name leaves the bus */
        bool left;       /* the name has left; calls of it are still parked */
        Who who;
        sd_bus_slot *ask_slot, *unit_slot;
        MessageList parked;        /* until it is known who asks */
        sd_bus_message *returning; /* the parked call that is received again next */
        CallerCheck *check;        /* polkit is asked whether one of its calls may be done; meanwhile the rest is parked */
        sd_bus_message *allowed;   /* that call, once polkit has said yes: it is returning */
        MessageList queued; /* until it is their turn: the queue's */
        TAILQ_ENTRY(Caller) turn, age;
};

struct Callers {
        uint64_t waiting_max; /* of one caller */
        size_t n_checks;
        HashMap *by_name;
        sd_bus_slot *leaving;
        TAILQ_HEAD(, Caller) by_age; /* the oldest first */
        void (*left)(Caller *c, void *userdata); /* before its queued calls are dropped */
        void *userdata;
        void (*known)(Caller *c, void *userdata); /* no more will be known of it: its unit was found or not, or it is about to be freed */
        void *known_userdata;
        void (*refused)(Caller *c, sd_bus_message *m, void *userdata); /* nobody knows whose call this is: it replies */
        void *refused_userdata;
};

int callers_init(Callers *callers, uint64_t waiting_max);
int callers_watch(Callers *callers, sd_bus *bus); /* from then on who leaves the bus is freed with its waiting calls */
void callers_done(Callers *callers);

/* Who sent m. LimitReached: there are too many. */
int caller_get(Callers *callers, sd_bus_message *m, Caller **ret, sd_bus_error *error);
int caller_check_room(const Caller *c, sd_bus_error *error); /* LimitReached: too many of its calls wait already */
void caller_settle(Caller *c); /* one of its calls no longer waits */
/* 0: who sent m is known as well as it will be. 1: m is received again then. Negative, with the error set. */
int caller_identify(Caller *c, sd_bus_message *m, sd_bus_error *error);
/* Before any other handling of a message: 1 where it waits behind parked calls of its caller. */
int callers_keep_order(Callers *callers, sd_bus_message *m, sd_bus_error *error);
/* After m was handled: the next of the parked calls is received. */
void callers_go_on(Callers *callers, sd_bus_message *m);
/* Of an identified caller. 0: polkit has said that m may be done. 1: it is asked; then m is received again, or denied() is called, which
 * replies. How many are asked at once is limited, for each user and for all. */
int caller_check(Caller *c, sd_bus_message *m, const char *action, CallerDenied denied, void *userdata, sd_bus_error *error);
Caller *callers_find(const Callers *callers, const char *name); /* or NULL */

/* Calls handler when a unique name has left the bus. */
int watch_name(sd_bus *bus, const char *name, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata);
