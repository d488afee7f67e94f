/*
 * The list of SR-IOV types
 */

#include <stdio.h>

#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/sriov-types.h"
#include "hostd/core/text-lines.h"

#define MIB (UINT64_C(1) << 20)

DEFINE_WORD_TABLE(priorities, SRIOV_PRIORITIES)
DEFINE_WORDS(sriov_priority, SriovPriority, priorities)

typedef enum Member {
        MEMBER_VFS,
        MEMBER_FRAMEBUFFER,
        MEMBER_QUANTUM,
        MEMBER_TIMEOUT,
        MEMBER_PRIORITY,
        MEMBER_EXPERIMENTAL,
        _MEMBER_MAX,
} Member;

static const struct {
        const char *name, *wrong;
} members[_MEMBER_MAX] = {
        [MEMBER_VFS] = { "vfs_per_pgpu=", "vfs_per_pgpu= takes a number from 1 to 256" },
        [MEMBER_FRAMEBUFFER] = { "framebuffer_sz=", "framebuffer_sz= takes a size in MiB" },
        [MEMBER_QUANTUM] = { "exec_quantum_ms=", "exec_quantum_ms= takes a number" },
        [MEMBER_TIMEOUT] = { "preempt_timeout_us=", "preempt_timeout_us= takes a number" },
        [MEMBER_PRIORITY] = { "priority=", "priority= takes low, normal or high" },
        [MEMBER_EXPERIMENTAL] = { "experimental=", "experimental= takes 0 or 1" },
};

/* NULL, or what is wrong. */
static const char *read_head(TextSpan *line, SriovType *t, TextSpan *ret_name) {
        if (!text_read_hex16(line, &t->vendor) || !text_read_word(line, ":") || !text_read_hex16(line, &t->pdev))
                return "it does not begin with PCI vendor and device, VVVV:PPPP in hex digits";
        t->any_psubdev = !text_read_word(line, ":");
        if (!t->any_psubdev && !text_read_hex16(line, &t->psubdev))
                return "the board's subsystem device after the second colon is no four hex digits";
        if (!text_read_word(line, "name='") || !text_read_until(line, '\'', ret_name))
                return "name='…' must follow the PCI ids";
        return text_span_size(ret_name) == 0 ? "the name is empty" : NULL;
}

/* Up to a blank. */
static bool read_priority(TextSpan *line, SriovPriority *ret) {
        char word[16];
        size_t n = 0;
        int priority;

        while (line->at + n < line->end && line->at[n] != ' ' && line->at[n] != '\t')
                n++;
        if (n == 0 || n >= sizeof(word))
                return false;
        memcpy(word, line->at, n);
        word[n] = '\0';
        priority = sriov_priority_from_string(word);
        if (priority < 0)
                return false;
        *ret = (SriovPriority) priority;
        line->at += n;
        return true;
}

static bool read_value(TextSpan *line, Member member, SriovType *t) {
        uint64_t n;

        switch (member) {
        case MEMBER_VFS:
                return text_read_u64(line, &t->vfs_per_pgpu) && t->vfs_per_pgpu > 0 &&
                       t->vfs_per_pgpu <= SRIOV_FUNCTIONS_MAX;
        case MEMBER_FRAMEBUFFER:
                return text_read_u64(line, &t->framebuffer) &&
                       !__builtin_mul_overflow(t->framebuffer, MIB, &t->framebuffer);
        case MEMBER_QUANTUM:
                return text_read_u64(line, &t->exec_quantum_ms);
        case MEMBER_TIMEOUT:
                return text_read_u64(line, &t->preempt_timeout_us);
        case MEMBER_PRIORITY:
                return read_priority(line, &t->priority);
        case MEMBER_EXPERIMENTAL:
                if (!text_read_u64(line, &n) || n > 1)
                        return false;
                t->experimental = n == 1;
                return true;
        case _MEMBER_MAX:
                break;
        }
        return false;
}

static const char *read_members(TextSpan *line, SriovType *t) {
        unsigned seen = 0;

        for (;;) {
                TextSpan rest = text_span_trim(*line);
                Member m = 0;

                if (text_span_size(&rest) == 0)
                        break;
                while (m < _MEMBER_MAX && !text_read_word(line, members[m].name))
                        m++;
                if (m == _MEMBER_MAX)
                        return "there is a member that is none of vfs_per_pgpu=, framebuffer_sz=, exec_quantum_ms=, "
                               "preempt_timeout_us=, priority=, experimental=";
                if (seen & 1u << m)
                        return "a member is there twice";
                seen |= 1u << m;
                if (!read_value(line, m, t) || (line->at < line->end && *line->at != ' ' && *line->at != '\t'))
                        return members[m].wrong;
        }
        return seen & 1u << MEMBER_VFS ? NULL : "vfs_per_pgpu= is missing";
}

/* 1 an entry, 0 nothing, -EINVAL, -ENOMEM. */
static int parse_line(TextSpan line, unsigned number, const ProblemSink *problems, SriovType *ret) {
        SriovType t = { .line = number };
        const char *wrong;
        TextSpan name;

        line = text_span_trim(line);
        if (text_span_size(&line) == 0 || *line.at == '#')
                return 0;
        wrong = read_head(&line, &t, &name);
        if (!wrong)
                wrong = read_members(&line, &t);
        if (wrong) {
                problem_report(problems, number, "this type is left out: %s", wrong);
                return -EINVAL;
        }
        t.name = text_clean(name.at, text_span_size(&name), TEXT_LINE, TEXT_NAME_MAX);
        if (!t.name)
                return -ENOMEM;
        *ret = t;
        return 1;
}

int sriov_types_parse(
        const char *data, size_t size, const ProblemSink *problems, SriovType **ret, size_t *ret_n) {
        TextLines lines = text_lines(data, size);
        SriovType *types = NULL;
        size_t n = 0;
        TextSpan line;
        int r;

        while (text_lines_next(&lines, &line)) {
                if (n == SRIOV_TYPES_MAX) {
                        problem_report(
                                problems, lines.line, "the rest is left out: more than %d types", SRIOV_TYPES_MAX);
                        break;
                }
                r = GROW(types, n);
                if (r >= 0)
                        r = parse_line(line, lines.line, problems, &types[n]);
                if (r == -ENOMEM) {
                        sriov_types_free(types, n);
                        return r;
                }
                n += r > 0;
        }
        *ret = types;
        *ret_n = n;
        return 0;
}

SriovType *sriov_types_free(SriovType *types, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(types[i].name);
        free(types);
        return NULL;
}
