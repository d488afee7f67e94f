/*
 * Writing JSON as text at once
 */

#include "common/json/json-write.h"

static bool is_plain(unsigned char c) {
        return c >= ' ' && c != '"' && c != '\\';
}

static void escape(StrBuf *b, unsigned char c) {
        static const char letters[] = {
                ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};

        if (c < sizeof(letters) && letters[c])
                strbuf_add_n(b, (char[]){'\\', letters[c]}, 2);
        else
                strbuf_addf(b, "\\u%04x", c);
}

static void quote(StrBuf *b, const char *chars, size_t n) {
        size_t start = 0;

        strbuf_add_n(b, "\"", 1);
        for (size_t i = 0; i < n; i++) {
                if (is_plain((unsigned char) chars[i]))
                        continue;
                strbuf_add_n(b, chars + start, i - start);
                escape(b, (unsigned char) chars[i]);
                start = i + 1;
        }
        strbuf_add_n(b, chars + start, n - start);
        strbuf_add_n(b, "\"", 1);
}

void json_quote(StrBuf *b, const char *text) {
        quote(b, text, strlen(text));
}

/* Whatever ends a value is none of these. */
static bool nothing_precedes(const StrBuf *b) {
        char last = b->len > 0 ? b->text[b->len - 1] : '[';

        return last == '[' || last == '{';
}

static void begin(StrBuf *b, const char *member) {
        if (!nothing_precedes(b))
                strbuf_add_n(b, ",", 1);
        if (!member)
                return;
        json_quote(b, member);
        strbuf_add_n(b, ":", 1);
}

void json_write_open(StrBuf *b, const char *member, char bracket) {
        begin(b, member);
        strbuf_add_n(b, &bracket, 1);
}

void json_write_close(StrBuf *b, char bracket) {
        strbuf_add_n(b, &bracket, 1);
}

void json_write_chars(StrBuf *b, const char *member, const char *chars, size_t n) {
        begin(b, member);
        quote(b, chars, n);
}

void json_write_string(StrBuf *b, const char *member, const char *value) {
        json_write_chars(b, member, strempty(value), strlen(strempty(value)));
}

void json_write_u64(StrBuf *b, const char *member, uint64_t value) {
        char digits[20];
        size_t i = sizeof(digits);

        begin(b, member);
        do
                digits[--i] = (char) ('0' + value % 10);
        while ((value /= 10) > 0);
        strbuf_add_n(b, digits + i, sizeof(digits) - i);
}

void json_write_double(StrBuf *b, const char *member, double value) {
        begin(b, member);
        strbuf_addf(b, "%.9g", value);
}

void json_write_bool(StrBuf *b, const char *member, bool value) {
        begin(b, member);
        strbuf_add(b, value ? "true" : "false");
}

void json_write_uuid(StrBuf *b, const char *member, const Uuid *value) {
        json_write_string(b, member, UUID_TEXT(value));
}

void json_write_strv(StrBuf *b, const char *member, const char *const *v) {
        json_write_open(b, member, '[');
        for (; v && *v; v++)
                json_write_string(b, NULL, *v);
        json_write_close(b, ']');
}

void json_write_text(StrBuf *b, const char *member, const char *json) {
        begin(b, member);
        strbuf_add(b, json);
}
