/*
 * Intel GVT-g: one type a line
 */

#include "hostd/core/gvtg-list.h"
#include "hostd/core/list-fields.h"

#define MIB (UINT64_C(1) << 20)

void gvtg_entry_done(GvtgEntry *e) {
        free(e->name);
        *e = (GvtgEntry){};
}

/* NULL, or what is wrong. */
static const char *take_entry(TextSpan *line, void *entry, TextSpan *ret_name) {
        GvtgEntry *e = entry;
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

static int parse_entry(const char *text, size_t size, unsigned line, const ProblemSink *problems, void *ret) {
        return gvtg_line_parse(text, size, line, problems, ret);
}

static void entry_done(void *entry) {
        gvtg_entry_done(entry);
}

static const ListKind kind = { sizeof(GvtgEntry), take_entry, parse_entry, entry_done };

int gvtg_line_parse(
        const char *text, size_t size, unsigned line, const ProblemSink *problems, GvtgEntry *ret) {
        GvtgEntry e = { .line = line };
        int r;

        r = list_parse_line(&kind, text, size, line, problems, &e, &e.name);
        if (r > 0)
                *ret = e;
        return r;
}

int gvtg_list_parse(
        const char *data, size_t size, const ProblemSink *problems, GvtgEntry **ret, size_t *ret_n) {
        return list_parse(&kind, data, size, problems, (void **) ret, ret_n);
}

GvtgEntry *gvtg_list_free(GvtgEntry *entries, size_t n) {
        return list_free(&kind, entries, n);
}

uint32_t gvtg_instances(uint64_t bar2_bytes, uint64_t low_gm_sz) {
        uint64_t fit;

        if (low_gm_sz == 0)
                return 0;

        /* One share stays with dom0's own driver. */
        fit = bar2_bytes / MIB / low_gm_sz;
        return fit > 1 ? (uint32_t) MIN_OF(fit - 1, (uint64_t) UINT32_MAX) : 0;
}
