/*
 * Errors of ours, and texts of clients
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/daemon/bus-text.h"
#include "policyd/bus/call/error.h"

int bus_error_set(sd_bus_error *error, ErrorCode code, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0)
                text = NULL;
        /* An error of which a text is no UTF-8 would not be sent, and the caller would wait for ever. */
        if (n < 0 || text_clean_own(&text, TEXT_LINE, SIZE_MAX) < 0)
                return sd_bus_error_set_errno(error, ENOMEM);
        return sd_bus_error_set(error, error_code_name(code), text);
}

int bus_text(sd_bus_message *m, const char *what, TextForm form, const char **ret, sd_bus_error *error) {
        char reason[BUS_TEXT_REASON_MAX];
        int r;

        r = bus_read_text(m, what, form, ret, reason);
        return r == 0 ? bus_error_set(error, ERROR_INVALID_RECORD, "%s", reason) : r;
}

int bus_record(sd_bus_message *m, const char *what, const char **ret, sd_bus_error *error) {
        char reason[BUS_TEXT_REASON_MAX];
        int r;

        r = bus_read_record(m, what, ret, reason);
        return r == 0 ? bus_error_set(error, ERROR_INVALID_RECORD, "%s", reason) : r;
}
