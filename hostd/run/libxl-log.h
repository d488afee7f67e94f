#pragma once

/*
 * libxl, and what it says in our log
 *
 * libxl returns bare numbers and tells the reason to its logger. So warnings and errors go to our log, and
 * the first error since the last call of libxl_forget_error() is kept for the sentence that a user reads.
 */

#include <libxl.h>

#include "common/base/macros.h"

typedef struct Libxl {
        xentoollog_logger logger; /* first: libxl hands it back to us */
        libxl_ctx *ctx;
        char first_error[512]; /* "": nothing went wrong since it was cleared */
} Libxl;

/* -EIO: libxl cannot be used here; then *ret knows more. It is to be closed in any case, where it is not NULL. */
int libxl_open(Libxl **ret);
Libxl *libxl_close(Libxl *xl);
DEFINE_CLEANUP(Libxl *, libxl_close)

static inline void libxl_forget_error(Libxl *xl) {
        xl->first_error[0] = '\0';
}

/* A negative errno for an error of libxl: -ENOMEM, -ECANCELED, -ENOENT, -ETIMEDOUT, -EBUSY, -EINVAL; -EIO for
 * the rest. */
int libxl_error_to_errno(int rc);
