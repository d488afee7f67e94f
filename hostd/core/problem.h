#pragma once

/*
 * Problems: what a reader tolerated, and where
 *
 * A bad entry of a type file loses only that entry. The parser goes on and passes the caller the line (from
 * 1; 0 when the whole input is meant) and a sentence without the file's name, which only the caller knows and
 * puts beside it. The texts are valid during the call only. A NULL handler drops them.
 */

#include "common/base/macros.h"

typedef void (*ProblemHandler)(const char *path, unsigned line, const char *reason, void *userdata);

typedef struct ProblemSink {
        ProblemHandler handler;
        void *userdata;
        const char *path; /* of what is read; or NULL */
} ProblemSink;

/* The same for what is read from another file. s may be NULL. */
static inline _unused_ ProblemSink problems_in(const ProblemSink *s, const char *path) {
        return s ? (ProblemSink){s->handler, s->userdata, path} : (ProblemSink){};
}

void problem_report(const ProblemSink *sink, unsigned line, const char *format, ...)
        __attribute__((__format__(printf, 3, 4)));
