/*
 * Long answers wait in line
 *
 * Each caller has a queue of its own, and the callers take turns, one call each: who pipelines a thousand of
 * them delays nobody else's. A call whose turn it is goes back to the end of sd-bus's own queue and is
 * received again, so that all that has arrived before it is read first. Turns are given when nothing else is
 * left to do; or after QUEUE_WAIT_USEC, so that a steady stream of short calls does not keep the long ones
 * waiting for ever.
 */

#include <inttypes.h>

#include "policyd/bus/bus-private.h"

#define QUEUED_MAX 16384            /* of all callers together */
#define QUEUED_BYTES_MAX (64 << 10) /* of one call's arguments */
#define QUEUE_WAIT_USEC UINT64_C(100000)
#define TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 60) /* below the commit's */

struct QueuedCall {
        sd_bus_message *message;
        QueuedCall *next;
};

static sd_bus_message *take_first(Caller *c) {
        QueuedCall *q = c->queued;
        sd_bus_message *m = q->message;

        c->queued = q->next;
        if (!c->queued)
                c->queued_tail = NULL;
        c->bus->n_queued--;
        free(q);
        return m;
}

static void line_up(Bus *bus, Caller *c) {
        c->next_turn = NULL;
        *(bus->turn_tail ? &bus->turn_tail->next_turn : &bus->turn) = c;
        bus->turn_tail = c;
}

static Caller *next_in_line(Bus *bus) {
        Caller *c = bus->turn;

        bus->turn = c->next_turn;
        if (!bus->turn)
                bus->turn_tail = NULL;
        return c;
}

static void leave_line(Bus *bus, Caller *c) {
        Caller *before = NULL;

        for (Caller *i = bus->turn; i; before = i, i = i->next_turn) {
                if (i != c)
                        continue;
                *(before ? &before->next_turn : &bus->turn) = c->next_turn;
                if (bus->turn_tail == c)
                        bus->turn_tail = before;
                return;
        }
}

void queue_drop(Caller *c) {
        if (!c->queued)
                return;
        leave_line(c->bus, c);
        while (c->queued) {
                sd_bus_message_unref(take_first(c));
                c->n_waiting--;
        }
}

static uint64_t monotonic_now(Bus *bus) {
        uint64_t now = 0;

        (void) sd_event_now(bus->event, CLOCK_MONOTONIC, &now);
        return now;
}

static void give_turn(Bus *bus);

static int on_turn(sd_event_source *source, void *userdata) {
        give_turn(userdata);
        return 0;
}

static int arm(Bus *bus) {
        int r;

        if (!bus->turn_source) {
                r = sd_event_add_defer(bus->event, &bus->turn_source, on_turn, bus);
                if (r >= 0)
                        r = sd_event_source_set_priority(bus->turn_source, TURN_PRIORITY);
                if (r < 0)
                        return r;
                (void) sd_event_source_set_description(bus->turn_source, "long answers");
        }
        return sd_event_source_set_enabled(bus->turn_source, SD_EVENT_ONESHOT);
}

/* The next call is received again once what sd-bus has read is handled. */
static void give_turn(Bus *bus) {
        sd_bus_message *m;
        Caller *c;

        if (bus->turn_call || bus->child || !bus->turn)
                return;
        c = next_in_line(bus);
        m = take_first(c);
        if (c->queued)
                line_up(bus, c);
        if (sd_bus_enqueue_for_read(bus->bus, m) >= 0)
                bus->turn_call = m;
        else {
                sd_bus_reply_method_errno(m, -ENOBUFS, NULL);
                sd_bus_message_unref(m);
                (void) arm(bus);
        }
        caller_settle(c);
}

/* One GetManagedObjects of a caller waits at a time: each is the whole pool. */
static bool waits_for_all(const Caller *c) {
        for (const QueuedCall *q = c->queued; q; q = q->next)
                if (method_kind(sd_bus_message_get_interface(q->message),
                            sd_bus_message_get_member(q->message)) == METHOD_SHOWS_ALL)
                        return true;
        return false;
}

static int check_room(Bus *bus, const Caller *c, sd_bus_message *m, MethodKind kind, sd_bus_error *error) {
        size_t size;
        int r;

        if (c->n_waiting >= bus->options.requests_max)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "%" PRIu64 " requests of yours wait already; read their replies first.",
                        c->n_waiting);
        if (bus->n_queued >= QUEUED_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "%zu requests of all callers wait already; try again later.", bus->n_queued);
        if (kind == METHOD_SHOWS_ALL && waits_for_all(c))
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "A GetManagedObjects of yours waits already; read its reply first. List gives one "
                        "class in pages.");
        r = bus_message_size(m, &size);
        if (r == -EBADMSG)
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "An argument of %s holds what Unicode keeps from being a character (U+FFFE, U+FDD0 and the like).",
                        sd_bus_message_get_member(m));
        if (r < 0)
                return r;
        if (size > QUEUED_BYTES_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "The arguments have %zu bytes; %s takes %d at most.", size,
                        sd_bus_message_get_member(m), QUEUED_BYTES_MAX);
        return 0;
}

static int add(Bus *bus, Caller *c, sd_bus_message *m) {
        QueuedCall *q;
        int r;

        r = arm(bus);
        /* Who waits with several may leave before the last: its other calls are then answered for nobody. */
        if (r >= 0 && c->queued)
                r = caller_watch(c);
        if (r < 0)
                return r;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->message = sd_bus_message_ref(m);
        if (!bus->turn && !bus->turn_call && !bus->child)
                bus->last_turn = monotonic_now(bus);
        if (!c->queued)
                line_up(bus, c);
        *(c->queued_tail ? &c->queued_tail->next : &c->queued) = q;
        c->queued_tail = q;
        c->n_waiting++;
        bus->n_queued++;
        return 1;
}

void queue_go_on(Bus *bus) {
        if (bus->turn)
                (void) arm(bus);
}

bool queue_take_turn(Bus *bus, sd_bus_message *m) {
        if (m != bus->turn_call)
                return false;
        bus->turn_call = sd_bus_message_unref(m);
        bus->last_turn = monotonic_now(bus);
        return true;
}

int queue_receive(Bus *bus, sd_bus_message *m, MethodKind kind, sd_bus_error *error) {
        Caller *c;
        int r;

        r = caller_get(bus, sd_bus_message_get_sender(m), &c);
        if (r < 0)
                return bus_error_set(
                        error, ERROR_LIMIT_REACHED, "There are too many callers at once; try again later.");
        r = check_room(bus, c, m, kind, error);
        return r < 0 ? r : add(bus, c, m);
}

void queue_hurry(Bus *bus) {
        if (bus->turn && monotonic_now(bus) - bus->last_turn > QUEUE_WAIT_USEC)
                give_turn(bus);
}

void queue_free(Bus *bus) {
        child_stop(bus);
        bus->turn_call = sd_bus_message_unref(bus->turn_call);
        bus->turn_source = sd_event_source_disable_unref(bus->turn_source);
}
