/*
 * Bytes as lines, and a line as fields
 */

#include "common/base/parse.h"
#include "hostd/core/text-lines.h"

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

bool text_lines_next(TextLines *lines, TextSpan *ret) {
        const char *newline;

        if (lines->at == lines->end)
                return false;

        newline = memchr(lines->at, '\n', (size_t) (lines->end - lines->at));
        *ret = (TextSpan){ lines->at, newline ? newline : lines->end };
        lines->at = newline ? newline + 1 : lines->end;
        lines->line++;
        return true;
}

TextSpan text_span_trim(TextSpan s) {
        while (s.at < s.end && is_blank(*s.at))
                s.at++;
        while (s.at < s.end && is_blank(s.end[-1]))
                s.end--;
        return s;
}

bool text_span_starts_with(const TextSpan *s, const char *prefix) {
        size_t n = strlen(prefix);

        return text_span_size(s) >= n && memcmp(s->at, prefix, n) == 0;
}

static TextSpan skip_blanks(const TextSpan *s) {
        TextSpan rest = *s;

        while (rest.at < rest.end && is_blank(*rest.at))
                rest.at++;
        return rest;
}

bool text_read_word(TextSpan *s, const char *word) {
        TextSpan rest = skip_blanks(s);

        if (!text_span_starts_with(&rest, word))
                return false;
        s->at = rest.at + strlen(word);
        return true;
}

bool text_read_char(TextSpan *s, char *ret) {
        if (s->at == s->end)
                return false;
        *ret = *s->at++;
        return true;
}

bool text_read_hex16(TextSpan *s, uint16_t *ret) {
        TextSpan rest = skip_blanks(s);
        unsigned value = 0;

        if (text_span_size(&rest) < 4 || (text_span_size(&rest) > 4 && parse_digit(rest.at[4], 16) >= 0))
                return false;
        for (int i = 0; i < 4; i++) {
                int digit = parse_digit(rest.at[i], 16);

                if (digit < 0)
                        return false;
                value = value * 16 + (unsigned) digit;
        }

        *ret = (uint16_t) value;
        s->at = rest.at + 4;
        return true;
}

bool text_read_u64(TextSpan *s, uint64_t *ret) {
        TextSpan rest = skip_blanks(s);
        const char *first = rest.at;
        uint64_t value = 0;

        for (; rest.at < rest.end && *rest.at >= '0' && *rest.at <= '9'; rest.at++)
                if (__builtin_mul_overflow(value, 10u, &value) ||
                        __builtin_add_overflow(value, (uint64_t) (*rest.at - '0'), &value))
                        return false;
        if (rest.at == first)
                return false;

        *ret = value;
        s->at = rest.at;
        return true;
}

bool text_read_u32(TextSpan *s, uint32_t *ret) {
        TextSpan rest = *s;
        uint64_t value;

        if (!text_read_u64(&rest, &value) || value > UINT32_MAX)
                return false;

        *ret = (uint32_t) value;
        s->at = rest.at;
        return true;
}

bool text_read_until(TextSpan *s, char stop, TextSpan *ret) {
        const char *p = s->at < s->end ? memchr(s->at, stop, text_span_size(s)) : NULL;

        if (!p)
                return false;

        *ret = (TextSpan){ s->at, p };
        s->at = p + 1;
        return true;
}
