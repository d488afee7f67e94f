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

/* The same, and 1 instead of 0, for checks that stand in a row: a() ?: b() ?: c() ends at the first that does not return 0. */
#define host_refuse(...) (host_refusal_set(__VA_ARGS__) ?: 1)
#define _cleanup_host_refusal_ _cleanup_(host_refusal_done)
