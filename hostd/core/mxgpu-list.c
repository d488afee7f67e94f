/*
 * AMD MxGPU: one type a line
 */

#include "hostd/core/list-fields.h"
#include "hostd/core/mxgpu-list.h"

void mxgpu_entry_done(MxgpuEntry *e) {
        free(e->name);
        *e = (MxgpuEntry){};
}

/* NULL, or what is wrong. */
static const char *take_entry(TextSpan *line, void *entry, TextSpan *ret_name) {
        MxgpuEntry *e = entry;
        const char *wrong;

        wrong = list_take_head(line, &e->pdev, &e->experimental, ret_name);
        if (wrong)
                return wrong;
        if (!list_take_mib(line, "framebuffer_sz=", &e->framebuffer))
                return "framebuffer_sz= must follow the name, a size in MiB";
        if (!text_take_word(line, "vgpus_per_pgpu=") || !text_take_u64(line, &e->vgpus_per_pgpu))
                return "vgpus_per_pgpu= must follow framebuffer_sz, a number";
        return NULL;
}

static int parse_entry(const char *text, size_t size, unsigned line, const ProblemSink *problems, void *ret) {
        return mxgpu_line_parse(text, size, line, problems, ret);
}

static void entry_done(void *entry) {
        mxgpu_entry_done(entry);
}

static const ListKind kind = { sizeof(MxgpuEntry), take_entry, parse_entry, entry_done };

int mxgpu_line_parse(
        const char *text, size_t size, unsigned line, const ProblemSink *problems, MxgpuEntry *ret) {
        MxgpuEntry e = { .line = line };
        int r;

        r = list_parse_line(&kind, text, size, line, problems, &e, &e.name);
        if (r > 0)
                *ret = e;
        return r;
}

int mxgpu_list_parse(
        const char *data, size_t size, const ProblemSink *problems, MxgpuEntry **ret, size_t *ret_n) {
        return list_parse(&kind, data, size, problems, (void **) ret, ret_n);
}

MxgpuEntry *mxgpu_list_free(MxgpuEntry *entries, size_t n) {
        return list_free(&kind, entries, n);
}
