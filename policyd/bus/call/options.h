#pragma once

/*
 * Options of methods: a{sv}
 */

#include <systemd/sd-bus.h>

#include "common/base/strbuf.h"

enum {
        OPTION_IDEMPOTENCY_KEY = 1 << 0,
        OPTION_DEVICE = 1 << 1,
        OPTION_DRY_RUN = 1 << 2,
        OPTION_RESERVATION = 1 << 3,
        OPTION_OWNER = 1 << 4,
        OPTION_NAME_DESCRIPTION = 1 << 5,
        OPTION_EXTRA_ARGS = 1 << 6,
        OPTION_VGPUS_MAX = 1 << 7,
        OPTION_SIZE_MAX = 1 << 8,
        OPTION_PLACEMENT = 1 << 9,
        OPTION_FORCE = 1 << 10,
        OPTION_FINGERPRINT = 1 << 11,
};

typedef struct Options {
        unsigned present;
        const char *idempotency_key, *device, *reservation, *owner, *name_description,
                *extra_args, *placement, *fingerprint; /* NULL when absent; they belong to the message */
        int dry_run, force;
        uint64_t vgpus_max, size_max; /* of what is present */
} Options;

/* Reads an a{sv}; a key that is not allowed, occurs twice, or has the wrong type is an error that names it.
 */
int options_read(sd_bus_message *m, unsigned allowed, Options *ret, sd_bus_error *error);
/* Adds all but the key itself, in a fixed order: the arguments that a key stands for. */
void options_describe(const Options *o, StrBuf *b);
