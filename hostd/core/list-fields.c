/*
 * What the Intel and AMD lists share
 */

#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/list-fields.h"

#define MIB (UINT64_C(1) << 20)

const char *list_take_head(TextSpan *line, uint16_t *ret_pdev, bool *ret_experimental, TextSpan *ret_name) {
        char experimental;

        if (!text_take_hex16(line, ret_pdev))
                return "it does not begin with a PCI device id of four hex digits";
        if (!text_take_word(line, "experimental=") || !text_take_char(line, &experimental))
                return "'experimental=0' or 'experimental=1' must follow the device id";
        if (!text_take_word(line, "name='") || !text_take_until(line, '\'', ret_name))
                return "name='…' must follow 'experimental='";
        if (text_span_size(ret_name) == 0)
                return "the name is empty";

        *ret_experimental = experimental != '0';
        return NULL;
}

bool list_take_mib(TextSpan *line, const char *field, uint64_t *ret_bytes) {
        uint64_t mib;

        if (!text_take_word(line, field) || !text_take_u64(line, &mib))
                return false;
        return !__builtin_mul_overflow(mib, MIB, ret_bytes);
}

/* Lines that hold no entry: empty ones and comments. */
static bool line_is_empty(TextSpan line) {
        line = text_span_trim(line);
        return text_span_size(&line) == 0 || *line.at == '#';
}

int list_parse_line(const ListKind *kind, const char *text, size_t size, unsigned line,
        const ProblemSink *problems, void *entry, char **ret_name) {
        TextSpan rest = {text, text + size}, name;
        const char *wrong;
        char *copy;

        if (line_is_empty(rest))
                return 0;

        wrong = kind->take(&rest, entry, &name);
        if (wrong) {
                problem_report(problems, line, "this type is left out: %s", wrong);
                return -EINVAL;
        }

        copy = text_span_copy(&name);
        if (!copy || text_clean_own(&copy, TEXT_LINE, TEXT_NAME_MAX) < 0) {
                free(copy);
                return -ENOMEM;
        }

        *ret_name = copy;
        return 1;
}

int list_parse(const ListKind *kind, const char *data, size_t size, const ProblemSink *problems, void **ret,
        size_t *ret_n) {
        TextLines lines = text_lines(data, size);
        void *entries = NULL;
        size_t n = 0;
        TextSpan line;
        int r;

        while (text_lines_next(&lines, &line)) {
                if (n == TYPE_LIST_ENTRIES_MAX) {
                        problem_report(problems, lines.line, "the rest is left out: more than %d types",
                                TYPE_LIST_ENTRIES_MAX);
                        break;
                }

                r = grow_array(&entries, n, kind->entry_size);
                if (r >= 0)
                        r = kind->parse(line.at, text_span_size(&line), lines.line, problems,
                                (char *) entries + n * kind->entry_size);
                if (r == -ENOMEM) {
                        list_free(kind, entries, n);
                        return r;
                }
                n += r > 0;
        }

        *ret = entries;
        *ret_n = n;
        return 0;
}

void *list_free(const ListKind *kind, void *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                kind->done((char *) entries + i * kind->entry_size);
        free(entries);
        return NULL;
}
