/*
 * Writing JSON as text at once
 */

#include <stdio.h>

#include "common/json/json-write.h"

static bool is_plain(unsigned char c) {
        return c >= ' ' && c != '"' && c != '\\';
}

static char *escape(char *to, unsigned char c) {
        static const char letters[] = {
                ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
        static const char digits[] = "0123456789abcdef";

        *to++ = '\\';
        if (c < sizeof(letters) && letters[c]) {
                *to++ = letters[c];
                return to;
        }
        to = mempcpy(to, "u00", 3);
        *to++ = digits[c >> 4];
        *to++ = digits[c & 0xf];
        return to;
}

/* Six bytes for each of a string: the longest escape. */
static char *quote(char *to, const char *chars, size_t n) {
        *to++ = '"';
        for (const char *end = chars + n; chars < end; chars++)
                if (is_plain((unsigned char) *chars))
                        *to++ = *chars;
                else
                        to = escape(to, (unsigned char) *chars);
        *to++ = '"';
        return to;
}

/* No value ends with one of these characters. */
static bool nothing_precedes(const StrBuf *b) {
        char last = b->len > 0 ? b->text[b->len - 1] : '[';

        return last == '[' || last == '{';
}

/* Makes room for the value too, and says where it goes; NULL without memory. */
static char *begin(StrBuf *b, const char *member, size_t n_value) {
        bool comma = !nothing_precedes(b);
        size_t n = member ? strlen(member) : 0;
        char *to = strbuf_room(b, 6 * n + 4 + n_value);

        if (!to)
                return NULL;
        if (comma)
                *to++ = ',';
        if (member) {
                to = quote(to, member, n);
                *to++ = ':';
        }
        return to;
}

static void write_plain(StrBuf *b, const char *member, const char *value, size_t n) {
        char *to = begin(b, member, n);

        if (to)
                strbuf_fill(b, mempcpy(to, value, n));
}

void json_write_open(StrBuf *b, const char *member, char bracket) {
        write_plain(b, member, &bracket, 1);
}

void json_write_close(StrBuf *b, char bracket) {
        strbuf_add_n(b, &bracket, 1);
}

void json_write_chars(StrBuf *b, const char *member, const char *chars, size_t n) {
        char *to = begin(b, member, 6 * n + 2);

        if (to)
                strbuf_fill(b, quote(to, chars, n));
}

void json_write_string(StrBuf *b, const char *member, const char *value) {
        json_write_chars(b, member, strempty(value), strlen(strempty(value)));
}

void json_write_u64(StrBuf *b, const char *member, uint64_t value) {
        char digits[20];
        size_t i = sizeof(digits);

        do
                digits[--i] = (char) ('0' + value % 10);
        while ((value /= 10) > 0);
        write_plain(b, member, digits + i, sizeof(digits) - i);
}

void json_write_double(StrBuf *b, const char *member, double value) {
        char digits[32];

        write_plain(b, member, digits, (size_t) snprintf(digits, sizeof(digits), "%.9g", value));
}

void json_write_bool(StrBuf *b, const char *member, bool value) {
        json_write_text(b, member, value ? "true" : "false");
}

void json_write_uuid(StrBuf *b, const char *member, const Uuid *value) {
        char *to = begin(b, member, UUID_TEXT_MAX + 2);

        if (!to)
                return;
        *to++ = '"';
        uuid_to_string(value, to);
        to += UUID_TEXT_MAX - 1;
        *to++ = '"';
        strbuf_fill(b, to);
}

void json_write_pci(StrBuf *b, const char *member, const PciAddress *value) {
        json_write_open(b, member, '{');
        json_write_u64(b, "domain", value->domain);
        json_write_u64(b, "bus", value->bus);
        json_write_u64(b, "dev", value->dev);
        json_write_u64(b, "fn", value->fn);
        json_write_close(b, '}');
}

void json_write_strv(StrBuf *b, const char *member, const char *const *v) {
        json_write_open(b, member, '[');
        for (; v && *v; v++)
                json_write_string(b, NULL, *v);
        json_write_close(b, ']');
}

void json_write_text(StrBuf *b, const char *member, const char *json) {
        write_plain(b, member, json, strlen(json));
}
