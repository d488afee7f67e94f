/*
 * libxl, and what it says in our log
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/daemon/log.h"
#include "common/base/text.h"
#include "hostd/run/libxl-log.h"

static int level_to_syslog(xentoollog_level level) {
        if (level >= XTL_ERROR)
                return LOG_ERR;
        if (level >= XTL_WARN)
                return LOG_WARNING;
        return LOG_DEBUG;
}

static _printf_(5, 0) void on_message(xentoollog_logger *logger, xentoollog_level level, int errnoval,
        const char *context, const char *format, va_list args) {
        Libxl *xl = CONTAINER_OF(logger, Libxl, logger);
        char text[sizeof(xl->first_error)], whole[sizeof(xl->first_error)];

        text_vformat(text, sizeof(text), format, args);
        text_format(whole, sizeof(whole), "%s%s%s", text, errnoval > 0 ? ": " : "", errnoval > 0 ? strerror(errnoval) : "");
        log_full(level_to_syslog(level), NULL, NULL, "%s: %s", context ? context : "libxl", whole);
        if (level >= XTL_ERROR && isempty(xl->first_error))
                text_short(whole, xl->first_error, sizeof(xl->first_error));
}

int libxl_open(Libxl **ret) {
        Libxl *xl = calloc(1, sizeof(*xl));

        if (!xl)
                return -ENOMEM;
        /* Neither progress nor destroy is called where it is NULL. */
        xl->logger.vmessage = on_message;
        *ret = xl;
        return libxl_ctx_alloc(&xl->ctx, LIBXL_VERSION, 0, &xl->logger) == 0 ? 0 : -EIO;
}

Libxl *libxl_close(Libxl *xl) {
        if (xl)
                (void) libxl_ctx_free(xl->ctx);
        free(xl);
        return NULL;
}

int libxl_error_to_errno(int rc) {
        switch (rc) {
        case 0:
                return 0;
        case ERROR_NOMEM:
                return -ENOMEM;
        case ERROR_ABORTED:
                return -ECANCELED;
        case ERROR_DOMAIN_NOTFOUND:
        case ERROR_NOTFOUND:
                return -ENOENT;
        case ERROR_TIMEDOUT:
                return -ETIMEDOUT;
        case ERROR_LOCK_FAIL:
                return -EBUSY;
        case ERROR_INVAL:
                return -EINVAL;
        default:
                return -EIO;
        }
}
