#pragma once

/*
 * Errors of a call: setting an error of ours, and checking texts that clients send
 */

#include <systemd/sd-bus.h>

#include "common/base/text.h"
#include "common/daemon/bus-text.h"
#include "protocol/errors.h"

/* Sets an error of ours and returns what a handler returns. */
int bus_error_set(sd_bus_error *error, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* The next argument, a text or a JSON record of a client; what names it in the error. See common/daemon/bus-text.h. */
#define bus_text(m, what, form, ret, error) \
        bus_read_text(m, what, form, error_code_name(ERROR_INVALID_RECORD), ret, error)
#define bus_record(m, what, ret, error) bus_read_record(m, what, error_code_name(ERROR_INVALID_RECORD), ret, error)
