#pragma once

/*
 * Problems: what a reader tolerated, and where
 *
 * One bad entry of a type file costs that entry alone. The parser goes on and tells the caller the line (from
 * 1; 0 when the whole input is meant) and a sentence without the file's name, which only the caller knows.
 * The reason is valid during the call only. A NULL handler drops them.
 */

typedef void (*ProblemHandler)(unsigned line, const char *reason, void *userdata);

typedef struct ProblemSink {
        ProblemHandler handler;
        void *userdata;
} ProblemSink;

void problem_report(const ProblemSink *sink, unsigned line, const char *format, ...)
        __attribute__((__format__(printf, 3, 4)));
