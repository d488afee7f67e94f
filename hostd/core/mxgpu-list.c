/*
 * AMD MxGPU: one type a line
 */

#include "hostd/core/grow.h"
#include "hostd/core/list-fields.h"
#include "hostd/core/mxgpu-list.h"

void mxgpu_entry_done(MxgpuEntry *e) {
        free(e->name);
        *e = (MxgpuEntry){};
}

MxgpuEntry *mxgpu_list_free(MxgpuEntry *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                mxgpu_entry_done(&entries[i]);
        free(entries);
        return NULL;
}

/* NULL, or what is wrong. */
static const char *take_entry(TextSpan *line, MxgpuEntry *e, TextSpan *ret_name) {
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

int mxgpu_line_parse(
        const char *text, size_t size, unsigned line, const ProblemSink *problems, MxgpuEntry *ret) {
        TextSpan rest = { text, text + size }, name;
        MxgpuEntry e = { .line = line };
        const char *wrong;

        if (list_line_is_empty(rest))
                return 0;

        wrong = take_entry(&rest, &e, &name);
        if (wrong) {
                problem_report(problems, line, "this type is left out: %s", wrong);
                return -EINVAL;
        }

        e.name = text_span_copy(&name);
        if (!e.name)
                return -ENOMEM;

        *ret = e;
        return 1;
}

int mxgpu_list_parse(
        const char *data, size_t size, const ProblemSink *problems, MxgpuEntry **ret, size_t *ret_n) {
        TextLines lines = text_lines(data, size);
        MxgpuEntry *entries = NULL;
        size_t n = 0;
        TextSpan line;

        while (text_lines_next(&lines, &line)) {
                MxgpuEntry e;
                int r;

                if (n == TYPE_LIST_ENTRIES_MAX) {
                        problem_report(problems, lines.line, "the rest is left out: more than %d types",
                                TYPE_LIST_ENTRIES_MAX);
                        break;
                }

                r = mxgpu_line_parse(line.at, text_span_size(&line), lines.line, problems, &e);
                if (r == -ENOMEM)
                        goto out_of_memory;
                if (r <= 0)
                        continue;

                if (GROW(entries, n) < 0) {
                        mxgpu_entry_done(&e);
                        goto out_of_memory;
                }
                entries[n++] = e;
        }

        *ret = entries;
        *ret_n = n;
        return 0;

out_of_memory:
        mxgpu_list_free(entries, n);
        return -ENOMEM;
}
