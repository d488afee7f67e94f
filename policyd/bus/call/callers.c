/*
 * Who calls
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/bus/call/callers.h"
#include "policyd/bus/call/error.h"
#include "policyd/bus/call/size.h"

#define CALLERS_MAX 4096
#define CHECKS_MAX 64         /* calls that polkit is asked about at once */
#define CHECKS_OF_USER_MAX 8
#define PARKED_BEHIND_MAX 8   /* calls that wait behind one that polkit is asked about */
#define CHECKED_BYTES_MAX (1 << 20)

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

static void drop_calls(Caller *c, MessageList *l) {
        c->n_waiting -= l->n;
        message_list_drop(l);
}

struct CallerCheck {
        Caller *caller;
        sd_bus_message *message;
        sd_bus_slot *slot;
        const char *action;
        bool interactive; /* the user is being asked */
        CallerDenied denied;
        void *userdata;
};

static CallerCheck *check_free(CallerCheck *check) {
        if (!check)
                return NULL;
        check->caller->n_waiting--;
        check->caller->callers->n_checks--;
        sd_bus_slot_unref(check->slot);
        sd_bus_message_unref(check->message);
        free(check);
        return NULL;
}

static void drop_all_calls(Caller *c) {
        c->check = check_free(c->check);
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
        if (callers->known)
                callers->known(c, callers->known_userdata);
        sd_bus_slot_unref(c->ask_slot);
        sd_bus_slot_unref(c->unit_slot);
        who_done(&c->who);
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
        callers->leaving = sd_bus_slot_unref(callers->leaving);
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

Caller *callers_find(const Callers *callers, const char *name) {
        return hashmap_get(callers->by_name, name);
}

int caller_get(Callers *callers, sd_bus_message *m, Caller **ret, sd_bus_error *error) {
        const char *name = strempty(sd_bus_message_get_sender(m));
        Caller *c = callers_find(callers, name);

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

/* A caller that left is kept until its unit is known, since what it changed is logged with that. */
static void free_if_over(Caller *c) {
        if (c->n_waiting == 0 && !c->identified && !c->unit_slot)
                caller_free(c);
}

void caller_settle(Caller *c) {
        c->n_waiting--;
        free_if_over(c);
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

/* It has left before it was known. Its calls must not be done, since nobody knows whose they are. */
static void refuse_unknown(Caller *c) {
        sd_bus_message *m;

        while ((m = message_list_take(&c->parked))) {
                c->n_waiting--;
                c->callers->refused(c, m, c->callers->refused_userdata);
                sd_bus_message_unref(m);
        }
}

static void let_go(Caller *c) {
        refuse_unknown(c);
        drop_all_calls(c);
        c->identified = false;
        c->ask_slot = sd_bus_slot_unref(c->ask_slot);
        free_if_over(c);
}

/* What a caller that is known has asked for is done, though it waits for no answer. */
static void leave(Caller *c) {
        c->left = true;
        if (!c->identified || (c->parked.n == 0 && !c->returning && !c->check))
                let_go(c);
}

static int on_name_left(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *before, *after;
        Caller *c = NULL;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0)
                c = callers_find(userdata, name);
        if (c)
                leave(c);
        return 0;
}

int callers_watch(Callers *callers, sd_bus *bus) {
        return sd_bus_add_match(bus, &callers->leaving,
                "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                "',member='NameOwnerChanged',arg2=''",
                on_name_left, callers);
}

/* The parked calls are received again one by one, so that what arrives meanwhile does not pass them. Of a caller that has left, the
 * caller ends with the last. */
static void return_next(Caller *c) {
        sd_bus_message *m;
        int r;

        while (!c->returning && (m = message_list_take(&c->parked))) {
                c->n_waiting--;
                r = sd_bus_enqueue_for_read(c->bus, m);
                if (r >= 0)
                        c->returning = m; /* sd-bus has a reference until it is received */
                else
                        sd_bus_reply_method_errno(m, r, NULL);
                sd_bus_message_unref(m);
        }
        if (c->left && !c->returning && !c->check)
                let_go(c);
}

static int on_unit(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;

        c->unit_slot = sd_bus_slot_unref(c->unit_slot);
        who_read_unit(reply, &c->who);
        if (c->callers->known)
                c->callers->known(c, c->callers->known_userdata);
        free_if_over(c);
        return 0;
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;

        c->ask_slot = sd_bus_slot_unref(c->ask_slot);
        if (who_read(reply, &c->who) < 0) {
                let_go(c);
                return 0;
        }
        c->identified = true;
        if (who_ask_unit(c->bus, &c->who, on_unit, c, &c->unit_slot) < 0)
                c->who.has_unit = true;
        return_next(c);
        return 0;
}

static int park(Caller *c, sd_bus_message *m, sd_bus_error *error) {
        int r;

        r = caller_check_room(c, error);
        if (r >= 0 && c->check && c->parked.n >= PARKED_BEHIND_MAX)
                r = bus_error_set(error, ERROR_LIMIT_REACHED, "%zu calls of yours wait for polkit already.", c->parked.n);
        if (r >= 0)
                r = message_list_add(&c->parked, m);
        if (r < 0)
                return r;
        c->n_waiting++;
        return 1;
}

int caller_identify(Caller *c, sd_bus_message *m, sd_bus_error *error) {
        int r;

        if (c->identified)
                return 0;
        r = c->ask_slot ? 0 : who_ask(c->bus, c->name, on_credentials, c, &c->ask_slot);
        return r < 0 ? r : park(c, m, error);
}

int callers_keep_order(Callers *callers, sd_bus_message *m, sd_bus_error *error) {
        Caller *c = callers_find(callers, strempty(sd_bus_message_get_sender(m)));

        if (!c || (c->parked.n == 0 && !c->returning && !c->check))
                return 0;
        if (m != c->returning)
                return park(c, m, error);
        c->returning = NULL;
        return 0;
}

void callers_go_on(Callers *callers, sd_bus_message *m) {
        Caller *c = callers_find(callers, strempty(sd_bus_message_get_sender(m)));

        if (c && c->identified && !c->check)
                return_next(c);
}

/* polkit */

static int on_checked(sd_bus_message *reply, void *userdata, sd_bus_error *error);

static int ask_polkit(CallerCheck *check, bool interactive) {
        check->interactive = interactive;
        check->slot = sd_bus_slot_unref(check->slot);
        return polkit_ask(check->caller->bus, check->caller->name, check->action, interactive, on_checked, check, &check->slot);
}

static int on_checked(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        CallerCheck *check = userdata;
        Caller *c = check->caller;
        PolkitAnswer answer = polkit_read(reply);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = sd_bus_message_ref(check->message);
        CallerDenied denied = check->denied;
        void *denied_userdata = check->userdata;

        if (answer == POLKIT_ASKS && !check->interactive && sd_bus_message_get_allow_interactive_authorization(m) > 0 &&
                ask_polkit(check, /* interactive= */ true) >= 0)
                return 0;
        c->check = check_free(c->check);
        if (answer == POLKIT_YES && sd_bus_enqueue_for_read(c->bus, m) >= 0) {
                c->returning = c->allowed = m;
                return 0;
        }
        denied(c, m, answer, denied_userdata);
        return_next(c);
        return 0;
}

static size_t count_checks(const Callers *callers, uint32_t uid) {
        const Caller *c;
        size_t n = 0;

        TAILQ_FOREACH(c, &callers->by_age, age)
                n += c->check && c->who.uid == uid;
        return n;
}

/* What waits is memory that somebody takes whom nobody has allowed anything yet. */
static int check_limits(Caller *c, sd_bus_message *m, sd_bus_error *error) {
        size_t size;

        if (c->callers->n_checks >= CHECKS_MAX || count_checks(c->callers, c->who.uid) >= CHECKS_OF_USER_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "polkit is asked about too many calls at once; try again later.");
        if (bus_message_size(m, &size) < 0 || size > CHECKED_BYTES_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "A call that polkit is asked about has at most %d bytes.", CHECKED_BYTES_MAX);
        return 0;
}

int caller_check(Caller *c, sd_bus_message *m, const char *action, CallerDenied denied, void *userdata, sd_bus_error *error) {
        CallerCheck *check;
        int r;

        if (m == c->allowed) {
                c->allowed = NULL;
                return 0;
        }
        r = check_limits(c, m, error);
        if (r < 0)
                return r;
        check = calloc(1, sizeof(*check));
        if (!check)
                return -ENOMEM;
        *check = (CallerCheck){.caller = c, .message = sd_bus_message_ref(m), .action = action, .denied = denied, .userdata = userdata};
        c->n_waiting++;
        c->callers->n_checks++;
        r = ask_polkit(check, /* interactive= */ false);
        if (r < 0) {
                check_free(check);
                return r;
        }
        c->check = check;
        return 1;
}
