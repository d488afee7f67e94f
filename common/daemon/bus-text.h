#pragma once

/*
 * Texts in messages: what clients send is checked, what is long is not checked again
 *
 * sd_bus_message_append() looks at each character whether it is UTF-8: of an order that is as much as all else that sending it
 * costs, of an explanation of a large pool a tenth of its making. Ours looks at eight bytes at a time. The look is needed: a bus
 * drops who sends it what is no UTF-8.
 */

#include <systemd/sd-bus.h>

#include "common/base/text.h"

/*
 * The next argument of a method, a text of the form given; what names it: "name_label". The door for what clients send: what not
 * every reader could show is refused with the error of that name. Negative with the error set, for the handler to return.
 */
int bus_read_text(sd_bus_message *m, const char *what, TextForm form, const char *refusal, const char **ret,
        sd_bus_error *error);

/* The same of a JSON record, whose strings json_parse() looks at. */
int bus_read_record(
        sd_bus_message *m, const char *what, const char *refusal, const char **ret, sd_bus_error *error);

/* As sd_bus_message_append_basic(m, 's', text), of a text that was checked as it came in; cleaned where that was forgotten. */
int bus_append_long_text(sd_bus_message *m, const char *text);
