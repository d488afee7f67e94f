/*
 * Refusals and failures as D-Bus errors
 */

#include "hostd/bus/bus-internal.h"

int bus_check(int result, const HostRefusal *refusal, sd_bus_error *error) {
        if (result == -ENOSPC || result == -EIO || result == -EBADMSG)
                return sd_bus_error_setf(error, error_code_name(ERROR_STORAGE_FAILED),
                        "hostd could not store the change (%s); nothing was changed.", strerror(-result));
        if (result < 0)
                return sd_bus_error_setf(error, error_code_name(ERROR_INTERNAL_ERROR),
                        "hostd could not do this: %s.", strerror(-result));
        if (refusal->code != ERROR_NONE)
                return sd_bus_error_set(error, error_code_name(refusal->code), refusal->message);
        return 0;
}
