/*
 * A text that grows
 *
 * The buffer doubles. After a failure every further step does nothing, so that the first error stands.
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/base/strbuf.h"

#define STRBUF_FIRST_SIZE 128

/* Room for n more bytes and the NUL. */
static bool reserve(StrBuf *b, size_t n) {
        size_t need, size;
        char *text;

        if (b->error)
                return false;
        if (n > SIZE_MAX / 4 - b->len) {
                b->error = -ENOMEM;
                return false;
        }

        need = b->len + n + 1;
        if (need <= b->size)
                return true;

        size = MAX_OF(b->size, (size_t) STRBUF_FIRST_SIZE);
        while (size < need)
                size *= 2;
        text = realloc(b->text, size);
        if (!text) {
                b->error = -ENOMEM;
                return false;
        }

        b->text = text;
        b->size = size;
        return true;
}

void strbuf_add_n(StrBuf *b, const char *text, size_t n) {
        if (!reserve(b, n))
                return;

        if (n > 0)
                memcpy(b->text + b->len, text, n);
        b->len += n;
        b->text[b->len] = '\0';
}

char *strbuf_room(StrBuf *b, size_t n) {
        return reserve(b, n) ? b->text + b->len : NULL;
}

void strbuf_fill(StrBuf *b, char *end) {
        *end = '\0';
        b->len = (size_t) (end - b->text);
}

void strbuf_add(StrBuf *b, const char *text) {
        strbuf_add_n(b, text, strlen(text));
}

/* Most texts fit at the first attempt. If one does not fit, the buffer keeps its text and is enlarged for a
 * second attempt. */
void strbuf_addf(StrBuf *b, const char *format, ...) {
        size_t room;
        va_list ap;
        int n;

        if (!reserve(b, 0))
                return;
        room = b->size - b->len;
        va_start(ap, format);
        n = vsnprintf(b->text + b->len, room, format, ap);
        va_end(ap);
        if (n >= 0 && (size_t) n < room) {
                b->len += (size_t) n;
                return;
        }

        b->text[b->len] = '\0';
        if (n < 0) {
                b->error = -EINVAL;
                return;
        }
        if (!reserve(b, (size_t) n))
                return;
        va_start(ap, format);
        vsnprintf(b->text + b->len, (size_t) n + 1, format, ap);
        va_end(ap);
        b->len += (size_t) n;
}

int strbuf_error(const StrBuf *b) {
        return b->error;
}

char *strbuf_take(StrBuf *b) {
        char *text;

        reserve(b, 0);
        if (b->error) {
                strbuf_done(b);
                return NULL;
        }

        b->text[b->len] = '\0';
        /* The buffer is shrunk to its text, since many texts are kept for long. */
        text = realloc(b->text, b->len + 1) ?: b->text;
        *b = (StrBuf){};
        return text;
}

void strbuf_done(StrBuf *b) {
        free(b->text);
        *b = (StrBuf){};
}

char *text_join_and(const char *const *items, size_t n) {
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        strbuf_add(&b, i + 1 == n ? " and " : ", ");
                strbuf_add(&b, items[i]);
        }

        return strbuf_take(&b);
}
