/*
 * Refusals and failures as D-Bus errors
 */

#include "hostd/bus/bus-internal.h"

static bool is_of_storage(int result) {
        switch (result) {
        case -ENOSPC:
        case -EOVERFLOW:
        case -EROFS:
        case -EIO:
        case -EBADMSG:
        case -ESTALE:
                return true;
        default:
                return false;
        }
}

/* An error of which a text is no UTF-8 would not be sent, and the caller would wait for ever. */
static int set_error(sd_bus_error *error, ErrorCode code, const char *message) {
        _cleanup_free_ char *clean = text_clean(message, strlen(message), TEXT_LINE, SIZE_MAX);

        return clean ? sd_bus_error_set(error, error_code_name(code), clean) : sd_bus_error_set_errno(error, ENOMEM);
}

int bus_check(int result, const Refusal *refusal, sd_bus_error *error) {
        if (is_of_storage(result))
                return sd_bus_error_setf(error, error_code_name(ERROR_STORAGE_FAILED),
                        "hostd could not store the change (%s); nothing was changed.%s", strerror(-result),
                        result == -ENOSPC ? " The disk of its state folder is full: free space there." : "");
        if (result < 0)
                return sd_bus_error_setf(error, error_code_name(ERROR_INTERNAL_ERROR),
                        "hostd could not do this: %s.", strerror(-result));
        if (refusal->code != ERROR_NONE)
                return set_error(error, refusal->code, refusal->message);
        return 0;
}
