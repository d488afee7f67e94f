/*
 * Strange texts
 */

#include <stdlib.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "tests/proof/machine.h"
#include "tests/proof/texts.h"

typedef struct Range {
        uint32_t from, to;
} Range;

/* Of one to four bytes; combining marks, scripts from right to left, what joins and what turns the direction. */
static const Range good_ranges[] = {{0x20, 0x7e}, {0x21, 0x2f}, {0xa0, 0xff}, {0x300, 0x36f}, {0x5d0, 0x5ea},
        {0x600, 0x6ff}, {0x900, 0x97f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}, {0x20ac, 0x20ac},
        {0x2028, 0x2029}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0xe000, 0xe0ff}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
        {0xfffd, 0xfffd}, {0x10000, 0x100ff}, {0x1f600, 0x1f64f}, {0x1f1e6, 0x1f1ff}, {0x20000, 0x2a6df},
        {0xe0001, 0xe007f}, {0x10ff00, 0x10fffd}};

/* Good in lines but not in one, or nowhere. */
static const Range bad_ranges[] = {{0x09, 0x0a}, {0x01, 0x1f}, {0x7f, 0x9f}, {0xfdd0, 0xfdef}, {0xfffe, 0xffff},
        {0x1fffe, 0x1ffff}, {0x10fffe, 0x10ffff}};

static const char *const bad_bytes[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\x80",
        "\xf8\x88\x80\x80\x80"};

static const char *const words[] = {"a", "Zoë", "vm with blanks", "日本語", "a\"b\\c", "e\xcc\x81", "<&>", "-x", "/",
        "null", "{}", "%s%n", "0", "*", "${HOME}", "' or 1=1", " ", "חלון", "00000000-0000-0000-0000-000000000000",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80"};

static void add_character(StrBuf *b, uint32_t c) {
        char bytes[5] = {};

        if (c < 0x80)
                bytes[0] = (char) c;
        else if (c < 0x800) {
                bytes[0] = (char) (0xc0 | c >> 6);
                bytes[1] = (char) (0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
                bytes[0] = (char) (0xe0 | c >> 12);
                bytes[1] = (char) (0x80 | (c >> 6 & 0x3f));
                bytes[2] = (char) (0x80 | (c & 0x3f));
        } else {
                bytes[0] = (char) (0xf0 | c >> 18);
                bytes[1] = (char) (0x80 | (c >> 12 & 0x3f));
                bytes[2] = (char) (0x80 | (c >> 6 & 0x3f));
                bytes[3] = (char) (0x80 | (c & 0x3f));
        }
        strbuf_add(b, bytes);
}

static void add_of(Dice *d, StrBuf *b, const Range *ranges, size_t n) {
        const Range *range = &ranges[chance_between(d, 0, n - 1)];

        add_character(b, (uint32_t) chance_between(d, range->from, range->to));
}

static void add_good(Dice *d, StrBuf *b, size_t characters) {
        while (characters-- > 0)
                add_of(d, b, good_ranges, ARRAY_SIZE(good_ranges));
}

/* Exactly as many bytes, with a character of several before the last ones. */
static void fill(Dice *d, StrBuf *b, size_t bytes) {
        uint64_t once = chance_between(d, 0x4e00, 0x9fff);

        while (b->len + 3 <= bytes)
                add_character(b, (uint32_t) once);
        while (b->len < bytes)
                strbuf_add(b, "x");
}

static char *taken(StrBuf *b) {
        char *text = strbuf_take(b);

        if (!text)
                abort();
        return text;
}

char *text_good(Dice *d, size_t max) {
        _cleanup_strbuf_ StrBuf b = {};

        if (chance(d, 500))
                strbuf_add(&b, words[chance_between(d, 0, ARRAY_SIZE(words) - 1)]);
        else if (chance(d, 100))
                fill(d, &b, max);
        else
                add_good(d, &b, chance_between(d, 1, 12));
        return taken(&b);
}

char *text_strange(Dice *d, size_t max) {
        _cleanup_strbuf_ StrBuf b = {};

        switch (chance_between(d, 0, 11)) {
        case 0:
                strbuf_add(&b, "");
                break;
        case 1:
                fill(d, &b, max + 1);
                break;
        case 2:
                add_good(d, &b, chance_between(d, 0, 5));
                add_of(d, &b, bad_ranges, ARRAY_SIZE(bad_ranges));
                add_good(d, &b, chance_between(d, 0, 5));
                break;
        case 3:
                add_good(d, &b, chance_between(d, 0, 5));
                strbuf_add(&b, bad_bytes[chance_between(d, 0, ARRAY_SIZE(bad_bytes) - 1)]);
                break;
        default:
                return text_good(d, max);
        }
        return taken(&b);
}

/* Of one character: its bytes, or 0 where it is none. */
static size_t read_character(const unsigned char *at, uint32_t *ret) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t n = *at < 0x80 ? 1 : *at >> 5 == 0x6 ? 2 : *at >> 4 == 0xe ? 3 : *at >> 3 == 0x1e ? 4 : 0;
        uint32_t c = n == 1 ? *at : n > 0 ? *at & (0x7fU >> n) : 0;

        for (size_t i = 1; i < n; i++) {
                if (at[i] >> 6 != 0x2)
                        return 0;
                c = c << 6 | (at[i] & 0x3f);
        }
        *ret = c;
        return n > 0 && c >= least[n] ? n : 0;
}

bool text_can_be_sent(const char *text) {
        const unsigned char *at = (const unsigned char *) text;
        uint32_t c;

        for (size_t n; *at; at += n) {
                n = read_character(at, &c);
                if (n == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (c >= 0xfdd0 && c <= 0xfdef) ||
                        (c & 0xffff) >= 0xfffe || (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0))
                        return false;
        }
        return true;
}

uint64_t text_hash(const char *text) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *text; text++)
                hash = (hash ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
        return hash;
}
