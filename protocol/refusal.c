/*
 * Refusals
 */

#include <stdarg.h>
#include <stdio.h>

#include "protocol/refusal.h"

void refusal_done(Refusal *r) {
        free(r->message);
        free(r->detail);
        *r = (Refusal){};
}

int refusal_set(Refusal *r, ErrorCode code, const char *format, ...) {
        char *message = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&message, format, args);
        va_end(args);
        if (n < 0)
                return -ENOMEM;

        refusal_done(r);
        r->code = code;
        r->message = message;
        return 0;
}
