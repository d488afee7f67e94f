#pragma once

/*
 * A helper: this very program under another first argument, for work that may never return
 *
 * It writes one line to stdout: on success its answer, else the sentence of its failure. Its log goes where
 * our own goes.
 */

#include <systemd/sd-event.h>

#include "common/base/strlist.h"

/* What a helper is to do, as those who know the work describe it. */
typedef struct HelperWork {
        StrList arguments; /* without the program itself; first the verb. Its failures are those of the start */
        uint64_t timeout;  /* µs */
        const char *late;  /* the sentence when it takes longer; a constant */
} HelperWork;

static inline _unused_ void helper_work_done(HelperWork *w) {
        strlist_done(&w->arguments);
}

typedef struct HelperProcess HelperProcess;

/* result: 0, -EIO, or -ETIMEDOUT; words live during the call. Called once, from the loop; free the helper
 * then, or earlier to give it up. */
typedef void (*HelperDone)(int result, const char *words, void *userdata);

int helper_process_start(
        sd_event *event, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret);
HelperProcess *helper_process_free(HelperProcess *h); /* ends it */
DEFINE_CLEANUP(HelperProcess *, helper_process_free)
