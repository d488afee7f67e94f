/*
 * Long answers are made by a worker
 *
 * It sees the pool as it was committed, and this process goes on with what others ask. It calls the method's handler, and what the
 * handler would have sent comes back through its output. There is one at a time; it ends with this process, when it takes too
 * long, and when nobody waits for its answer any more: who left is looked for once it has run for a moment.
 */

#include <stdio.h>
#include <sys/wait.h>

#include "policyd/bus/bus-private.h"
#include "policyd/bus/call/worker.h"

#define ANSWER_USEC_MAX UINT64_C(60000000)
#define LOOK_USEC UINT64_C(200000)

struct LongAnswer {
        Bus *bus;
        sd_bus_message *message;
        sd_bus_message_handler_t handler;
        void *object;
        Worker *worker;
        sd_event_source *look;
        sd_bus_slot *leaving, *asking;
};

/* In the worker. Where the handler returns it gave no answer, and the error says why. */
static void make_answer(int output, int kept_fd, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        LongAnswer *a = userdata;
        int r;

        a->bus->answer_fd = output;
        r = a->handler(a->message, a->object, &error);
        if (!sd_bus_error_is_set(&error))
                sd_bus_error_set_errno(&error, r < 0 ? r : -EIO);
        worker_write(output, (char[]){GIVES_ERROR}, 1);
        worker_write(output, error.name, strlen(error.name));
        worker_write(output, "\n", 1);
        worker_write(output, strempty(error.message), strlen(strempty(error.message)));
}

/* In the parent */

static LongAnswer *long_answer_free(LongAnswer *a) {
        if (!a)
                return NULL;
        worker_free(a->worker);
        sd_event_source_disable_unref(a->look);
        sd_bus_slot_unref(a->leaving);
        sd_bus_slot_unref(a->asking);
        sd_bus_message_unref(a->message);
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

static void send_error(sd_bus_message *m, const char *text) {
        const char *sentence = strchr(text, '\n');
        _cleanup_free_ char *name = sentence ? strndup(text, (size_t) (sentence - text)) : NULL;

        (void) sd_bus_reply_method_errorf(
                m, name ?: error_code_name(ERROR_INTERNAL_ERROR), "%s", sentence ? sentence + 1 : text);
}

static void on_ended(const WorkerEnd *end, void *userdata) {
        LongAnswer *a = userdata;
        bool whole = !end->late && WIFEXITED(end->status) && WEXITSTATUS(end->status) == EXIT_SUCCESS;
        const char *text = end->said + 1;

        if (end->late)
                (void) sd_bus_reply_method_errorf(a->message, error_code_name(ERROR_LIMIT_REACHED),
                        "%s took longer than %u s and was ended; ask for less at once.",
                        sd_bus_message_get_member(a->message), (unsigned) (ANSWER_USEC_MAX / 1000000));
        else if (!whole || end->n_said == 0)
                (void) sd_bus_reply_method_errorf(a->message, error_code_name(ERROR_INTERNAL_ERROR),
                        "The answer could not be made: its process ended without one.");
        else if (*end->said == GIVES_TEXT)
                (void) bus_send_text(a->message, text);
        else if (*end->said == GIVES_NUMBER)
                (void) sd_bus_reply_method_return(a->message, "u", (uint32_t) strtoul(text, NULL, 10));
        else
                send_error(a->message, text);
        give_up(a);
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

/* Most answers are made by now, and cost nothing of this. First it is listened, then asked: so nobody leaves unseen. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        LongAnswer *a = userdata;
        const char *name = strempty(sd_bus_message_get_sender(a->message));

        if (watch_name(a->bus->bus, name, &a->leaving, on_left, a) >= 0)
                (void) sd_bus_call_method_async(a->bus->bus, &a->asking, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", on_asked, a, "s", name);
        return 0;
}

static int start(Bus *bus, sd_bus_message *m, sd_bus_message_handler_t handler, void *object) {
        _cleanup_(long_answer_freep) LongAnswer *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        *a = (LongAnswer){
                .bus = bus, .message = sd_bus_message_ref(m), .handler = handler, .object = object};
        r = sd_event_add_time_relative(bus->event, &a->look, CLOCK_MONOTONIC, LOOK_USEC, 0, on_look, a);
        if (r >= 0)
                r = worker_start(bus->event,
                        &(WorkerTask){.keep_fd = -1,
                                .usec_max = ANSWER_USEC_MAX,
                                .work = make_answer,
                                .ended = on_ended,
                                .userdata = a},
                        &a->worker);
        if (r < 0)
                return r;
        bus->long_answer = take_ptr(a);
        return 0;
}

static const sd_bus_vtable *find_method(const sd_bus_vtable *v, const char *member) {
        for (; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_METHOD && streq(v->x.method.member, member))
                        return v;
        return NULL;
}

int long_answer_start(Bus *bus, sd_bus_message *m) {
        const char *path = sd_bus_message_get_path(m);
        bool is_manager = streq(path, POLICY_PATH);
        Object *o = is_manager ? NULL : object_at(bus, path);
        const BusClass *class = is_manager ? bus->manager : o ? bus->classes[o->class] : NULL;
        const sd_bus_vtable *v = class ? find_method(class->vtable, sd_bus_message_get_member(m)) : NULL;

        if (!v || !sd_bus_message_has_signature(m, v->x.method.signature))
                return 0;
        return start(bus, m, v->x.method.handler, is_manager ? (void *) bus : (void *) o) < 0 ? 0 : 1;
}
