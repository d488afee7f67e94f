/*
 * Text that may travel
 *
 * The length of each UTF-8 sequence is found by its first byte; overlong forms, surrogates and numbers above
 * U+10FFFF are no characters.
 */

#include "hostd/core/clean-text.h"

typedef struct SequenceKind {
        uint8_t first_from, first_to;   /* of the first byte */
        uint8_t second_from, second_to; /* narrower than 80..bf against overlong forms and surrogates */
        uint8_t length;
} SequenceKind;

static const SequenceKind sequence_kinds[] = {
        { 0x20, 0x7e, 0x00, 0x00, 1 },
        { 0xc2, 0xc2, 0xa0, 0xbf, 2 }, /* c2 80..9f are control characters */
        { 0xc3, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 },
        { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 },
        { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Bytes of the character at text, or 0 when it is none that may travel. */
static size_t character_length(const uint8_t *text, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(sequence_kinds); i++) {
                const SequenceKind *k = &sequence_kinds[i];

                if (text[0] < k->first_from || text[0] > k->first_to)
                        continue;
                if (size < k->length)
                        return 0;
                if (k->length > 1 && (text[1] < k->second_from || text[1] > k->second_to))
                        return 0;
                for (size_t j = 2; j < k->length; j++)
                        if (text[j] < 0x80 || text[j] > 0xbf)
                                return 0;
                return k->length;
        }
        return 0;
}

bool text_is_clean_name(const char *text, size_t size) {
        if (size == 0 || size > CLEAN_NAME_MAX)
                return false;

        for (size_t i = 0; i < size;) {
                size_t n = character_length((const uint8_t *) text + i, size - i);

                if (n == 0)
                        return false;
                i += n;
        }
        return true;
}

void text_make_clean(char *text) {
        size_t size = strlen(text);

        for (size_t i = 0; i < size;) {
                size_t n = character_length((const uint8_t *) text + i, size - i);

                if (n == 0) {
                        text[i] = '?';
                        n = 1;
                }
                i += n;
        }
}
