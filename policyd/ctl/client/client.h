#pragma once

/*
 * A D-Bus client on libdbus-1
 *
 * One connection, blocking calls, replies as JSON: a variant is its value, an object path is a string, a
 * dictionary is an object. Where a reply has several values it is an array of them; with none it is NULL.
 * Signals that arrive meanwhile are kept for client_wait_signal(). Values keep their numbers: u and t are
 * unsigned, i and x signed, d a double.
 *
 * Arguments are written by a signature of our own, one letter each:
 *   s, o  const char *        u  uint32_t        t  uint64_t        b  int
 *   O, S  const char *const *, NULL-terminated: an array of object paths, of strings
 *   M     const char *const *, key, value, key, …, NULL: a{ss}
 *   V     const ClientOption *, ended by a NULL name: options a{sv}
 *   h     int, a descriptor; -EOPNOTSUPP where the connection carries none
 *
 * All functions return 0 or a negative errno; where there is a ClientError it then says what went wrong:
 * -EREMOTEIO an error reply, -ECONNREFUSED no service (no bus, no such name, connection lost), -ETIMEDOUT no
 * answer in time.
 */

#include <json-c/json.h>

#include "common/base/macros.h"

typedef struct Client Client;

typedef struct ClientError {
        char *name;    /* D-Bus error name */
        char *message; /* a sentence */
} ClientError;

void client_error_done(ClientError *e);
#define _cleanup_client_error_ _cleanup_(client_error_done)

typedef struct ClientOption {
        const char *name;
        char type; /* 's', 'o', 'b' or 't' */
        const char *text;
        bool flag;
        uint64_t number;
} ClientOption;

/* One argument by its letter, for a call whose arguments come out of a table. */
typedef struct ClientArg {
        char type;
        const char *text;            /* s, o */
        uint64_t number;             /* u, t, b, h */
        const char *const *paths;    /* O, S, M */
        const ClientOption *options; /* V */
} ClientArg;

/* address NULL: the system bus. */
int client_open(const char *address, ClientError *ret_error, Client **ret);
Client *client_close(Client *c);
DEFINE_CLEANUP(Client *, client_close)

/* The address that runs systemd-stdio-bridge on another machine through ssh; the caller frees it. -EINVAL: no
 * USER@HOST. */
int client_ssh_address(const char *target, char **ret);

/* The bus name that calls go to; org.xenvgpu.Policy1 until it is set. */
void client_set_service(Client *c, const char *name);
void client_set_timeout(Client *c, int milliseconds);

int client_call(Client *c, const char *path, const char *interface, const char *method,
        ClientError *ret_error, struct json_object **ret, const char *types, ...);

int client_call_args(Client *c, const char *path, const char *interface, const char *method, ClientError *ret_error,
        struct json_object **ret, const ClientArg *args, size_t n);

/* org.freedesktop.DBus.Properties.GetAll */
int client_get_all(
        Client *c, const char *path, const char *interface, ClientError *ret_error, struct json_object **ret);

typedef struct ClientSignal {
        char *path, *interface, *member;
        struct json_object *args; /* an array */
} ClientSignal;

void client_signal_done(ClientSignal *s);
#define _cleanup_client_signal_ _cleanup_(client_signal_done)

/* Adds a match rule; signals are then kept from this moment on. */
int client_subscribe(Client *c, const char *rule, ClientError *ret_error);
/* The next signal; timeout_ms -1: for ever. -ETIMEDOUT, -ECONNREFUSED when the connection is lost. */
int client_wait_signal(Client *c, int timeout_ms, ClientSignal *ret);

/* Whether the service has an owner now. */
int client_has_owner(Client *c, const char *name, bool *ret);
