/*
 * Requests and their answers
 *
 * A change is decided at once and answered after its commit: the handler returns 1 and the message waits
 * here. A refusal is answered at once, it changed nothing. Requests that wait are counted per caller and
 * capped: the place of a call is taken before its handler runs, and given back with the next call when it was not needed.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/daemon/bus-text.h"
#include "policyd/bus/bus-private.h"

typedef enum ReplyKind {
        REPLY_EMPTY,
        REPLY_PATH,
} ReplyKind;

struct Request {
        Bus *bus;
        Caller *caller;
        sd_bus_message *message;
        ReplyKind kind;
        char path[OBJECT_PATH_MAX];
        Request *previous, *next;
};

int bus_error_set(sd_bus_error *error, ErrorCode code, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0)
                text = NULL;
        /* An error of which a text is no UTF-8 would not be sent, and the caller would wait for ever. */
        if (n < 0 || text_clean_own(&text, TEXT_LINE, SIZE_MAX) < 0)
                return sd_bus_error_set_errno(error, ENOMEM);
        return sd_bus_error_set(error, error_code_name(code), text);
}

int bus_text(sd_bus_message *m, const char *what, TextForm form, const char **ret, sd_bus_error *error) {
        char reason[BUS_TEXT_REASON_MAX];
        int r;

        r = bus_read_text(m, what, form, ret, reason);
        return r == 0 ? bus_error_set(error, ERROR_INVALID_RECORD, "%s", reason) : r;
}

int bus_record(sd_bus_message *m, const char *what, const char **ret, sd_bus_error *error) {
        char reason[BUS_TEXT_REASON_MAX];
        int r;

        r = bus_read_record(m, what, ret, reason);
        return r == 0 ? bus_error_set(error, ERROR_INVALID_RECORD, "%s", reason) : r;
}

int bus_decided(int r, Refusal *refusal, sd_bus_error *error) {
        if (r >= 0 && refusal->code == ERROR_NONE)
                return 0;
        if (r >= 0)
                r = bus_error_set(
                        error, refusal->code, "%s", refusal->message ?: error_code_meaning(refusal->code));
        else
                r = bus_error_set(error, ERROR_INTERNAL_ERROR, "policyd could not decide: %s.", strerror(-r));
        refusal_done(refusal);
        *refusal = (Refusal){};
        return r;
}

int request_reserve(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        Caller *caller;
        Request *q;
        int r;

        request_cancel(bus->reserved);
        r = caller_get(bus, sd_bus_message_get_sender(m), &caller);
        if (r < 0)
                return bus_error_set(
                        error, ERROR_LIMIT_REACHED, "There are too many callers at once; try again later.");
        if (caller->n_waiting >= bus->options.requests_max)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "%" PRIu64 " requests of yours wait already; read their replies first.",
                        caller->n_waiting);

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->bus = bus;
        q->caller = caller;
        q->message = sd_bus_message_ref(m);
        q->next = bus->requests;
        if (q->next)
                q->next->previous = q;
        bus->requests = q;
        caller->n_waiting++;
        bus->reserved = q;
        return 0;
}

int request_take(Bus *bus, sd_bus_message *m, Request **ret, sd_bus_error *error) {
        if (!bus->reserved || bus->reserved->message != m)
                return bus_error_set(error, ERROR_INTERNAL_ERROR, "%s.%s is not known to change the pool, but it does.",
                        strempty(sd_bus_message_get_interface(m)), strempty(sd_bus_message_get_member(m)));
        *ret = take_ptr(bus->reserved);
        return 0;
}

Request *request_cancel(Request *q) {
        if (!q)
                return NULL;
        if (q == q->bus->reserved)
                q->bus->reserved = NULL;
        *(q->previous ? &q->previous->next : &q->bus->requests) = q->next;
        if (q->next)
                q->next->previous = q->previous;
        caller_settle(q->caller);
        sd_bus_message_unref(q->message);
        free(q);
        return NULL;
}

void requests_drop(Bus *bus) {
        while (bus->requests)
                request_cancel(bus->requests);
}

void request_committed(ErrorCode code, const char *message, void *userdata) {
        Request *q = userdata;

        /* A caller that has left gets no answer: the bus drops it, and the outcome stands. */
        if (code != ERROR_NONE) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

                bus_error_set(&error, code, "%s", message ?: error_code_meaning(code));
                sd_bus_reply_method_error(q->message, &error);
        } else if (q->kind == REPLY_PATH)
                sd_bus_reply_method_return(q->message, "o", q->path);
        else
                sd_bus_reply_method_return(q->message, NULL);
        request_cancel(q);
}

