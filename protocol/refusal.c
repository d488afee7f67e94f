/*
 * Refusals
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "protocol/refusal.h"

void refusal_done(Refusal *r) {
        free(r->message);
        free(r->detail);
        *r = (Refusal){};
}

int refusal_set(Refusal *r, ErrorCode code, const char *format, ...) {
        va_list args;
        char *message;

        va_start(args, format);
        message = text_vprintf(format, args);
        va_end(args);
        if (!message)
                return -ENOMEM;

        refusal_done(r);
        r->code = code;
        r->message = message;
        return 0;
}
