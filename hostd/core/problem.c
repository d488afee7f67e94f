/*
 * Problems: what a reader tolerated, and where
 *
 * Reasons quote pieces of files that may hold anything, so each is cut to a bounded length and cleaned before
 * it travels.
 */

#include "common/base/text.h"
#include "hostd/core/problem.h"

#define REASON_MAX 512

void problem_report(const ProblemSink *sink, unsigned line, const char *format, ...) {
        char reason[REASON_MAX];
        va_list ap;

        if (!sink || !sink->handler)
                return;

        va_start(ap, format);
        text_vformat(reason, sizeof(reason), format, ap);
        va_end(ap);

        sink->handler(sink->path, line, reason, sink->userdata);
}
