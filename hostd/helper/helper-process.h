#pragma once

/*
 * A helper: this very program under another first argument, for work that may never return
 *
 * It says one line on stdout: on success its answer, else the sentence of its failure. What it logs goes
 * where our own log goes.
 */

#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct HelperProcess HelperProcess;

/* result: 0, -EIO, or -ETIMEDOUT; words live during the call. Called once, from the loop; free the helper
 * then, or earlier to give it up. */
typedef void (*HelperDone)(int result, const char *words, void *userdata);

/* arguments: NULL-terminated, without the program itself. late: the sentence when it takes longer than
 * timeout (µs); a constant. */
int helper_process_start(sd_event *event, const char *const *arguments, uint64_t timeout, const char *late,
        HelperDone done, void *userdata, HelperProcess **ret);
HelperProcess *helper_process_free(HelperProcess *h); /* ends it */
DEFINE_CLEANUP(HelperProcess *, helper_process_free)
