/*
 * What happened, one line an event
 */

#include <inttypes.h>
#include <stdarg.h>

#include "tests/proof/history.h"

#define FNV_FIRST UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static void count(History *h, const char *line) {
        if (h->n++ == 0)
                h->hash = FNV_FIRST;
        for (const char *c = line; *c; c++)
                h->hash = (h->hash ^ (unsigned char) *c) * FNV_PRIME;
}

void history_add(History *h, const char *format, ...) {
        uint64_t now = loop_now(h->loop, LOOP_MONOTONIC);
        _cleanup_free_ char *what = NULL, *line = NULL;
        va_list args;

        if (h->muted)
                return;
        va_start(args, format);
        if (vasprintf(&what, format, args) < 0)
                abort();
        va_end(args);
        if (asprintf(&line, "%" PRIu64 ".%06" PRIu64 " %s", now / 1000000, now % 1000000, what) < 0)
                abort();
        count(h, line);
        if (h->file)
                fprintf(h->file, "%s\n", line);
        if (h->heard)
                h->heard(line, h->userdata);
}

void history_strike(uint64_t **count) {
        if (*count)
                (**count)++;
        *count = NULL;
}
