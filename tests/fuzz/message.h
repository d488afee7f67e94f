#pragma once

/*
 * Bytes as calls of methods: arguments of the types that a signature wants
 *
 * Texts and paths are asked of the target, which knows what is there. Bytes that are used up are zeros.
 */

#include <systemd/sd-bus.h>

#include "common/base/macros.h"

#define MESSAGE_TEXT_MAX 4096

typedef struct Bytes {
        const uint8_t *at;
        size_t left;
} Bytes;

typedef struct MessageWords {
        const char *(*text)(Bytes *b, void *userdata);
        const char *(*path)(Bytes *b, void *userdata);
        int fd;
        void *userdata;
} MessageWords;

static inline uint8_t bytes_take(Bytes *b) {
        if (b->left == 0)
                return 0;
        b->left--;
        return *b->at++;
}

static inline uint64_t bytes_number(Bytes *b) {
        uint64_t n = 0;

        for (unsigned size = bytes_take(b) % 9; size > 0; size--)
                n = n << 8 | bytes_take(b);
        return n;
}

/* A length of one byte or two, and as much text. */
static inline const char *bytes_text(Bytes *b, bool is_long, char ret[static MESSAGE_TEXT_MAX]) {
        size_t size = bytes_take(b), n;

        if (is_long)
                size = MIN_OF(size << 8 | bytes_take(b), (size_t) MESSAGE_TEXT_MAX - 1);
        n = MIN_OF(size, b->left);
        memcpy(ret, b->at, n);
        ret[n] = '\0';
        b->at += n;
        b->left -= n;
        return ret;
}

/* Behind one whole type. */
static inline const char *signature_next(const char *s) {
        unsigned depth = 0;

        while (*s == 'a')
                s++;
        do {
                depth += *s == '(' || *s == '{';
                depth -= *s == ')' || *s == '}';
                s++;
        } while (depth > 0);
        return s;
}

static inline int message_fill(sd_bus_message *m, const char *signature, Bytes *b, const MessageWords *w);

static inline int message_fill_array(sd_bus_message *m, const char *element, Bytes *b, const MessageWords *w) {
        _cleanup_free_ char *of = strndup(element, (size_t) (signature_next(element) - element));
        int r;

        r = of ? sd_bus_message_open_container(m, 'a', of) : -ENOMEM;
        for (unsigned n = bytes_take(b) % 5; r >= 0 && n > 0; n--)
                r = message_fill(m, of, b, w);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static inline int message_fill_container(sd_bus_message *m, char type, const char *inside, Bytes *b, const MessageWords *w) {
        _cleanup_free_ char *of = strdup(inside);
        int r;

        if (!of)
                return -ENOMEM;
        if (type != 'v')
                of[strlen(of) - 1] = '\0'; /* its bracket */
        r = sd_bus_message_open_container(m, type, of);
        if (r >= 0)
                r = message_fill(m, of, b, w);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static inline int message_fill_variant(sd_bus_message *m, Bytes *b, const MessageWords *w) {
        static const char *const types[] = {"s", "b", "u", "t", "o", "as", "ao", "i", "d", "v", "(su)", "a{sv}", "y", "x"};

        return message_fill_container(m, 'v', types[bytes_take(b) % ARRAY_SIZE(types)], b, w);
}

static inline int message_fill_number(sd_bus_message *m, char type, Bytes *b) {
        uint64_t n = bytes_number(b);
        double d = (double) n / 7;
        int flag = n & 1;

        /* The machine's byte order is the little one's, wherever libFuzzer runs. */
        return sd_bus_message_append_basic(m, type, type == 'd' ? (const void *) &d : type == 'b' ? (const void *) &flag : &n);
}

static inline int message_fill_one(sd_bus_message *m, const char *type, Bytes *b, const MessageWords *w) {
        size_t size = (size_t) (signature_next(type) - type);
        _cleanup_free_ char *inside = strndup(type + 1, size - 1);

        if (!inside)
                return -ENOMEM;
        switch (*type) {
        case 's':
                return sd_bus_message_append_basic(m, 's', w->text(b, w->userdata));
        case 'o':
                return sd_bus_message_append_basic(m, 'o', w->path(b, w->userdata));
        case 'h':
                return sd_bus_message_append_basic(m, 'h', &w->fd);
        case 'v':
                return message_fill_variant(m, b, w);
        case 'a':
                return message_fill_array(m, inside, b, w);
        case '(':
                return message_fill_container(m, 'r', inside, b, w);
        case '{':
                return message_fill_container(m, 'e', inside, b, w);
        default:
                return message_fill_number(m, *type, b);
        }
}

/* Negative where bytes made no message, such as by text that is not UTF-8. */
static inline int message_fill(sd_bus_message *m, const char *signature, Bytes *b, const MessageWords *w) {
        int r = 0;

        for (const char *s = signature; r >= 0 && *s; s = signature_next(s))
                r = message_fill_one(m, s, b, w);
        return r;
}
