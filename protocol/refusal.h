#pragma once

/*
 * A refusal: a result, not an error
 *
 * code says what kind (ERROR_NONE: allowed); message is a sentence for people that names what was refused, by what, and what
 * would help; detail is JSON text for machines, or NULL.
 */

#include "common/base/macros.h"
#include "protocol/errors.h"

typedef struct Refusal {
        ErrorCode code;
        char *message;
        char *detail;
} Refusal;

void refusal_done(Refusal *r);
/* Sets code and message, replacing what was there; returns 0 or -ENOMEM. */
int refusal_set(Refusal *r, ErrorCode code, const char *format, ...) _printf_(3, 4);
/* 1 instead of 0, for checks that stand in a row: a() ?: b() ?: c() ends at the first that does not return 0. */
#define refusal_made(...) (refusal_set(__VA_ARGS__) ?: 1)
#define _cleanup_refusal_ _cleanup_(refusal_done)
