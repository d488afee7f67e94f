#pragma once

/*
 * A bus, and a service on it, that say anything: proper answers, answers of any type, errors of any name, or silence
 *
 * It listens at a socket that the code under test dials. One connection at a time; a new one ends the old.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/text.h"
#include "tests/fuzz/message.h"

#define BUS_ITSELF "org.freedesktop.DBus"

typedef struct BusPeer BusPeer;

typedef struct BusSaying {
        const char *service, *owner; /* whom calls name, and the unique name that answers */
        int (*append_proper)(BusPeer *p, sd_bus_message *call, sd_bus_message *reply);
        const char *const *signatures, *const *errors; /* of other answers */
        size_t n_signatures, n_errors;
        uint8_t proper_below, error_from; /* of a byte; from 240 on there is silence */
} BusSaying;

struct BusPeer {
        const BusSaying *saying;
        MessageWords words;
        Bytes bytes;
        char text[MESSAGE_TEXT_MAX]; /* for the words */
        int listener;
        sd_bus *bus; /* NULL: nobody is connected */
};

static inline void demand(bool holds) {
        if (!holds)
                abort();
}

static inline const char *bus_peer_text(BusPeer *p) {
        return p->words.text(&p->bytes, p->words.userdata);
}

static inline void bus_peer_send(BusPeer *p, sd_bus_message *m, const char *sender) {
        if (p->bus && sd_bus_message_set_sender(m, sender) >= 0)
                (void) sd_bus_send(p->bus, m, NULL);
}

static inline int bus_peer_make_error(BusPeer *p, sd_bus_message *call, sd_bus_message **ret) {
        const char *name = p->saying->errors[bytes_take(&p->bytes) % p->saying->n_errors];

        return sd_bus_message_new_method_errorf(call, ret, name, "%s", bus_peer_text(p));
}

static inline int bus_peer_append_any(BusPeer *p, sd_bus_message *reply) {
        const char *signature = p->saying->signatures[bytes_take(&p->bytes) % p->saying->n_signatures];

        return message_fill(reply, signature, &p->bytes, &p->words);
}

static inline int bus_peer_on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        BusPeer *p = userdata;
        const BusSaying *s = p->saying;
        uint8_t how;
        int r;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 1;
        how = bytes_take(&p->bytes);
        if (how >= 240)
                return 1;
        r = how >= s->error_from ? bus_peer_make_error(p, m, &reply) : sd_bus_message_new_method_return(m, &reply);
        if (r >= 0 && how < s->error_from)
                r = how < s->proper_below ? s->append_proper(p, m, reply) : bus_peer_append_any(p, reply);
        if (r >= 0)
                bus_peer_send(p, reply, streq_ptr(sd_bus_message_get_destination(m), s->service) ? s->owner : BUS_ITSELF);
        return 1;
}

static inline void bus_peer_listen(BusPeer *p, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void) unlink(path);
        p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        demand(p->listener >= 0 && bind(p->listener, (struct sockaddr *) &address, sizeof(address)) == 0 && listen(p->listener, 8) == 0);
}

static inline void bus_peer_hang_up(BusPeer *p) {
        p->bus = sd_bus_close_unref(p->bus);
}

static inline void bus_peer_done(BusPeer *p) {
        bus_peer_hang_up(p);
        close(p->listener);
}

/* 1: there was something to do. */
static inline int bus_peer_turn(BusPeer *p) {
        int r = p->bus ? sd_bus_process(p->bus, NULL) : 0, fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
                bus_peer_hang_up(p);
                demand(sd_bus_new(&p->bus) >= 0 && sd_bus_set_fd(p->bus, fd, fd) >= 0 &&
                        sd_bus_set_server(p->bus, true, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)) >= 0 &&
                        sd_bus_add_filter(p->bus, NULL, bus_peer_on_call, p) >= 0 && sd_bus_start(p->bus) >= 0);
        }
        if (r < 0)
                bus_peer_hang_up(p);
        return r > 0;
}
