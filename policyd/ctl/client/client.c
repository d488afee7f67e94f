/*
 * A D-Bus client on libdbus-1
 *
 * Signals are caught by a filter while a call waits for its reply, and queue up in order; only kinds that the
 * caller subscribed to arrive at all.
 */

#include <dbus/dbus.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/queue.h>
#include <time.h>

#include "common/json/json-get.h"
#include "common/base/strbuf.h"
#include "policyd/ctl/client/client-json.h"
#include "policyd/ctl/client/client.h"
#include "protocol/names.h"

#define CALL_TIMEOUT_MS 60000
#define SIGNALS_MAX 65536
#define ARGS_MAX 16 /* of a method */

typedef struct Queued {
        DBusMessage *message;
        STAILQ_ENTRY(Queued) next;
} Queued;

struct Client {
        DBusConnection *bus;
        bool has_filter;
        const char *service;
        int timeout_ms;
        STAILQ_HEAD(, Queued) queued;
        size_t n_queued;
};

void client_error_done(ClientError *e) {
        free(e->name);
        free(e->message);
        *e = (ClientError){};
}

void client_signal_done(ClientSignal *s) {
        free(s->path);
        free(s->interface);
        free(s->member);
        json_object_put(s->args);
        *s = (ClientSignal){};
}

/* Which errors mean that no service answered; the others are a service's refusal. */
static int error_class(const char *name) {
        static const char *const unreachable[] = {
                DBUS_ERROR_SERVICE_UNKNOWN,
                DBUS_ERROR_NAME_HAS_NO_OWNER,
                DBUS_ERROR_NO_SERVER,
                DBUS_ERROR_FILE_NOT_FOUND,
                DBUS_ERROR_DISCONNECTED,
                DBUS_ERROR_IO_ERROR,
                DBUS_ERROR_BAD_ADDRESS,
                DBUS_ERROR_AUTH_FAILED,
                DBUS_ERROR_NO_NETWORK,
                DBUS_ERROR_SPAWN_EXEC_FAILED,
                DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND,
                DBUS_ERROR_NOT_SUPPORTED,
        };

        for (size_t i = 0; i < ARRAY_SIZE(unreachable); i++)
                if (streq(unreachable[i], name))
                        return -ECONNREFUSED;
        if (streq(name, DBUS_ERROR_NO_REPLY) || streq(name, DBUS_ERROR_TIMEOUT) ||
                streq(name, DBUS_ERROR_TIMED_OUT))
                return -ETIMEDOUT;
        if (streq(name, DBUS_ERROR_NO_MEMORY))
                return -ENOMEM;
        return -EREMOTEIO;
}

static int take_error(DBusError *from, ClientError *ret_error) {
        int r = error_class(from->name);

        client_error_done(ret_error);
        ret_error->name = strdup(from->name);
        ret_error->message = strdup(strempty(from->message));
        dbus_error_free(from);
        return ret_error->name && ret_error->message ? r : -ENOMEM;
}

static DBusHandlerResult keep_signal(DBusConnection *bus, DBusMessage *m, void *userdata) {
        Client *c = userdata;
        Queued *q;

        if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_SIGNAL || c->n_queued >= SIGNALS_MAX)
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        /* The bus sends these to every client, subscribed or not. */
        if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameAcquired") ||
                dbus_message_is_signal(m, DBUS_INTERFACE_LOCAL, "Disconnected"))
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;

        q = malloc(sizeof(*q));
        if (!q)
                return DBUS_HANDLER_RESULT_NEED_MEMORY;
        *q = (Queued){ .message = dbus_message_ref(m) };
        STAILQ_INSERT_TAIL(&c->queued, q, next);
        c->n_queued++;
        return DBUS_HANDLER_RESULT_HANDLED;
}

static DBusMessage *take_queued(Client *c) {
        Queued *q = STAILQ_FIRST(&c->queued);
        DBusMessage *m;

        if (!q)
                return NULL;
        STAILQ_REMOVE_HEAD(&c->queued, next);
        c->n_queued--;
        m = q->message;
        free(q);
        return m;
}

Client *client_close(Client *c) {
        DBusMessage *m;

        if (!c)
                return NULL;
        if (c->bus) {
                /* libdbus aborts over a filter that was never added. */
                if (c->has_filter)
                        dbus_connection_remove_filter(c->bus, keep_signal, c);
                dbus_connection_close(c->bus);
                dbus_connection_unref(c->bus);
        }
        while ((m = take_queued(c)))
                dbus_message_unref(m);
        free(c);
        dbus_shutdown();
        return NULL;
}

