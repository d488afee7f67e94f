#pragma once

/*
 * Asking polkit whether a name on the bus may do an action, without waiting
 *
 * It is asked first without a password: so one that is stopped is noticed soon. It answers, or it is not there, or it is slow: each ends in an answer within a bounded time.
 */

#include <systemd/sd-bus.h>

#include "common/base/words.h"

typedef enum PolkitAnswer {
        POLKIT_YES,
        POLKIT_NO,
        POLKIT_ASKS,   /* its user may be asked for a password first */
        POLKIT_ABSENT, /* nobody has its name, and nobody took it when it was called */
        POLKIT_SILENT, /* it has not answered in time */
        POLKIT_FAULTY, /* it answered with an error: it does not know the action */
} PolkitAnswer;

/* interactive: the caller has said that its user may be asked for a password, which takes a while. */
int polkit_ask(sd_bus *bus, const char *name, const char *action, bool interactive, sd_bus_message_handler_t answered,
        void *userdata, sd_bus_slot **ret);
PolkitAnswer polkit_read(sd_bus_message *reply);
