#pragma once

/*
 * A text that grows
 *
 * Failure of memory is remembered and reported once, by strbuf_take() or strbuf_error(), so that a
 * builder need not check each step.
 */

#include "common/base/macros.h"

typedef struct StrBuf {
        char *text; /* NUL-terminated once anything was added */
        size_t len, size;
        int error;
} StrBuf;

void strbuf_add(StrBuf *b, const char *text);
void strbuf_add_n(StrBuf *b, const char *text, size_t n);
void strbuf_addf(StrBuf *b, const char *format, ...) _printf_(2, 3);
int strbuf_error(const StrBuf *b);

/* Room for n bytes more, which the caller fills and ends with strbuf_fill(); NULL without memory. */
char *strbuf_room(StrBuf *b, size_t n);
void strbuf_fill(StrBuf *b, char *end);

/* Hands the text over ("" when nothing was added), or NULL without memory. */
char *strbuf_take(StrBuf *b);
/* The same for a function that hands it on: 0, or -ENOMEM. */
static inline int strbuf_give(StrBuf *b, char **ret) {
        *ret = strbuf_take(b);
        return *ret ? 0 : -ENOMEM;
}
void strbuf_done(StrBuf *b);

#define _cleanup_strbuf_ _cleanup_(strbuf_done)

/* "A, B and C" from n texts; the caller frees it. */
char *text_join_and(const char *const *items, size_t n);
