/*
 * Long answers wait in line
 */

#include "policyd/bus/call/error.h"
#include "policyd/bus/call/queue.h"
#include "policyd/bus/call/size.h"

#define QUEUED_MAX 16384            /* of all callers together */
#define QUEUED_BYTES_MAX (64 << 10) /* of one call's arguments */
#define QUEUE_WAIT_USEC UINT64_C(100000)
#define TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 60) /* below the commit's */

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

/* The queued calls of a caller that left are dropped. */
static void on_left(Caller *c, void *userdata) {
        Queue *q = userdata;

        q->n -= c->queued.n;
        TAILQ_REMOVE(&q->turns, c, turn);
}

void queue_init(Queue *q, sd_event *event, Callers *callers) {
        *q = (Queue){.event = event, .callers = callers};
        TAILQ_INIT(&q->turns);
        callers->left = on_left;
        callers->userdata = q;
}

void queue_done(Queue *q) {
        q->turn_call = sd_bus_message_unref(q->turn_call);
        q->source = sd_event_source_disable_unref(q->source);
}

static uint64_t monotonic_now(Queue *q) {
        uint64_t now = 0;

        (void) sd_event_now(q->event, CLOCK_MONOTONIC, &now);
        return now;
}

static void give_turn(Queue *q);

static int on_turn(sd_event_source *source, void *userdata) {
        give_turn(userdata);
        return 0;
}

static int arm(Queue *q) {
        int r;

        if (!q->source) {
                r = sd_event_add_defer(q->event, &q->source, on_turn, q);
                if (r >= 0)
                        r = sd_event_source_set_priority(q->source, TURN_PRIORITY);
                if (r < 0)
                        return r;
                (void) sd_event_source_set_description(q->source, "long answers");
        }
        return sd_event_source_set_enabled(q->source, SD_EVENT_ONESHOT);
}

/* The next call is received again once what sd-bus has read is handled. */
static void give_turn(Queue *q) {
        Caller *c = TAILQ_FIRST(&q->turns);
        sd_bus_message *m;

        if (q->turn_call || q->busy || !c)
                return;
        TAILQ_REMOVE(&q->turns, c, turn);
        m = message_list_take(&c->queued);
        q->n--;
        if (c->queued.n > 0)
                TAILQ_INSERT_TAIL(&q->turns, c, turn);
        if (sd_bus_enqueue_for_read(c->bus, m) >= 0)
                q->turn_call = m;
        else {
                sd_bus_reply_method_errno(m, -ENOBUFS, NULL);
                sd_bus_message_unref(m);
                (void) arm(q);
        }
        caller_settle(c);
}

/* At most one GetManagedObjects of a caller waits at a time, since each answer is the whole pool. */
static bool is_one_too_many(const Caller *c, sd_bus_message *m) {
        return sd_bus_message_is_method_call(m, OBJECT_MANAGER, "GetManagedObjects") > 0 &&
               message_list_has(&c->queued, OBJECT_MANAGER, "GetManagedObjects");
}

static int check_size(sd_bus_message *m, sd_bus_error *error) {
        size_t size;
        int r;

        r = bus_message_size(m, &size);
        if (r == -EBADMSG)
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "An argument of %s holds what Unicode keeps from being a character (U+FFFE, U+FDD0 and the like).",
                        sd_bus_message_get_member(m));
        if (r >= 0 && size > QUEUED_BYTES_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "The arguments have %zu bytes; %s takes %d at most.", size,
                        sd_bus_message_get_member(m), QUEUED_BYTES_MAX);
        return r;
}

static int check_room(Queue *q, const Caller *c, sd_bus_message *m, sd_bus_error *error) {
        int r;

        r = caller_check_room(c, error);
        if (r < 0)
                return r;
        if (q->n >= QUEUED_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "%zu requests of all callers wait already; try again later.", q->n);
        if (is_one_too_many(c, m))
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "A GetManagedObjects of yours waits already; read its reply first. List gives one "
                        "class in pages.");
        return check_size(m, error);
}

int queue_receive(Queue *q, sd_bus_message *m, sd_bus_error *error) {
        Caller *c;
        int r;

        r = caller_get(q->callers, m, &c, error);
        if (r >= 0)
                r = check_room(q, c, m, error);
        if (r >= 0)
                r = arm(q);
        if (r >= 0)
                r = message_list_add(&c->queued, m);
        if (r < 0)
                return r;
        if (TAILQ_EMPTY(&q->turns) && !q->turn_call && !q->busy)
                q->last_turn = monotonic_now(q);
        if (c->queued.n == 1)
                TAILQ_INSERT_TAIL(&q->turns, c, turn);
        c->n_waiting++;
        q->n++;
        return 1;
}

bool queue_has_turn(const Queue *q, sd_bus_message *m) {
        return m == q->turn_call;
}

bool queue_take_turn(Queue *q, sd_bus_message *m) {
        if (m != q->turn_call)
                return false;
        q->turn_call = sd_bus_message_unref(m);
        q->last_turn = monotonic_now(q);
        q->busy = true;
        return true;
}

void queue_go_on(Queue *q) {
        q->busy = false;
        if (!TAILQ_EMPTY(&q->turns))
                (void) arm(q);
}

void queue_hurry(Queue *q) {
        if (!TAILQ_EMPTY(&q->turns) && monotonic_now(q) - q->last_turn > QUEUE_WAIT_USEC)
                give_turn(q);
}
