#pragma once

/*
 * Long texts in messages
 *
 * sd_bus_message_append() looks at each character whether it is UTF-8: of an order that is as much as all else that sending it
 * costs, of an explanation of a large pool a tenth of its making. What was written here out of texts that were checked as they
 * came in is UTF-8.
 */

#include <systemd/sd-bus.h>

#include "common/macros.h"

/* As sd_bus_message_append_basic(m, 's', text). */
static inline int bus_append_checked_text(sd_bus_message *m, const char *text) {
        size_t n = strlen(text);
        char *place;
        int r;

        r = sd_bus_message_append_string_space(m, n, &place);
        if (r >= 0)
                memcpy(place, text, n);
        return r;
}
