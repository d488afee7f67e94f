#pragma once

/*
 * What is wrong with a call: errors of ours, and texts that clients send
 */

#include <systemd/sd-bus.h>

#include "common/base/text.h"
#include "protocol/errors.h"

/* Sets an error of ours and returns what a handler returns. */
int bus_error_set(sd_bus_error *error, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* The next argument, a text or a JSON record of a client; what names it in the error. See common/daemon/bus-text.h. */
int bus_text(sd_bus_message *m, const char *what, TextForm form, const char **ret, sd_bus_error *error);
int bus_record(sd_bus_message *m, const char *what, const char **ret, sd_bus_error *error);
