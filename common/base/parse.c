/*
 * Strict reading of numbers, sizes and booleans
 *
 * Everything goes through read_digits(), which refuses what strtoull() would let pass: blanks, signs, an
 * empty text, and overflow.
 */

#include <stdio.h>
#include <strings.h>

#include "common/base/parse.h"
#include "common/base/text.h"

int parse_digit(char c, unsigned base) {
        unsigned value = base;

        if (c >= '0' && c <= '9')
                value = (unsigned) (c - '0');
        else if (c >= 'a' && c <= 'z')
                value = (unsigned) (c - 'a') + 10;
        else if (c >= 'A' && c <= 'Z')
                value = (unsigned) (c - 'A') + 10;
        return value < base ? (int) value : -EINVAL;
}

/* The longest run of digits, at least one; *ret_end is where it ends. */
static int read_digits(const char *text, unsigned base, uint64_t *ret, const char **ret_end) {
        uint64_t value = 0;
        const char *p;

        for (p = text; *p; p++) {
                int digit = parse_digit(*p, base);

                if (digit < 0)
                        break;
                if (__builtin_mul_overflow(value, (uint64_t) base, &value) ||
                    __builtin_add_overflow(value, (uint64_t) digit, &value))
                        return -ERANGE;
        }
        if (p == text)
                return -EINVAL;

        *ret = value;
        *ret_end = p;
        return 0;
}

static int read_whole(const char *text, unsigned base, uint64_t *ret) {
        const char *end;
        uint64_t value;
        int r;

        r = read_digits(text, base, &value, &end);
        if (r < 0) {
                /* Only a number can be out of range: "99999999999999999999x" is no number. */
                for (const char *p = text; r == -ERANGE && *p; p++)
                        if (parse_digit(*p, base) < 0)
                                return -EINVAL;
                return r;
        }
        if (*end)
                return -EINVAL;

        *ret = value;
        return 0;
}

/* The text after a leading 0x, or NULL. */
static const char *after_0x(const char *text) {
        return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : NULL;
}

int parse_u64(const char *text, uint64_t *ret) {
        return text ? read_whole(text, 10, ret) : -EINVAL;
}

int parse_u32(const char *text, uint32_t *ret) {
        uint64_t value;
        int r;

        r = parse_u64(text, &value);
        if (r < 0)
                return r;
        if (value > UINT32_MAX)
                return -ERANGE;

        *ret = (uint32_t) value;
        return 0;
}

int parse_number(const char *text, uint64_t *ret) {
        const char *hex;

        if (!text)
                return -EINVAL;

        hex = after_0x(text);
        return hex ? read_whole(hex, 16, ret) : read_whole(text, 10, ret);
}

int parse_hex16(const char *text, uint16_t *ret) {
        const char *hex;
        uint64_t value;
        int r;

        if (!text)
                return -EINVAL;

        hex = after_0x(text);
        if (!hex)
                hex = text;
        r = read_whole(hex, 16, &value);
        if (r < 0)
                return r;
        if (strlen(hex) > 4)
                return -ERANGE;

        *ret = (uint16_t) value;
        return 0;
}

int parse_boolean(const char *text, bool *ret) {
        static const char *const words[][2] = {
                { "false", "true" }, { "no", "yes" }, { "off", "on" }, { "0", "1" },
        };

        if (!text)
                return -EINVAL;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                for (int value = 0; value < 2; value++)
                        if (strcasecmp(text, words[i][value]) == 0) {
                                *ret = value;
                                return 0;
                        }

        return -EINVAL;
}

int parse_size(const char *text, uint64_t *ret) {
        static const struct {
                const char *suffix;
                unsigned shift;
        } units[] = {
                { "", 0 },     { "B", 0 },     { "KiB", 10 }, { "K", 10 }, { "MiB", 20 }, { "M", 20 },
                { "GiB", 30 }, { "G", 30 },    { "TiB", 40 }, { "T", 40 },
        };
        uint64_t value;
        const char *end;
        int r;

        if (!text)
                return -EINVAL;

        r = read_digits(text, 10, &value, &end);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (strcasecmp(end, units[i].suffix) != 0)
                        continue;
                if (value > UINT64_MAX >> units[i].shift)
                        return -ERANGE;

                *ret = value << units[i].shift;
                return 0;
        }

        return -EINVAL;
}

const char *format_size(uint64_t bytes, char buf[static 32]) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        uint64_t whole = bytes, tenths;
        size_t unit = 0;
        unsigned shift;

        while (whole >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
                whole >>= 10;
                unit++;
        }
        shift = (unsigned) unit * 10;
        /* Cut, not rounded: a size shown is never more than there is. */
        tenths = shift ? ((bytes - (whole << shift)) >> (shift - 10)) * 10 / 1024 : 0;

        if (tenths)
                text_format(buf, 32, "%u.%u %s", (unsigned) whole, (unsigned) tenths, units[unit]);
        else
                text_format(buf, 32, "%u %s", (unsigned) whole, units[unit]);
        return buf;
}