static int reply_later(Bus *bus, sd_bus_message *m, ReplyKind kind, const char *path, sd_bus_error *error) {
        Request *q;
        int r;

        r = request_take(bus, m, &q, error);
        if (r < 0)
                return r;
        q->kind = kind;
        snprintf(q->path, sizeof(q->path), "%s", path);
        r = policy_when_committed(bus->policy, request_committed, q);
        if (r < 0) {
                request_cancel(q);
                return bus_error_set(error, ERROR_INTERNAL_ERROR, "The change could not be kept: %s.", strerror(-r));
        }
        return 1;
}

int bus_reply_object(Bus *bus, sd_bus_message *m, const Object *o, sd_bus_error *error) {
        return reply_later(bus, m, REPLY_PATH, o ? OBJECT_PATH(o) : "/", error);
}

int bus_reply_empty(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        return reply_later(bus, m, REPLY_EMPTY, "", error);
}

int bus_finish(Bus *bus, sd_bus_message *m, int r, Refusal *refusal, sd_bus_error *error) {
        r = bus_decided(r, refusal, error);
        return r < 0 ? r : bus_reply_empty(bus, m, error);
}

static int finish_change(
        sd_bus_message *m, void *object, ChangeByText change, const char *text, sd_bus_error *error) {
        Bus *bus = ((Object *) object)->userdata;
        _cleanup_refusal_ Refusal refusal = {};

        return bus_finish(bus, m, change(bus->policy, object, text, &refusal), &refusal, error);
}

int bus_change_by_text(sd_bus_message *m, void *object, const char *what, TextForm form, ChangeByText change,
        sd_bus_error *error) {
        const char *text;
        int r;

        r = bus_text(m, what, form, &text, error);
        return r < 0 ? r : finish_change(m, object, change, text, error);
}

int bus_change_by_record(
        sd_bus_message *m, void *object, const char *what, ChangeByText change, sd_bus_error *error) {
        const char *text;
        int r;

        r = bus_record(m, what, &text, error);
        return r < 0 ? r : finish_change(m, object, change, text, error);
}

int bus_send_text(sd_bus_message *m, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (!sd_bus_message_get_expect_reply(m))
                return 0;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = bus_append_long_text(reply, text);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int bus_reply_text(Bus *bus, sd_bus_message *m, int r, char *text, sd_bus_error *error) {
        _cleanup_free_ char *answer = text;

        if (r < 0 && r != -EMSGSIZE)
                return bus_error_set(
                        error, ERROR_INTERNAL_ERROR, "The answer could not be made: %s.", strerror(-r));
        if (r < 0 || strlen(answer) > BUS_MESSAGE_MAX)
                return bus_refuse_size(error, "The answer");
        if (child_gives_text(bus, answer))
                return 1;
        r = bus_send_text(m, answer);
        return r < 0 ? r : 1;
}

int bus_reply_number(Bus *bus, sd_bus_message *m, uint32_t n) {
        return child_gives_number(bus, n) ? 1 : sd_bus_reply_method_return(m, "u", n);
}

void key_use_done(KeyUse *k) {
        free(k->arguments);
}

int bus_key_check(
        Bus *bus, sd_bus_message *m, const Options *o, StrBuf *arguments, KeyUse *ret, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_key_use_ KeyUse use = {.key = o->idempotency_key};
        _cleanup_free_ char *path = NULL;
        Caller *caller;
        int r;

        if (!use.key)
                return 0;
        r = caller_get(bus, sd_bus_message_get_sender(m), &caller);
        if (r < 0)
                return bus_error_set(
                        error, ERROR_LIMIT_REACHED, "There are too many callers at once; try again later.");
        if (!caller->has_uid)
                return caller_park(caller, m, error);

        use.uid = caller->uid;
        options_describe(o, arguments);
        use.arguments = strbuf_take(arguments);
        if (!use.arguments)
                return -ENOMEM;
        r = policy_idempotency_find(
                bus->policy, use.uid, sd_bus_message_get_member(m), use.key, use.arguments, &path, &refusal);
        if (r < 0 || refusal.code != ERROR_NONE)
                return bus_decided(r, &refusal, error);
        if (r > 0)
                /* The first call may still wait for its commit; so does this one. */
                return reply_later(bus, m, REPLY_PATH, path, error);

        *ret = use;
        use = (KeyUse){};
        return 0;
}

int bus_key_record(Bus *bus, sd_bus_message *m, const KeyUse *k, const Object *made, sd_bus_error *error) {
        int r;

        if (!k->key)
                return 0;
        r = policy_idempotency_record(bus->policy, k->uid, sd_bus_message_get_member(m), k->key, k->arguments,
                OBJECT_PATH(made), made);
        return r < 0 ? bus_error_set(error, ERROR_INTERNAL_ERROR,
                               "The idempotency key could not be kept: %s.", strerror(-r))
                     : 0;
}
