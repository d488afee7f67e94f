#pragma once

/*
 * The lists of Intel's GVT-g and AMD's MxGPU types: one type a line
 *
 *   PPPP experimental=0|1 name='…' low_gm_sz=N high_gm_sz=N fence_sz=N framebuffer_sz=N max_heads=N resolution=XxY
 *   PPPP experimental=0|1 name='…' framebuffer_sz=N vgpus_per_pgpu=N
 *
 * in this order; PPPP four hex digits, sizes in MiB; experimental unless 0; text after that is ignored. Empty
 * lines and lines that start with # are skipped. Entries come in the file's order.
 */

#include "hostd/core/problem.h"
#include "common/base/macros.h"

#define TYPE_LIST_ENTRIES_MAX 1024

typedef struct TypeListEntry {
        uint16_t pdev;
        bool experimental;
        char *name;
        uint64_t framebuffer;                     /* bytes */
        uint64_t low_gm_sz, high_gm_sz, fence_sz; /* GVT-g: MiB, MiB, count */
        uint32_t heads, max_x, max_y;             /* GVT-g */
        uint64_t vgpus_per_pgpu;                  /* MxGPU; 0 gives no type */
        unsigned line;
} TypeListEntry;

typedef struct TypeListFormat TypeListFormat;
extern const TypeListFormat type_list_gvtg, type_list_mxgpu;

/* 1 an entry, 0 nothing (empty or comment), -EINVAL a bad line (the sink was told), -ENOMEM. text has no
 * newline. */
int type_list_parse_line(const TypeListFormat *format, const char *text, size_t size, unsigned line,
        const ProblemSink *problems, TypeListEntry *ret);
int type_list_parse(const TypeListFormat *format, const char *data, size_t size, const ProblemSink *problems,
        TypeListEntry **ret, size_t *ret_n);
void type_list_entry_done(TypeListEntry *e);
TypeListEntry *type_list_free(TypeListEntry *entries, size_t n);

/* BAR2 in MiB / low_gm_sz - 1; 0 where nothing fits. */
uint32_t gvtg_instances(uint64_t bar2_bytes, uint64_t low_gm_sz);
