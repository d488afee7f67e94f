#pragma once

/*
 * The rows
 */

#include "tests/proof/coverage.h"

/*
 * seen: words of one line of a history, all of which stand in it; ";" separates lines each of which must be seen, "|" lines one of
 * which is enough.
 */
typedef struct CoverageRow {
        const char *section, *row; /* the heading above the table and the first cell; " / " and the second where the first repeats */
        const char *seen;
        const char *elsewhere; /* the test that reaches it, where this one does not */
} CoverageRow;

extern const CoverageRow coverage_rows[]; /* ends with {} */
const char *coverage_error_elsewhere(ErrorCode code); /* the test that leads to it; NULL: here it is reached */

/* coverage-watch.c: what follows from several lines, as further words. */
typedef struct CoverageWatch CoverageWatch;
CoverageWatch *coverage_watch_new(void (*mark)(void *userdata, const char *word), void *userdata);
CoverageWatch *coverage_watch_free(CoverageWatch *w);
void coverage_watch_line(CoverageWatch *w, const char *line);
