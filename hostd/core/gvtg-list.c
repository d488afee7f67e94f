/*
 * Intel GVT-g: one type a line
 */

#include "hostd/core/grow.h"
#include "hostd/core/gvtg-list.h"
#include "hostd/core/list-fields.h"

#define MIB (UINT64_C(1) << 20)

void gvtg_entry_done(GvtgEntry *e) {
        free(e->name);
        *e = (GvtgEntry){};
}

GvtgEntry *gvtg_list_free(GvtgEntry *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                gvtg_entry_done(&entries[i]);
        free(entries);
        return NULL;
}

/* NULL, or what is wrong. */
static const char *take_entry(TextSpan *line, GvtgEntry *e, TextSpan *ret_name) {
        const char *wrong;

        wrong = list_take_head(line, &e->pdev, &e->experimental, ret_name);
        if (wrong)
                return wrong;
        if (!text_take_word(line, "low_gm_sz=") || !text_take_u64(line, &e->low_gm_sz) || e->low_gm_sz == 0)
                return "low_gm_sz= must follow the name, a size in MiB above 0";
        if (!text_take_word(line, "high_gm_sz=") || !text_take_u64(line, &e->high_gm_sz))
                return "high_gm_sz= must follow low_gm_sz, a size in MiB";
        if (!text_take_word(line, "fence_sz=") || !text_take_u64(line, &e->fence_sz))
                return "fence_sz= must follow high_gm_sz, a number";
        if (!list_take_mib(line, "framebuffer_sz=", &e->framebuffer))
                return "framebuffer_sz= must follow fence_sz, a size in MiB";
        if (!text_take_word(line, "max_heads=") || !text_take_u32(line, &e->heads))
                return "max_heads= must follow framebuffer_sz, a number";
        if (!text_take_word(line, "resolution=") || !text_take_u32(line, &e->max_x) ||
                !text_take_word(line, "x") || !text_take_u32(line, &e->max_y))
                return "resolution=WIDTHxHEIGHT must follow max_heads";
        return NULL;
}

int gvtg_line_parse(
        const char *text, size_t size, unsigned line, const ProblemSink *problems, GvtgEntry *ret) {
        TextSpan rest = { text, text + size }, name;
        GvtgEntry e = { .line = line };
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

int gvtg_list_parse(
        const char *data, size_t size, const ProblemSink *problems, GvtgEntry **ret, size_t *ret_n) {
        TextLines lines = text_lines(data, size);
        GvtgEntry *entries = NULL;
        size_t n = 0;
        TextSpan line;

        while (text_lines_next(&lines, &line)) {
                GvtgEntry e;
                int r;

                if (n == TYPE_LIST_ENTRIES_MAX) {
                        problem_report(problems, lines.line, "the rest is left out: more than %d types",
                                TYPE_LIST_ENTRIES_MAX);
                        break;
                }

                r = gvtg_line_parse(line.at, text_span_size(&line), lines.line, problems, &e);
                if (r == -ENOMEM)
                        goto out_of_memory;
                if (r <= 0)
                        continue;

                if (GROW(entries, n) < 0) {
                        gvtg_entry_done(&e);
                        goto out_of_memory;
                }
                entries[n++] = e;
        }

        *ret = entries;
        *ret_n = n;
        return 0;

out_of_memory:
        gvtg_list_free(entries, n);
        return -ENOMEM;
}

uint32_t gvtg_instances(uint64_t bar2_bytes, uint64_t low_gm_sz) {
        uint64_t fit;

        if (low_gm_sz == 0)
                return 0;

        /* One share stays with dom0's own driver. */
        fit = bar2_bytes / MIB / low_gm_sz;
        return fit > 1 ? (uint32_t) MIN_OF(fit - 1, (uint64_t) UINT32_MAX) : 0;
}
