/*
 * Errors of ours, and texts of clients
 */

#include <stdarg.h>
#include <stdio.h>

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
        /* sd-bus does not send an error whose text is not UTF-8, and the caller would wait for ever. */
        if (n < 0 || text_clean_own(&text, TEXT_LINE, SIZE_MAX) < 0)
                return sd_bus_error_set_errno(error, ENOMEM);
        return sd_bus_error_set(error, error_code_name(code), text);
}
