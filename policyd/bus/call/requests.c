/*
 * Requests and their answers
 */

#include "policyd/bus/call/error.h"
#include "policyd/bus/call/requests.h"

struct Request {
        Requests *requests;
        Caller *caller;
        sd_bus_message *message;
        char *path, *text; /* NULL both: the answer is empty */
        RequestNote *note;
        LIST_ENTRY(Request) all;
};

int request_reserve(Requests *requests, Callers *callers, sd_bus_message *m, sd_bus_error *error) {
        Caller *caller;
        Request *q;
        int r;

        request_cancel(requests->reserved);
        r = caller_get(callers, m, &caller, error);
        if (r >= 0)
                r = caller_check_room(caller, error);
        if (r < 0)
                return r;

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->requests = requests;
        q->caller = caller;
        q->message = sd_bus_message_ref(m);
        LIST_INSERT_HEAD(&requests->all, q, all);
        requests->reserved = q;
        caller->n_waiting++;
        return 0;
}

int request_take(Requests *requests, sd_bus_message *m, Request **ret, sd_bus_error *error) {
        if (!requests->reserved || requests->reserved->message != m)
                return bus_error_set(error, ERROR_INTERNAL_ERROR, "%s.%s is not known to change the pool, but it does.",
                        strempty(sd_bus_message_get_interface(m)), strempty(sd_bus_message_get_member(m)));
        *ret = take_ptr(requests->reserved);
        return 0;
}

void request_set_note(Requests *requests, RequestNote *note) {
        requests->reserved->note = note;
}

RequestNote *requests_note(const Requests *requests) {
        return requests->reserved ? requests->reserved->note : NULL;
}

RequestNote *request_note(const Request *q) {
        return q->note;
}

void request_give_back(Request *q) {
        q->requests->reserved = q;
}

int request_set_path(Request *q, const char *path) {
        q->path = strdup(path);
        return q->path ? 0 : -ENOMEM;
}

int request_set_text(Request *q, const char *text) {
        q->text = strdup(text);
        return q->text ? 0 : -ENOMEM;
}

void requests_answered(Requests *requests, sd_bus_message *m) {
        Request *q = requests->reserved;

        if (q && q->message == m && q->note)
                q->note->answered(q->note, ERROR_NONE, NULL);
}

Request *request_cancel(Request *q) {
        if (!q)
                return NULL;
        if (q == q->requests->reserved)
                q->requests->reserved = NULL;
        LIST_REMOVE(q, all);
        caller_settle(q->caller);
        if (q->note)
                q->note->free(q->note);
        sd_bus_message_unref(q->message);
        free(q->path);
        free(q->text);
        free(q);
        return NULL;
}

void requests_drop(Requests *requests) {
        while (!LIST_EMPTY(&requests->all))
                request_cancel(LIST_FIRST(&requests->all));
}

void request_committed(ErrorCode code, const char *message, void *userdata) {
        Request *q = userdata;

        /* If the caller has left, the bus drops the answer; the change stays. */
        if (code != ERROR_NONE) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

                bus_error_set(&error, code, "%s", message ?: error_code_meaning(code));
                sd_bus_reply_method_error(q->message, &error);
        } else if (q->path)
                sd_bus_reply_method_return(q->message, "o", q->path);
        else if (q->text)
                sd_bus_reply_method_return(q->message, "s", q->text);
        else
                sd_bus_reply_method_return(q->message, NULL);
        if (q->note)
                q->note->answered(q->note, code, message);
        request_cancel(q);
}
