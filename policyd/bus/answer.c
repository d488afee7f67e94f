/*
 * Answers
 *
 * A refusal is answered at once. A change is answered after its commit (call/requests.h), which also stores
 * its idempotency key. A long text is answered by the process that made it, which may be a worker.
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/daemon/bus-text.h"
#include "policyd/bus/bus-private.h"

int bus_decided(Bus *bus, int r, Refusal *refusal, sd_bus_error *error) {
        if (r >= 0 && refusal->code == ERROR_NONE)
                return 0;
        policy_count_refusal(bus->policy, r < 0 ? ERROR_INTERNAL_ERROR : refusal->code);
        if (r >= 0)
                r = bus_error_set(
                        error, refusal->code, "%s", refusal->message ?: error_code_meaning(refusal->code));
        else
                r = bus_error_set(error, ERROR_INTERNAL_ERROR, "policyd could not decide: %s.", strerror(-r));
        refusal_done(refusal);
        *refusal = (Refusal){};
        return r;
}

static int reply_later(Bus *bus, sd_bus_message *m, const char *path_or_null, const Object *made, sd_bus_error *error) {
        Request *q;
        int r;

        r = request_take(&bus->requests, m, &q, error);
        if (r < 0)
                return r;
        change_note_decided(request_note(q), made);
        r = path_or_null ? request_set_path(q, path_or_null) : 0;
        if (r >= 0)
                r = policy_when_committed(bus->policy, request_committed, q);
        if (r < 0) {
                request_give_back(q);
                return bus_error_set(error, ERROR_INTERNAL_ERROR, "The change could not be kept: %s.", strerror(-r));
        }
        return 1;
}

int bus_reply_object(Bus *bus, sd_bus_message *m, const Object *o, sd_bus_error *error) {
        return reply_later(bus, m, o ? OBJECT_PATH(o) : "/", o, error);
}

int bus_reply_empty(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        return reply_later(bus, m, NULL, NULL, error);
}

int bus_finish(Bus *bus, sd_bus_message *m, int r, Refusal *refusal, sd_bus_error *error) {
        r = bus_decided(bus, r, refusal, error);
        return r < 0 ? r : bus_reply_empty(bus, m, error);
}

/* Long answers */

int bus_reply_text(Bus *bus, sd_bus_message *m, int r, char *text, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *answer = text;

        if (r < 0 && r != -EMSGSIZE)
                return bus_error_set(
                        error, ERROR_INTERNAL_ERROR, "The answer could not be made: %s.", strerror(-r));
        if (r < 0 || strlen(answer) > BUS_MESSAGE_MAX)
                return bus_refuse_size(error, "The answer");
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = bus_append_long_text(reply, answer);
        if (r >= 0)
                r = sd_bus_send(bus->replies, reply, NULL);
        return r < 0 ? r : 1;
}

int bus_reply_number(Bus *bus, sd_bus_message *m, uint32_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "u", n);
        if (r >= 0)
                r = sd_bus_send(bus->replies, reply, NULL);
        return r < 0 ? r : 1;
}

/* Idempotency keys */

void call_done(Call *c) {
        free(c->arguments);
        refusal_done(&c->refusal);
}

static int _printf_(2, 0) describe_arguments(Call *c, const char *format, va_list args) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        if (vasprintf(&text, format, args) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        strbuf_add(&b, text);
        options_describe(&c->options, &b);
        c->arguments = strbuf_take(&b);
        return c->arguments ? 0 : -ENOMEM;
}

/* The caller's uid is part of the key. It is known: receive.c asked for it. */
static int find_caller(Call *c) {
        const Caller *caller = callers_find(&c->bus->callers, strempty(sd_bus_message_get_sender(c->m)));

        if (!caller || !caller->identified)
                return bus_error_set(c->error, ERROR_INTERNAL_ERROR, "It is not known who calls.");
        c->uid = caller->who.uid;
        return 0;
}

static int find_key(Call *c) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = policy_idempotency_find(c->bus->policy, c->uid, sd_bus_message_get_member(c->m),
                c->options.idempotency_key, c->arguments, &path, &c->refusal);
        if (r < 0 || c->refusal.code != ERROR_NONE)
                return bus_decided(c->bus, r, &c->refusal, c->error);
        if (r <= 0)
                return r;
        /* The first call with this key may still wait for its commit, so this one waits too. */
        change_note_nothing(requests_note(&c->bus->requests));
        return reply_later(c->bus, c->m, path, NULL, c->error);
}

int call_begin(Call *c, unsigned allowed, const char *arguments, ...) {
        va_list args;
        int r;

        r = options_read(c->m, allowed, &c->options, c->error);
        if (r < 0)
                return r;
        /* A dry run makes no object, so there is nothing to store for a key. */
        if (!c->options.idempotency_key || c->options.dry_run)
                return 0;
        r = find_caller(c);
        if (r != 0)
                return r;
        va_start(args, arguments);
        r = describe_arguments(c, arguments, args);
        va_end(args);
        return r < 0 ? r : find_key(c);
}

int call_finish(Call *c, int r, const Object *made) {
        r = bus_decided(c->bus, r, &c->refusal, c->error);
        if (r < 0)
                return r;
        if (c->options.dry_run)
                change_note_nothing(requests_note(&c->bus->requests));
        if (made && c->arguments) {
                r = policy_idempotency_record(c->bus->policy, c->uid, sd_bus_message_get_member(c->m),
                        c->options.idempotency_key, c->arguments, OBJECT_PATH(made), made);
                if (r < 0)
                        return bus_error_set(c->error, ERROR_INTERNAL_ERROR,
                                "The idempotency key could not be kept: %s.", strerror(-r));
        }
        return bus_reply_object(c->bus, c->m, made, c->error);
}
