/*
 * Text from outside
 *
 * The bytes of a character follow from the first one; the second one has narrower limits against overlong
 * forms and surrogates (Unicode's table 3-7). Most texts are ASCII, so plain bytes are checked eight at a
 * time.
 */

#include <stdio.h>

#include "common/base/text.h"

#define ELLIPSIS "…"
#define REPLACEMENT "\xef\xbf\xbd"

typedef enum Verdict { GOOD, NOT_UTF8, CONTROL, NONCHARACTER } Verdict;

typedef struct Character {
        Verdict verdict;
        uint32_t number;
        size_t length; /* bytes; of what is not UTF-8 those that could have begun a character */
} Character;

typedef struct SequenceKind {
        uint8_t first_from, first_to;
        uint8_t second_from, second_to;
        uint8_t length;
} SequenceKind;

static const SequenceKind sequence_kinds[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_plain(uint8_t c) {
        return c >= 0x20 && c <= 0x7e;
}

/* How many bytes from the start are printable ASCII. */
static size_t plain_run(const char *text, size_t size) {
        const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
        size_t n = 0;

        for (; size - n >= sizeof(uint64_t); n += sizeof(uint64_t)) {
                uint64_t w, del;

                memcpy(&w, text + n, sizeof(w));
                del = w ^ ones * 0x7f;
                /* A top bit shows a byte above 0x7f, below 0x20 or equal to 0x7f; the borrow can only show
                 * one more. */
                if ((w | (w - ones * 0x20) | (del - ones)) & tops)
                        break;
        }
        while (n < size && is_plain((uint8_t) text[n]))
                n++;
        return n;
}

static const SequenceKind *kind_of(uint8_t first) {
        for (size_t i = 0; i < ARRAY_SIZE(sequence_kinds); i++)
                if (first >= sequence_kinds[i].first_from && first <= sequence_kinds[i].first_to)
                        return &sequence_kinds[i];
        return NULL;
}

static Verdict judge(uint32_t number, TextForm form) {
        if (form == TEXT_LINES && (number == '\n' || number == '\t'))
                return GOOD;
        if (number < 0x20 || (number >= 0x7f && number <= 0x9f))
                return CONTROL;
        if ((number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe)
                return NONCHARACTER;
        return GOOD;
}

/* The character at text, of which there is at least one byte. */
static Character read_character(const uint8_t *text, size_t size, TextForm form) {
        const SequenceKind *k;
        Character c = {NOT_UTF8, text[0], 1};

        if (text[0] < 0x80) {
                c.verdict = judge(c.number, form);
                return c;
        }
        k = kind_of(text[0]);
        if (!k || size < 2 || text[1] < k->second_from || text[1] > k->second_to)
                return c;

        c.number = text[0] & (0x7fu >> k->length);
        for (;;) {
                c.number = c.number << 6 | (text[c.length] & 0x3f);
                c.length++;
                if (c.length == k->length)
                        break;
                if (c.length >= size || (text[c.length] & 0xc0) != 0x80)
                        return c;
        }

        c.verdict = judge(c.number, form);
        return c;
}

/* The first character that is not good from *at on; false when there is none. */
static bool find_fault(const char *text, size_t size, TextForm form, size_t *at, Character *ret) {
        while ((*at += plain_run(text + *at, size - *at)) < size) {
                *ret = read_character((const uint8_t *) text + *at, size - *at, form);
                if (ret->verdict != GOOD)
                        return true;
                *at += ret->length;
        }
        return false;
}

bool text_is_good(const char *text, size_t size, TextForm form) {
        Character c;
        size_t at = 0;

        return !find_fault(text, size, form, &at, &c);
}

bool text_is_name(const char *text, size_t size) {
        return size > 0 && size <= TEXT_NAME_MAX && text_is_good(text, size, TEXT_LINE);
}

const char *text_fault(const char *text, size_t size, TextForm form, char buf[static TEXT_FAULT_MAX]) {
        Character c;
        size_t at = 0;

        if (!find_fault(text, size, form, &at, &c))
                return NULL;

        switch (c.verdict) {
        case GOOD:
                return NULL;
        case NOT_UTF8:
                snprintf(buf, TEXT_FAULT_MAX, "is not UTF-8 at byte %zu", at + 1);
                return buf;
        case CONTROL:
                snprintf(buf, TEXT_FAULT_MAX, "holds the control character U+%04X at byte %zu", c.number,
                        at + 1);
                return buf;
        case NONCHARACTER:
                snprintf(buf, TEXT_FAULT_MAX,
                        "holds U+%04X at byte %zu, which Unicode keeps from being a character", c.number,
                        at + 1);
                return buf;
        }
        return NULL;
}

/*
 * Writes a good copy of at most room bytes and its NUL, and returns its length. end is the last place at
 * which the ellipsis still fits.
 */
static size_t write_clean(char *out, size_t room, const char *text, size_t size, TextForm form) {
        size_t n = 0, end = 0;

        for (size_t i = 0; i < size;) {
                Character c = read_character((const uint8_t *) text + i, size - i, form);
                const char *piece = c.verdict == GOOD ? text + i : REPLACEMENT;
                size_t length = c.verdict == GOOD ? c.length : strlen(REPLACEMENT);

                if (n + length > room) {
                        n = end;
                        if (room >= strlen(ELLIPSIS))
                                n = (size_t) ((char *) mempcpy(out + n, ELLIPSIS, strlen(ELLIPSIS)) - out);
                        break;
                }
                memcpy(out + n, piece, length);
                n += length;
                if (n + strlen(ELLIPSIS) <= room)
                        end = n;
                i += c.length;
        }

        out[n] = '\0';
        return n;
}

char *text_clean(const char *text, size_t size, TextForm form, size_t max) {
        size_t room = MIN_OF(max, text_is_good(text, size, form) ? size : size * TEXT_CLEAN_GROWTH);
        char *copy = malloc(room + 1);

        if (copy)
                write_clean(copy, room, text, size, form);
        return copy;
}

int text_clean_own(char **text, TextForm form, size_t max) {
        size_t size = strlen(strempty(*text));
        char *copy;

        if (size <= max && text_is_good(strempty(*text), size, form))
                return 0;

        copy = text_clean(*text, size, form, max);
        if (!copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

const char *text_short(const char *text, char *buf, size_t size) {
        if (size > 0)
                write_clean(buf, size - 1, text, strlen(text), TEXT_LINE);
        return buf;
}

char *text_vprintf(const char *format, va_list args) {
        char *text;

        return vasprintf(&text, format, args) < 0 ? NULL : text;
}

char *text_printf(const char *format, ...) {
        va_list args;
        char *text;

        va_start(args, format);
        text = text_vprintf(format, args);
        va_end(args);
        return text;
}

const char *text_vformat(char *buf, size_t size, const char *format, va_list args) {
        _cleanup_free_ char *text = text_vprintf(format, args);

        return text_short(strempty(text), buf, size);
}

const char *text_format(char *buf, size_t size, const char *format, ...) {
        va_list args;

        va_start(args, format);
        text_vformat(buf, size, format, args);
        va_end(args);
        return buf;
}

int text_refuse(char **ret, int why, const char *format, ...) {
        va_list args;

        va_start(args, format);
        *ret = text_vprintf(format, args);
        va_end(args);
        return *ret ? why : -ENOMEM;
}

static void escape_character(StrBuf *b, const char *text, const Character *c) {
        if (c->number == '\n')
                strbuf_add(b, "\\n");
        else if (c->number == '\t')
                strbuf_add(b, "\\t");
        else
                for (size_t i = 0; i < c->length; i++)
                        strbuf_addf(b, "\\x%02x", (uint8_t) text[i]);
}

void text_escape(StrBuf *b, const char *text) {
        size_t size = strlen(text), start = 0, at = 0;
        Character c;

        while (find_fault(text, size, TEXT_LINE, &at, &c)) {
                strbuf_add_n(b, text + start, at - start);
                escape_character(b, text + at, &c);
                start = at += c.length;
        }
        strbuf_add_n(b, text + start, size - start);
}
