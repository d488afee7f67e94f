#pragma once

/*
 * What libxl says, in our log
 *
 * libxl returns bare numbers and tells the reason to its logger. So warnings and errors go to our log, and
 * the first error since the last reset is kept for the sentence that a user reads.
 */

#include <libxl.h>

#include "common/base/macros.h"

typedef struct LibxlLog LibxlLog;

int libxl_log_new(LibxlLog **ret);
LibxlLog *libxl_log_free(LibxlLog *log);
DEFINE_CLEANUP(LibxlLog *, libxl_log_free)

/* For libxl_ctx_alloc(); belongs to the log. */
xentoollog_logger *libxl_log_get(LibxlLog *log);

void libxl_log_reset(LibxlLog *log);
/* "" when nothing went wrong since the reset. */
const char *libxl_log_first_error(const LibxlLog *log);

/* A context whose words go to a log of its own; both are NULL before. -EIO: libxl cannot be used here, and the log knows
 * more. libxl_close() is due in any case. */
int libxl_open(LibxlLog **ret_log, libxl_ctx **ret_ctx);
void libxl_close(LibxlLog *log, libxl_ctx *ctx);

/* A negative errno for an error of libxl: -ENOMEM, -ECANCELED, -ENOENT, -ETIMEDOUT, -EBUSY, -EINVAL; -EIO for
 * the rest. */
int libxl_error_to_errno(int rc);
