#pragma once

/*
 * Texts in messages: texts of clients are checked, and long texts are not checked twice
 *
 * sd_bus_message_append() checks each character. For an order this costs as much as the rest of sending it;
 * for an explanation of a large pool, a tenth of making it. Our check takes eight bytes at a time. A check is
 * needed, since a bus disconnects a client that sends text that is not UTF-8.
 */

#include <systemd/sd-bus.h>

#include "common/base/text.h"

/*
 * Reads the next argument of a method, a text of the given form; what is its name in the error: "name_label".
 * A text that some reader could not show is refused with the error of that name. Then the result is negative
 * and the error is set, for the handler to return.
 */
int bus_read_text(sd_bus_message *m, const char *what, TextForm form, const char *refusal, const char **ret,
        sd_bus_error *error);

/* The same of a JSON record, whose strings json_parse() looks at. */
int bus_read_record(
        sd_bus_message *m, const char *what, const char *refusal, const char **ret, sd_bus_error *error);

/* Like sd_bus_message_append_basic(m, 's', text), for a text that was checked when it was received. If that
 * was forgotten, the text is cleaned. */
int bus_append_long_text(sd_bus_message *m, const char *text);
