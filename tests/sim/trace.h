#pragma once

/*
 * A trace of arrivals
 *
 * One JSON object per line, in the order of "at":
 *
 *     {"at": 12.5, "stay": 7200, "vgpus": ["K140Q", "K2:passthrough"]}
 *
 * Times are seconds. A VGPU is "TYPE", in the first group that supports it, or "GROUP:TYPE".
 */

#include "tests/sim/shape.h"

#define ARRIVAL_VGPUS_MAX 16

typedef struct Arrival {
        double at, stay;
        size_t n_vgpus;
        struct {
                uint8_t group, type; /* indexes in the shape; TYPE_PASSTHROUGH_INDEX */
        } vgpus[ARRIVAL_VGPUS_MAX];
} Arrival;

#define TYPE_PASSTHROUGH_INDEX UINT8_MAX

typedef struct Trace {
        Arrival *items;
        size_t n, size;
} Trace;

int trace_add(Trace *t, const Arrival *a);
void trace_done(Trace *t);
#define _cleanup_trace_ _cleanup_(trace_done)

/* Of a whole PGPU. */
double arrival_size(const Shape *s, const Arrival *a);

/* -EINVAL with a sentence that names the line. */
int trace_parse(const Shape *s, const char *text, size_t size, Trace *ret, char *error, size_t error_size);
/* One line, without its newline; the caller frees it. */
char *arrival_to_text(const Shape *s, const Arrival *a);
