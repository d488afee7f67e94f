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

#include "common/base/strbuf.h"

typedef enum Result {
        RESULT_OK,
        RESULT_FAILED,
        RESULT_SKIPPED, /* it does not apply here */
        _RESULT_MAX,
} Result;

typedef struct Report {
        FILE *out;
        bool json, in_check;
        StrBuf text; /* JSON alone: as far as it is known */
        unsigned n[_RESULT_MAX];
        int error; /* the first one; nothing is reported after it */
} Report;

void report_begin(Report *r, FILE *out, bool json);

/* What was seen. help: one or two sentences, what the reader can do; of a failure alone. */
void report_add(Report *r, Result result, const char *name, const char *help, const char *format, ...) _printf_(5, 6);
#define report_ok(r, name, ...) report_add(r, RESULT_OK, name, NULL, __VA_ARGS__)
#define report_failed(r, name, help, ...) report_add(r, RESULT_FAILED, name, help, __VA_ARGS__)
#define report_skipped(r, name, ...) report_add(r, RESULT_SKIPPED, name, NULL, __VA_ARGS__)
/* More on the last one. */
void report_note(Report *r, const char *format, ...) _printf_(2, 3);

/* Ends the report: 0, 1 when something failed, or the error. */
int report_end(Report *r);
