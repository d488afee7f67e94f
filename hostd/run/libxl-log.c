/*
 * What libxl says, in our log
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/daemon/log.h"
#include "common/base/text.h"
#include "hostd/run/libxl-log.h"

#define TEXT_SIZE 512

struct LibxlLog {
        xentoollog_logger logger; /* first: libxl hands it back to us */
        char first_error[TEXT_SIZE];
};

static int level_to_syslog(xentoollog_level level) {
        if (level >= XTL_ERROR)
                return LOG_ERR;
        if (level >= XTL_WARN)
                return LOG_WARNING;
        return LOG_DEBUG;
}

static _printf_(5, 0) void on_message(xentoollog_logger *logger, xentoollog_level level, int errnoval,
        const char *context, const char *format, va_list args) {
        LibxlLog *log = CONTAINER_OF(logger, LibxlLog, logger);
        char text[TEXT_SIZE];

        text_vformat(text, sizeof(text), format, args);
        log_full(level_to_syslog(level), NULL, NULL, "%s: %s%s%s", context ? context : "libxl", text,
                errnoval > 0 ? ": " : "", errnoval > 0 ? strerror(errnoval) : "");
        if (level >= XTL_ERROR && isempty(log->first_error))
                text_short(text, log->first_error, sizeof(log->first_error));
}

int libxl_log_new(LibxlLog **ret) {
        LibxlLog *log = calloc(1, sizeof(*log));

        if (!log)
                return -ENOMEM;
        /* Neither progress nor destroy is called where it is NULL; the log frees itself. */
        log->logger.vmessage = on_message;
        *ret = log;
        return 0;
}

LibxlLog *libxl_log_free(LibxlLog *log) {
        free(log);
        return NULL;
}

xentoollog_logger *libxl_log_get(LibxlLog *log) {
        return &log->logger;
}

void libxl_log_reset(LibxlLog *log) {
        log->first_error[0] = '\0';
}

const char *libxl_log_first_error(const LibxlLog *log) {
        return log->first_error;
}

int libxl_open(LibxlLog **ret_log, libxl_ctx **ret_ctx) {
        int r;

        r = libxl_log_new(ret_log);
        if (r < 0)
                return r;
        return libxl_ctx_alloc(ret_ctx, LIBXL_VERSION, 0, libxl_log_get(*ret_log)) == 0 ? 0 : -EIO;
}

void libxl_close(LibxlLog *log, libxl_ctx *ctx) {
        (void) libxl_ctx_free(ctx);
        (void) libxl_log_free(log);
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
