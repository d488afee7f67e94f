#pragma once

/*
 * Bytes as lines, and a line as fields
 *
 * The bytes need no NUL. A line comes without its end (\n or \r\n) and the last one needs none.
 */

#include "common/base/macros.h"

typedef struct TextLines {
        const char *at, *end;
        unsigned line; /* of the line given last, from 1 */
} TextLines;

/* data may be NULL where size is 0. */
static inline _unused_ TextLines text_lines(const char *data, size_t size) {
        return (TextLines){ data, size > 0 ? data + size : data, 0 };
}

typedef struct TextSpan {
        const char *at, *end;
} TextSpan;

bool text_lines_next(TextLines *lines, TextSpan *ret);

static inline _unused_ size_t text_span_size(const TextSpan *s) {
        return (size_t) (s->end - s->at);
}

/* Without blanks (space, tab, \r) on both sides. */
TextSpan text_span_trim(TextSpan s);
bool text_span_starts_with(const TextSpan *s, const char *prefix);

/*
 * Readers move s->at behind what they read. Each returns false, without moving, where the text is something
 * else. Blanks before a field are skipped, as XenServer's readers do.
 */
bool text_read_word(TextSpan *s, const char *word); /* this very text */
bool text_read_char(TextSpan *s, char *ret);        /* any one character */
bool text_read_hex16(TextSpan *s, uint16_t *ret);   /* exactly four hex digits */
bool text_read_u64(TextSpan *s, uint64_t *ret);     /* decimal, no sign, must fit */
bool text_read_u32(TextSpan *s, uint32_t *ret);
bool text_read_until(TextSpan *s, char stop, TextSpan *ret); /* without stop, which is taken too */
