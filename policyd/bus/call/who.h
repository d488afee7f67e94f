#pragma once

/*
 * Who a caller is
 *
 * The bus says the user, the groups and the process of a name; systemd says the unit of that process. Both are asked without
 * waiting. The user's name is read from /etc/passwd, since a name service may block. policyd cannot look into /proc, where its unit
 * hides the processes of others.
 */

#include <systemd/sd-bus.h>

#include "common/base/macros.h"
#include "common/base/strbuf.h"

typedef struct Who {
        bool has_uid, has_unit;
        uint32_t uid, pid;
        uint32_t *groups;
        size_t n_groups;
        char user[64]; /* as people call it, or "uid 1234" */
        char *unit;    /* "session-3.scope"; NULL: none, or not known */
        char no_unit[48]; /* then why, "unknown: process 1234 has ended"; empty where systemd is not there */
} Who;

void who_done(Who *w);

/* From the reply to GetConnectionCredentials. -EBADMSG: it names no user. */
int who_read(sd_bus_message *reply, Who *w);
int who_ask(sd_bus *bus, const char *name, sd_bus_message_handler_t answered, void *userdata, sd_bus_slot **ret);

/* Asks systemd for the unit; the answer is for who_read_unit(). -ENODATA: no process is known. */
int who_ask_unit(sd_bus *bus, const Who *w, sd_bus_message_handler_t answered, void *userdata, sd_bus_slot **ret);
void who_read_unit(sd_bus_message *reply, Who *w);

const char *who_unit(const Who *w); /* or why it is not known; NULL: nothing can be said */
/* "alice (session-3.scope)", "alice" where the unit is not known. */
void who_describe(const Who *w, StrBuf *b);
bool who_is_in_group(const Who *w, uint32_t gid);
