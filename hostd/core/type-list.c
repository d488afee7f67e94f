/*
 * The lists of Intel's GVT-g and AMD's MxGPU types: one type a line
 *
 * Both begin alike; a table for each says which fields follow, in order, and what to say where one does not.
 */

#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/text-lines.h"
#include "hostd/core/type-list.h"

#define MIB (UINT64_C(1) << 20)

typedef enum FieldKind {
        FIELD_COUNT,      /* uint64_t */
        FIELD_ABOVE_ZERO, /* the same */
        FIELD_MIB,        /* the same, kept in bytes */
        FIELD_SMALL,      /* uint32_t */
        FIELD_SIZE,       /* two of them: WIDTHxHEIGHT */
} FieldKind;

typedef struct Field {
        const char *name;
        FieldKind kind;
        size_t offset;
        const char *wrong;
} Field;

struct TypeListFormat {
        Field fields[6];
        size_t n;
};

#define OF(member) offsetof(TypeListEntry, member)

const TypeListFormat type_list_gvtg = {
        {
                {"low_gm_sz=", FIELD_ABOVE_ZERO, OF(low_gm_sz), "low_gm_sz= must follow the name, a size in MiB above 0"},
                {"high_gm_sz=", FIELD_COUNT, OF(high_gm_sz), "high_gm_sz= must follow low_gm_sz, a size in MiB"},
                {"fence_sz=", FIELD_COUNT, OF(fence_sz), "fence_sz= must follow high_gm_sz, a number"},
                {"framebuffer_sz=", FIELD_MIB, OF(framebuffer), "framebuffer_sz= must follow fence_sz, a size in MiB"},
                {"max_heads=", FIELD_SMALL, OF(heads), "max_heads= must follow framebuffer_sz, a number"},
                {"resolution=", FIELD_SIZE, OF(max_x), "resolution=WIDTHxHEIGHT must follow max_heads"},
        },
        6,
};

const TypeListFormat type_list_mxgpu = {
        {
                {"framebuffer_sz=", FIELD_MIB, OF(framebuffer), "framebuffer_sz= must follow the name, a size in MiB"},
                {"vgpus_per_pgpu=", FIELD_COUNT, OF(vgpus_per_pgpu),
                        "vgpus_per_pgpu= must follow framebuffer_sz, a number"},
        },
        2,
};

/* NULL, or what is wrong. */
static const char *read_head(TextSpan *line, TypeListEntry *e, TextSpan *ret_name) {
        char experimental;

        if (!text_read_hex16(line, &e->pdev))
                return "it does not begin with a PCI device id of four hex digits";
        if (!text_read_word(line, "experimental=") || !text_read_char(line, &experimental))
                return "'experimental=0' or 'experimental=1' must follow the device id";
        if (!text_read_word(line, "name='") || !text_read_until(line, '\'', ret_name))
                return "name='…' must follow 'experimental='";
        if (text_span_size(ret_name) == 0)
                return "the name is empty";

        e->experimental = experimental != '0';
        return NULL;
}

static bool read_value(TextSpan *line, FieldKind kind, void *value) {
        uint64_t *count = value;
        uint32_t *small = value;

        switch (kind) {
        case FIELD_COUNT:
                return text_read_u64(line, count);
        case FIELD_ABOVE_ZERO:
                return text_read_u64(line, count) && *count > 0;
        case FIELD_MIB:
                return text_read_u64(line, count) && !__builtin_mul_overflow(*count, MIB, count);
        case FIELD_SMALL:
                return text_read_u32(line, small);
        case FIELD_SIZE:
                return text_read_u32(line, &small[0]) && text_read_word(line, "x") && text_read_u32(line, &small[1]);
        }
        return false;
}

static const char *read_entry(const TypeListFormat *format, TextSpan *line, TypeListEntry *e, TextSpan *ret_name) {
        const char *wrong = read_head(line, e, ret_name);

        for (size_t i = 0; !wrong && i < format->n; i++) {
                const Field *f = &format->fields[i];

                if (!text_read_word(line, f->name) || !read_value(line, f->kind, (char *) e + f->offset))
                        wrong = f->wrong;
        }
        return wrong;
}

int type_list_parse_line(const TypeListFormat *format, const char *text, size_t size, unsigned line,
        const ProblemSink *problems, TypeListEntry *ret) {
        TextSpan rest = text_span_trim((TextSpan){text, text + size}), name;
        TypeListEntry e = {.line = line};
        const char *wrong;

        if (text_span_size(&rest) == 0 || *rest.at == '#')
                return 0;

        wrong = read_entry(format, &rest, &e, &name);
        if (wrong) {
                problem_report(problems, line, "this type is left out: %s", wrong);
                return -EINVAL;
        }

        /* As bytes: a NUL is cleaned too, and does not end the name. */
        e.name = text_clean(name.at, text_span_size(&name), TEXT_LINE, TEXT_NAME_MAX);
        if (!e.name)
                return -ENOMEM;
        *ret = e;
        return 1;
}

int type_list_parse(const TypeListFormat *format, const char *data, size_t size, const ProblemSink *problems,
        TypeListEntry **ret, size_t *ret_n) {
        TextLines lines = text_lines(data, size);
        TypeListEntry *entries = NULL;
        size_t n = 0;
        TextSpan line;
        int r;

        while (text_lines_next(&lines, &line)) {
                if (n == TYPE_LIST_ENTRIES_MAX) {
                        problem_report(problems, lines.line, "the rest is left out: more than %d types",
                                TYPE_LIST_ENTRIES_MAX);
                        break;
                }

                r = GROW(entries, n);
                if (r >= 0)
                        r = type_list_parse_line(
                                format, line.at, text_span_size(&line), lines.line, problems, &entries[n]);
                if (r == -ENOMEM) {
                        type_list_free(entries, n);
                        return r;
                }
                n += r > 0;
        }

        *ret = entries;
        *ret_n = n;
        return 0;
}

void type_list_entry_done(TypeListEntry *e) {
        free(e->name);
        *e = (TypeListEntry){};
}

TypeListEntry *type_list_free(TypeListEntry *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(entries[i].name);
        free(entries);
        return NULL;
}

uint32_t gvtg_instances(uint64_t bar2_bytes, uint64_t low_gm_sz) {
        uint64_t fit;

        if (low_gm_sz == 0)
                return 0;

        /* One share stays with dom0's own driver. */
        fit = bar2_bytes / MIB / low_gm_sz;
        return fit > 1 ? (uint32_t) MIN_OF(fit - 1, (uint64_t) UINT32_MAX) : 0;
}