int client_open(const char *address, ClientError *ret_error, Client **ret) {
        _cleanup_(client_closep) Client *c = calloc(1, sizeof(*c));
        DBusError error = DBUS_ERROR_INIT;

        if (!c)
                return -ENOMEM;
        c->service = POLICY_BUS_NAME;
        c->timeout_ms = CALL_TIMEOUT_MS;
        STAILQ_INIT(&c->queued);

        c->bus = dbus_connection_open_private(address ? address : SYSTEM_BUS_ADDRESS, &error);
        if (!c->bus) {
                int r = take_error(&error, ret_error);

                return r == -ENOMEM ? r : -ECONNREFUSED;
        }
        dbus_connection_set_exit_on_disconnect(c->bus, FALSE);
        if (!dbus_bus_register(c->bus, &error)) {
                int r = take_error(&error, ret_error);

                return r == -ENOMEM ? r : -ECONNREFUSED;
        }
        c->has_filter = dbus_connection_add_filter(c->bus, keep_signal, c, NULL);
        if (!c->has_filter)
                return -ENOMEM;

        *ret = take_ptr(c);
        return 0;
}

int client_ssh_address(const char *target, char **ret) {
        char *escaped;
        int r;

        /* A leading '-' would be an option of ssh. */
        if (isempty(target) || *target == '-' || strpbrk(target, " \t\n"))
                return -EINVAL;
        escaped = dbus_address_escape_value(target);
        if (!escaped)
                return -ENOMEM;
        r = asprintf(
                ret, "unixexec:path=ssh,argv1=-xT,argv2=--,argv3=%s,argv4=systemd-stdio-bridge", escaped);
        dbus_free(escaped);
        return r < 0 ? -ENOMEM : 0;
}

void client_set_service(Client *c, const char *name) {
        c->service = name;
}

void client_set_timeout(Client *c, int milliseconds) {
        c->timeout_ms = milliseconds;
}

static dbus_bool_t append_list(DBusMessageIter *it, char type, const char *const *items) {
        const char signature[] = { type, 0 };
        DBusMessageIter array;
        dbus_bool_t ok = dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, signature, &array);

        for (size_t i = 0; ok && items[i]; i++)
                ok = dbus_message_iter_append_basic(&array, type, &items[i]);
        return ok && dbus_message_iter_close_container(it, &array);
}

static dbus_bool_t append_map(DBusMessageIter *it, const char *const *entries) {
        DBusMessageIter array, entry;
        dbus_bool_t ok = dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "{ss}", &array);

        for (; ok && entries[0]; entries += 2)
                ok = dbus_message_iter_open_container(&array, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
                     dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &entries[0]) &&
                     dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &entries[1]) &&
                     dbus_message_iter_close_container(&array, &entry);
        return ok && dbus_message_iter_close_container(it, &array);
}

static dbus_bool_t append_value(DBusMessageIter *variant, const ClientOption *option) {
        dbus_uint64_t number = option->number;
        dbus_bool_t flag = option->flag;

        switch (option->type) {
        case 'b':
                return dbus_message_iter_append_basic(variant, DBUS_TYPE_BOOLEAN, &flag);
        case 't':
                return dbus_message_iter_append_basic(variant, DBUS_TYPE_UINT64, &number);
        default:
                return dbus_message_iter_append_basic(variant, option->type, &option->text);
        }
}

static dbus_bool_t append_option(DBusMessageIter *array, const ClientOption *option) {
        const char signature[] = { option->type, 0 };
        DBusMessageIter entry, variant;

        return dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
               dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &option->name) &&
               dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant) &&
               append_value(&variant, option) &&
               dbus_message_iter_close_container(&entry, &variant) &&
               dbus_message_iter_close_container(array, &entry);
}

static dbus_bool_t append_options(DBusMessageIter *it, const ClientOption *options) {
        DBusMessageIter array;
        dbus_bool_t ok = dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, "{sv}", &array);

        for (size_t i = 0; ok && options && options[i].name; i++)
                ok = append_option(&array, &options[i]);
        return ok && dbus_message_iter_close_container(it, &array);
}

static dbus_bool_t append_one(DBusMessageIter *it, const ClientArg *arg) {
        dbus_uint32_t number = (dbus_uint32_t) arg->number;
        dbus_uint64_t large = arg->number;
        dbus_bool_t flag = arg->number != 0;
        int fd = (int) arg->number;

        switch (arg->type) {
        case 's':
        case 'o':
                return dbus_message_iter_append_basic(it, arg->type, &arg->text);
        case 'u':
                return dbus_message_iter_append_basic(it, DBUS_TYPE_UINT32, &number);
        case 't':
                return dbus_message_iter_append_basic(it, DBUS_TYPE_UINT64, &large);
        case 'b':
                return dbus_message_iter_append_basic(it, DBUS_TYPE_BOOLEAN, &flag);
        case 'h':
                return dbus_message_iter_append_basic(it, DBUS_TYPE_UNIX_FD, &fd);
        case 'O':
                return append_list(it, DBUS_TYPE_OBJECT_PATH, arg->paths);
        case 'S':
                return append_list(it, DBUS_TYPE_STRING, arg->paths);
        case 'M':
                return append_map(it, arg->paths);
        case 'V':
                return append_options(it, arg->options);
        default:
                return FALSE;
        }
}

