#pragma once

/*
 * AMD MxGPU: one type a line
 *
 *   PPPP experimental=0|1 name='…' framebuffer_sz=N vgpus_per_pgpu=N
 *
 * in this order; PPPP four hex digits, framebuffer_sz in MiB; experimental unless 0; text after that is
 * ignored. Empty lines and lines that start with # are skipped. Entries come in the file's order.
 */

#include "hostd/core/problem.h"
#include "common/base/macros.h"

typedef struct MxgpuEntry {
        uint16_t pdev;
        bool experimental;
        char *name;
        uint64_t framebuffer;    /* bytes */
        uint64_t vgpus_per_pgpu; /* 0 gives no type */
        unsigned line;
} MxgpuEntry;

/* As gvtg_line_parse(). */
int mxgpu_line_parse(
        const char *text, size_t size, unsigned line, const ProblemSink *problems, MxgpuEntry *ret);
int mxgpu_list_parse(
        const char *data, size_t size, const ProblemSink *problems, MxgpuEntry **ret, size_t *ret_n);
void mxgpu_entry_done(MxgpuEntry *e);
MxgpuEntry *mxgpu_list_free(MxgpuEntry *entries, size_t n);
