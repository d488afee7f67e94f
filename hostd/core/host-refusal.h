#pragma once

/*
 * A refusal of hostd: a result, not an error
 *
 * code ERROR_NONE means allowed. message is a sentence that names what was refused, by what, and what would
 * help.
 */

#include "common/base/macros.h"
#include "protocol/errors.h"

typedef struct HostRefusal {
        ErrorCode code;
        char *message;
} HostRefusal;

/* Replaces what was there. 0 or -ENOMEM. */
int host_refusal_set(HostRefusal *r, ErrorCode code, const char *format, ...) _printf_(3, 4);
void host_refusal_done(HostRefusal *r);
#define _cleanup_host_refusal_ _cleanup_(host_refusal_done)
