#pragma once

/*
 * The results of the self-test
 *
 * Lines as TAP has them, each as soon as it is known, with what was seen behind the name and notes below;
 * or all of it as one JSON object at the end:
 *   {"version":1,"program_version":"0.1.0","failed":1,
 *    "checks":[{"name":"IOMMU","result":"ok"|"failed"|"skipped","detail":"…","help":"…","notes":["…"]}]}
 */

#include <stdio.h>

#include "common/base/macros.h"

struct json_object;

typedef struct Report {
        FILE *out;
        bool json;
        struct json_object *checks, *last; /* JSON alone */
        unsigned n, n_failed, n_skipped;
        int error; /* the first one; nothing is reported after it */
} Report;

void report_begin(Report *r, FILE *out, bool json);

void report_ok(Report *r, const char *name, const char *format, ...) _printf_(3, 4);
/* help: one or two sentences, what the reader can do. */
void report_failed(Report *r, const char *name, const char *help, const char *format, ...) _printf_(4, 5);
/* It does not apply here; why. */
void report_skipped(Report *r, const char *name, const char *format, ...) _printf_(3, 4);
/* More on the last one. */
void report_note(Report *r, const char *format, ...) _printf_(2, 3);

/* Ends the report: 0, 1 when something failed, or the error. */
int report_end(Report *r);
