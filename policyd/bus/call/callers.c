/*
 * Who calls
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/bus/call/callers.h"
#include "policyd/bus/call/error.h"

#define CALLERS_MAX 4096
#define PARKED_MAX 64

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

static void drop_calls(Caller *c, MessageList *l) {
        c->n_waiting -= l->n;
        message_list_drop(l);
}

static void drop_all_calls(Caller *c) {
        if (c->queued.n > 0)
                c->callers->left(c, c->callers->userdata);
        drop_calls(c, &c->parked);
        drop_calls(c, &c->queued);
}

static Caller *caller_free(Caller *c) {
        Callers *callers = c->callers;

        hashmap_remove(callers->by_name, c->name);
        TAILQ_REMOVE(&callers->by_age, c, age);
        drop_all_calls(c);
        sd_bus_slot_unref(c->vanish_slot);
        sd_bus_slot_unref(c->ask_slot);
        free(c);
        return NULL;
}

int callers_init(Callers *callers, uint64_t waiting_max) {
        TAILQ_INIT(&callers->by_age);
        callers->waiting_max = waiting_max;
        callers->by_name = hashmap_new_string();
        return callers->by_name ? 0 : -ENOMEM;
}

void callers_done(Callers *callers) {
        while (callers->by_name && !TAILQ_EMPTY(&callers->by_age))
                caller_free(TAILQ_FIRST(&callers->by_age));
        callers->by_name = hashmap_free(callers->by_name);
}

/* When there are too many, callers of whom only the uid is remembered are freed, the oldest first; callers
 * with waiting requests are kept. */
static bool make_room(Callers *callers) {
        if (hashmap_size(callers->by_name) < CALLERS_MAX)
                return true;
        Caller *c;

        TAILQ_FOREACH(c, &callers->by_age, age)
                if (c->n_waiting == 0) {
                        caller_free(c);
                        return true;
                }
        return false;
}

static int caller_new(Callers *callers, sd_bus *bus, const char *name, Caller **ret) {
        Caller *c;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->callers = callers;
        c->bus = bus;
        snprintf(c->name, sizeof(c->name), "%s", name);
        r = hashmap_put(callers->by_name, c->name, c);
        if (r < 0) {
                free(c);
                return r;
        }
        TAILQ_INSERT_TAIL(&callers->by_age, c, age);
        *ret = c;
        return 0;
}

int caller_get(Callers *callers, sd_bus_message *m, Caller **ret, sd_bus_error *error) {
        const char *name = strempty(sd_bus_message_get_sender(m));
        Caller *c = hashmap_get(callers->by_name, name);

        if (!c && (strlen(name) >= sizeof(c->name) || !make_room(callers) ||
                          caller_new(callers, sd_bus_message_get_bus(m), name, &c) < 0))
                return bus_error_set(
                        error, ERROR_LIMIT_REACHED, "There are too many callers at once; try again later.");
        *ret = c;
        return 0;
}

int caller_check_room(const Caller *c, sd_bus_error *error) {
        if (c->n_waiting < c->callers->waiting_max)
                return 0;
        return bus_error_set(error, ERROR_LIMIT_REACHED,
                "%" PRIu64 " requests of yours wait already; read their replies first.", c->n_waiting);
}

void caller_settle(Caller *c) {
        c->n_waiting--;
        if (c->n_waiting == 0 && !c->vanish_slot)
                caller_free(c);
}

/* Asking */

int watch_name(sd_bus *bus, const char *name, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata) {
        _cleanup_free_ char *match = NULL;

        if (asprintf(&match,
                    "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                    "',member='NameOwnerChanged',arg0='%s',arg2=''",
                    name) < 0) {
                match = NULL;
                return -ENOMEM;
        }
        return sd_bus_add_match_async(bus, ret, match, handler, NULL, userdata);
}

static int on_vanished(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;

        drop_all_calls(c);
        c->has_uid = false;
        c->ask_slot = sd_bus_slot_unref(c->ask_slot);
        c->vanish_slot = sd_bus_slot_unref(c->vanish_slot);
        if (c->n_waiting == 0)
                caller_free(c);
        return 0;
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;
        sd_bus_message *m;
        int r;

        c->ask_slot = sd_bus_slot_unref(c->ask_slot);
        c->has_uid =
                !sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "u", &c->uid) >= 0;
        while ((m = message_list_take(&c->parked))) {
                c->n_waiting--;
                r = c->has_uid ? sd_bus_enqueue_for_read(c->bus, m) : 0;
                if (r < 0)
                        sd_bus_reply_method_errno(m, r, NULL);
                else if (!c->has_uid)
                        sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
                                "The bus does not say which user asks, so an idempotency_key cannot be taken.");
                sd_bus_message_unref(m);
        }
        return c->has_uid ? 0 : on_vanished(NULL, c, NULL);
}

int caller_watch(Caller *c) {
        return c->vanish_slot ? 0 : watch_name(c->bus, c->name, &c->vanish_slot, on_vanished, c);
}

static int ask_uid(Caller *c) {
        int r;

        if (c->ask_slot)
                return 0;
        /* The watch is installed before the uid is asked for, so that a name that leaves meanwhile is not
         * missed. */
        r = caller_watch(c);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(c->bus, &c->ask_slot, BUS_NAME, BUS_PATH, BUS_NAME, "GetConnectionUnixUser",
                on_uid, c, "s", c->name);
        if (r < 0)
                c->vanish_slot = sd_bus_slot_unref(c->vanish_slot);
        return r;
}

int caller_park(Caller *c, sd_bus_message *m, sd_bus_error *error) {
        int r;

        if (c->parked.n >= PARKED_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "%zu requests of yours wait already; read their replies first.", c->parked.n);
        r = ask_uid(c);
        if (r >= 0)
                r = message_list_add(&c->parked, m);
        if (r < 0)
                return r;
        c->n_waiting++;
        return 1;
}