static int send_and_wait(Client *c, DBusMessage *call, ClientError *ret_error, struct json_object **ret) {
        DBusError error = DBUS_ERROR_INIT;
        DBusMessage *reply;
        int r;

        reply = dbus_connection_send_with_reply_and_block(c->bus, call, c->timeout_ms, &error);
        if (!reply)
                return take_error(&error, ret_error);
        r = ret ? client_message_to_json(reply, ret) : 0;
        dbus_message_unref(reply);
        return r;
}

int client_call_args(Client *c, const char *path, const char *interface, const char *method, ClientError *ret_error,
        struct json_object **ret, const ClientArg *args, size_t n) {
        DBusMessage *call;
        DBusMessageIter it;
        dbus_bool_t ok = TRUE;
        int r;

        call = dbus_message_new_method_call(c->service, path, interface, method);
        if (!call)
                return -ENOMEM;
        dbus_message_iter_init_append(call, &it);
        for (size_t i = 0; ok && i < n; i++)
                ok = append_one(&it, &args[i]);
        r = ok ? send_and_wait(c, call, ret_error, ret) : -ENOMEM;
        dbus_message_unref(call);
        return r;
}

static ClientArg next_arg(char type, va_list *ap) {
        ClientArg arg = { .type = type };

        if (type == 's' || type == 'o')
                arg.text = va_arg(*ap, const char *);
        else if (type == 'u')
                arg.number = va_arg(*ap, uint32_t);
        else if (type == 't')
                arg.number = va_arg(*ap, uint64_t);
        else if (strchr("OSM", type))
                arg.paths = va_arg(*ap, const char *const *);
        else if (type == 'V')
                arg.options = va_arg(*ap, const ClientOption *);
        else
                arg.number = (uint64_t) va_arg(*ap, int);
        return arg;
}

int client_call(Client *c, const char *path, const char *interface, const char *method, ClientError *ret_error,
        struct json_object **ret, const char *types, ...) {
        ClientArg args[ARGS_MAX];
        size_t n = 0;
        va_list ap;

        if (strchr(types, 'h') && !dbus_connection_can_send_type(c->bus, DBUS_TYPE_UNIX_FD))
                return -EOPNOTSUPP;
        va_start(ap, types);
        for (; types[n] && n < ARGS_MAX; n++)
                args[n] = next_arg(types[n], &ap);
        va_end(ap);
        return client_call_args(c, path, interface, method, ret_error, ret, args, n);
}

int client_get_all(Client *c, const char *path, const char *interface, ClientError *ret_error,
        struct json_object **ret) {
        return client_call(c, path, DBUS_INTERFACE_PROPERTIES, "GetAll", ret_error, ret, "s", interface);
}

int client_subscribe(Client *c, const char *rule, ClientError *ret_error) {
        DBusError error = DBUS_ERROR_INIT;

        dbus_bus_add_match(c->bus, rule, &error);
        if (dbus_error_is_set(&error))
                return take_error(&error, ret_error);
        return 0;
}

static int64_t now_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int signal_from_message(DBusMessage *m, ClientSignal *ret) {
        ClientSignal s = {
                .path = strdup(strempty(dbus_message_get_path(m))),
                .interface = strdup(strempty(dbus_message_get_interface(m))),
                .member = strdup(strempty(dbus_message_get_member(m))),
        };
        int r;

        r = s.path && s.interface && s.member ? client_message_args_to_json(m, &s.args) : -ENOMEM;
        if (r < 0) {
                client_signal_done(&s);
                return r;
        }
        *ret = s;
        return 0;
}

int client_wait_signal(Client *c, int timeout_ms, ClientSignal *ret) {
        int64_t end = now_ms() + timeout_ms;
        DBusMessage *m;
        int r;

        while (!(m = take_queued(c))) {
                int64_t left = timeout_ms < 0 ? -1 : end - now_ms();

                if (timeout_ms >= 0 && left < 0)
                        return -ETIMEDOUT;
                if (!dbus_connection_read_write_dispatch(c->bus, (int) left))
                        return -ECONNREFUSED;
        }
        r = signal_from_message(m, ret);
        dbus_message_unref(m);
        return r;
}

int client_has_owner(Client *c, const char *name, bool *ret) {
        DBusError error = DBUS_ERROR_INIT;
        dbus_bool_t has = dbus_bus_name_has_owner(c->bus, name, &error);

        if (dbus_error_is_set(&error)) {
                dbus_error_free(&error);
                return -ECONNREFUSED;
        }
        *ret = has;
        return 0;
}
