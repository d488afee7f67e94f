/*
 * Who calls
 *
 * Kept for each unique name that has requests waiting, used an idempotency key, or had several long calls in line. The uid is asked from the
 * bus once, without blocking, when a key first needs it; meanwhile the requests are parked and then received
 * as if they came now. A name that leaves the bus is forgotten: it is never given again.
 */

#include <stdio.h>

#include "policyd/bus/bus-private.h"

#define CALLERS_MAX 4096
#define PARKED_MAX 64

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

struct ParkedRequest {
        sd_bus_message *message;
        ParkedRequest *next;
};

static ParkedRequest *parked_take(Caller *c) {
        ParkedRequest *p = c->parked;

        if (!p)
                return NULL;
        c->parked = p->next;
        if (!c->parked)
                c->parked_tail = NULL;
        c->n_parked--;
        c->n_waiting--;
        return p;
}

static ParkedRequest *parked_free(ParkedRequest *p) {
        sd_bus_message_unref(p->message);
        free(p);
        return NULL;
}

static Caller *caller_free(Caller *c) {
        Bus *bus = c->bus;

        hashmap_remove(bus->callers, c->name);
        *(c->older ? &c->older->newer : &bus->oldest) = c->newer;
        *(c->newer ? &c->newer->older : &bus->newest) = c->older;
        while (c->parked)
                parked_free(parked_take(c));
        queue_drop(c);
        sd_bus_slot_unref(c->vanish_slot);
        sd_bus_slot_unref(c->ask_slot);
        free(c);
        return NULL;
}

void callers_free(Bus *bus) {
        while (bus->oldest)
                caller_free(bus->oldest);
        bus->callers = hashmap_free(bus->callers);
}

/* Remembered uids are given up from the oldest on; requests that wait are not. */
static bool make_room(Bus *bus) {
        if (hashmap_size(bus->callers) < CALLERS_MAX)
                return true;
        for (Caller *c = bus->oldest; c; c = c->newer)
                if (c->n_waiting == 0) {
                        caller_free(c);
                        return true;
                }
        return false;
}

int caller_get(Bus *bus, const char *name, Caller **ret) {
        Caller *c;
        int r;

        name = strempty(name);
        c = hashmap_get(bus->callers, name);
        if (c) {
                *ret = c;
                return 0;
        }
        if (strlen(name) >= sizeof(c->name) || !make_room(bus))
                return -ENOBUFS;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->bus = bus;
        snprintf(c->name, sizeof(c->name), "%s", name);
        r = hashmap_put(bus->callers, c->name, c);
        if (r < 0) {
                free(c);
                return r;
        }
        c->older = bus->newest;
        *(c->older ? &c->older->newer : &bus->oldest) = c;
        bus->newest = c;
        *ret = c;
        return 0;
}

void caller_settle(Caller *c) {
        c->n_waiting--;
        if (c->n_waiting == 0 && !c->vanish_slot)
                caller_free(c);
}

/* Asking */

static int on_vanished(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;

        while (c->parked)
                parked_free(parked_take(c));
        queue_drop(c);
        c->has_uid = false;
        c->ask_slot = sd_bus_slot_unref(c->ask_slot);
        c->vanish_slot = sd_bus_slot_unref(c->vanish_slot);
        if (c->n_waiting == 0)
                caller_free(c);
        return 0;
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;
        int r;

        c->ask_slot = sd_bus_slot_unref(c->ask_slot);
        c->has_uid =
                !sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "u", &c->uid) >= 0;
        if (!c->has_uid) {
                while (c->parked) {
                        ParkedRequest *p = parked_take(c);

                        sd_bus_reply_method_errorf(p->message, SD_BUS_ERROR_ACCESS_DENIED,
                                "The bus does not say which user asks, so an idempotency_key cannot be "
                                "taken.");
                        parked_free(p);
                }
                return on_vanished(NULL, c, NULL);
        }

        while (c->parked) {
                ParkedRequest *p = parked_take(c);

                r = sd_bus_enqueue_for_read(c->bus->bus, p->message);
                if (r < 0)
                        sd_bus_reply_method_errno(p->message, r, NULL);
                parked_free(p);
        }
        return 0;
}

int caller_watch(Caller *c) {
        _cleanup_free_ char *match = NULL;

        if (c->vanish_slot)
                return 0;
        if (asprintf(&match,
                    "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                    "',member='NameOwnerChanged',arg0='%s',arg2=''",
                    c->name) < 0) {
                match = NULL;
                return -ENOMEM;
        }
        return sd_bus_add_match_async(c->bus->bus, &c->vanish_slot, match, on_vanished, NULL, c);
}

static int ask_uid(Caller *c) {
        int r;

        if (c->ask_slot)
                return 0;
        /* Watched before it is asked for: a name that leaves later cannot be missed. */
        r = caller_watch(c);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(c->bus->bus, &c->ask_slot, BUS_NAME, BUS_PATH, BUS_NAME, "GetConnectionUnixUser",
                on_uid, c, "s", c->name);
        if (r < 0)
                c->vanish_slot = sd_bus_slot_unref(c->vanish_slot);
        return r;
}

int caller_park(Caller *c, sd_bus_message *m, sd_bus_error *error) {
        ParkedRequest *p;
        int r;

        if (c->n_parked >= PARKED_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "%zu requests of yours wait already; read their replies first.", c->n_parked);
        r = ask_uid(c);
        if (r < 0)
                return r;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->message = sd_bus_message_ref(m);
        if (c->parked_tail)
                c->parked_tail->next = p;
        else
                c->parked = p;
        c->parked_tail = p;
        c->n_parked++;
        c->n_waiting++;
        return 1;
}
