/*
 * Long answers are made by a worker
 *
 * The worker sees the pool as it was committed, while this process answers other calls. It calls the method's
 * handler, whose reply is passed on unchanged. There is one worker at a time. It ends with this process, when
 * it takes too long, or when its caller has left the bus, which is checked after the worker has run for a
 * moment.
 */

#include "policyd/bus/bus-private.h"

#define ANSWER_USEC_MAX UINT64_C(60000000)
#define LOOK_USEC UINT64_C(200000)

struct LongAnswer {
        Bus *bus;
        const char *caller;
        sd_bus_message_handler_t handler;
        void *object;
        Worker *worker;
        sd_event_source *look;
        sd_bus_slot *leaving, *asking;
};

/* Runs in the worker. A handler that fails has sent no answer, so the error is sent here. */
static void make_answer(sd_bus_message *m, sd_bus *replies, int kept_fd, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        LongAnswer *a = userdata;
        int r;

        a->bus->replies = replies;
        r = a->handler(m, a->object, &error);
        if (r < 0 && !sd_bus_error_is_set(&error))
                sd_bus_error_set_errno(&error, r);
        if (sd_bus_error_is_set(&error) && sd_bus_message_new_method_error(m, &reply, &error) >= 0)
                (void) sd_bus_send(replies, reply, NULL);
}

/* In the parent */

static LongAnswer *long_answer_free(LongAnswer *a) {
        if (!a)
                return NULL;
        worker_free(a->worker);
        sd_event_source_disable_unref(a->look);
        sd_bus_slot_unref(a->leaving);
        sd_bus_slot_unref(a->asking);
        free(a);
        return NULL;
}
DEFINE_CLEANUP(LongAnswer *, long_answer_free)

void long_answer_stop(Bus *bus) {
        bus->long_answer = long_answer_free(bus->long_answer);
}

static void give_up(LongAnswer *a) {
        Bus *bus = a->bus;

        long_answer_stop(bus);
        queue_go_on(&bus->queue);
}

static void on_ended(sd_bus_message *m, const WorkerEnd *end, void *userdata) {
        if (end->late && !end->answered)
                (void) sd_bus_reply_method_errorf(m, error_code_name(ERROR_LIMIT_REACHED),
                        "%s took longer than %u s and was ended; ask for less at once.",
                        sd_bus_message_get_member(m), (unsigned) (ANSWER_USEC_MAX / 1000000));
        else if (!end->answered)
                (void) sd_bus_reply_method_errorf(m, error_code_name(ERROR_INTERNAL_ERROR),
                        "The answer could not be made: its process ended without one.");
        give_up(userdata);
}

static int on_left(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        give_up(userdata);
        return 0;
}

static int on_asked(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        int is_there = true;

        if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "b", &is_there) >= 0 &&
                !is_there)
                give_up(userdata);
        return 0;
}

/* Most answers are ready before this runs and do not pay for it. The match is installed before the bus is
 * asked, so that no caller leaves unnoticed. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        LongAnswer *a = userdata;

        if (watch_name(a->bus->bus, a->caller, &a->leaving, on_left, a) >= 0)
                (void) sd_bus_call_method_async(a->bus->bus, &a->asking, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", on_asked, a, "s", a->caller);
        return 0;
}

static int start(Bus *bus, sd_bus_message *m, sd_bus_message_handler_t handler, void *object) {
        _cleanup_(long_answer_freep) LongAnswer *a = calloc(1, sizeof(*a));
        const WorkerTask task = {.bus = bus->bus,
                .message = m,
                .keep_fd = -1,
                .usec_max = ANSWER_USEC_MAX,
                .work = make_answer,
                .ended = on_ended,
                .userdata = a};
        int r;

        if (!a)
                return -ENOMEM;
        *a = (LongAnswer){.bus = bus,
                .caller = strempty(sd_bus_message_get_sender(m)),
                .handler = handler,
                .object = object};
        r = sd_event_add_time_relative(bus->event, &a->look, CLOCK_MONOTONIC, LOOK_USEC, 0, on_look, a);
        if (r >= 0)
                r = worker_start(bus->event, &task, &a->worker);
        if (r >= 0)
                bus->long_answer = take_ptr(a);
        return r;
}

int long_answer(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        sd_bus_message_handler_t handler;
        void *object;

        handler = bus_find_handler(bus, m, &object);
        if (handler && start(bus, m, handler, object) >= 0)
                return 1;
        queue_go_on(&bus->queue);
        /* If no process can be made, this process answers. */
        return handler ? handler(m, object, error) : 0;
}
