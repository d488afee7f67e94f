/*
 * A refusal of hostd: a result, not an error
 */

#include <stdarg.h>
#include <stdio.h>

#include "hostd/core/host-refusal.h"

int host_refusal_set(HostRefusal *r, ErrorCode code, const char *format, ...) {
        char *message;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&message, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;

        free(r->message);
        r->code = code;
        r->message = message;
        return 0;
}

void host_refusal_done(HostRefusal *r) {
        free(r->message);
        *r = (HostRefusal){};
}
