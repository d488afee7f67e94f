/*
 * UUIDs
 *
 * One table of the sixteen byte positions serves reading and writing; the path element differs from
 * the text only in its leading "_" and its separator.
 */

#include <sys/random.h>

#include "common/base/parse.h"
#include "common/base/uuid.h"

/* A separator stands before bytes 4, 6, 8 and 10. */
static bool separator_before(size_t byte) {
        return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

static int read_text(const char *text, char separator, Uuid *ret) {
        Uuid id = UUID_NULL;

        for (size_t i = 0; i < sizeof(id.bytes); i++) {
                int high, low;

                if (separator_before(i) && *text++ != separator)
                        return -EINVAL;
                high = parse_digit(text[0], 16);
                if (high < 0)
                        return -EINVAL;
                low = parse_digit(text[1], 16);
                if (low < 0)
                        return -EINVAL;
                id.bytes[i] = (uint8_t) (high << 4 | low);
                text += 2;
        }
        if (*text)
                return -EINVAL;

        *ret = id;
        return 0;
}

static void write_text(const Uuid *id, char separator, char *buf) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < sizeof(id->bytes); i++) {
                if (separator_before(i))
                        *buf++ = separator;
                *buf++ = digits[id->bytes[i] >> 4];
                *buf++ = digits[id->bytes[i] & 0xf];
        }
        *buf = '\0';
}

bool uuid_is_null(const Uuid *id) {
        return uuid_equal(id, &UUID_NULL);
}

int uuid_compare(const Uuid *a, const Uuid *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int uuid_from_string(const char *text, Uuid *ret) {
        return text ? read_text(text, '-', ret) : -EINVAL;
}

const char *uuid_to_string(const Uuid *id, char buf[static UUID_TEXT_MAX]) {
        write_text(id, '-', buf);
        return buf;
}

Uuid uuid_from_random(const uint8_t bytes[static 16]) {
        Uuid id;

        memcpy(id.bytes, bytes, sizeof(id.bytes));
        id.bytes[6] = (id.bytes[6] & 0x0f) | 0x40; /* version 4 */
        id.bytes[8] = (id.bytes[8] & 0x3f) | 0x80; /* variant of RFC 4122 */
        return id;
}

int uuid_generate(Uuid *ret) {
        Uuid id;
        ssize_t n;

        /* Once the kernel's random source is ready, reads of up to 256 bytes are complete; before that, a
         * signal may interrupt them. */
        do
                n = getrandom(id.bytes, sizeof(id.bytes), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if ((size_t) n < sizeof(id.bytes))
                return -EIO;
        *ret = uuid_from_random(id.bytes);
        return 0;
}

const char *uuid_to_path_element(const Uuid *id, char buf[static UUID_TEXT_MAX + 1]) {
        buf[0] = '_';
        write_text(id, '_', buf + 1);
        return buf;
}

int uuid_from_path_element(const char *element, Uuid *ret) {
        return element && *element == '_' ? read_text(element + 1, '_', ret) : -EINVAL;
}
