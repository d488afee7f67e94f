#pragma once

/*
 * Intel GVT-g: one type a line
 *
 *   PPPP experimental=0|1 name='…' low_gm_sz=N high_gm_sz=N fence_sz=N framebuffer_sz=N
 *        max_heads=N resolution=XxY
 *
 * in this order; PPPP four hex digits, sizes in MiB; experimental unless 0; text after that is ignored. Empty
 * lines and lines that start with # are skipped. Entries come in the file's order.
 */

#include "hostd/core/problem.h"
#include "common/base/macros.h"

typedef struct GvtgEntry {
        uint16_t pdev;
        bool experimental;
        char *name;
        uint64_t low_gm_sz, high_gm_sz, fence_sz; /* MiB, MiB, count */
        uint64_t framebuffer;                     /* bytes */
        uint32_t heads, max_x, max_y;
        unsigned line;
} GvtgEntry;

/* 1 an entry, 0 nothing (empty or comment), -EINVAL a bad line (the sink was told), -ENOMEM. text has no
 * newline. */
int gvtg_line_parse(
        const char *text, size_t size, unsigned line, const ProblemSink *problems, GvtgEntry *ret);
int gvtg_list_parse(
        const char *data, size_t size, const ProblemSink *problems, GvtgEntry **ret, size_t *ret_n);
void gvtg_entry_done(GvtgEntry *e);
GvtgEntry *gvtg_list_free(GvtgEntry *entries, size_t n);

/* BAR2 in MiB / low_gm_sz - 1; 0 where nothing fits. */
uint32_t gvtg_instances(uint64_t bar2_bytes, uint64_t low_gm_sz);
