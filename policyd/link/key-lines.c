/*
 * What ssh-keyscan and ssh-keygen print of a host's keys
 */

#include "policyd/link/key-lines.h"

/* The n-th line that is no comment; false when there are fewer. */
static bool nth_line(const char *text, size_t n, const char **ret, size_t *ret_length) {
        for (const char *p = text; *p;) {
                size_t length = strcspn(p, "\n");

                if (length > 0 && *p != '#' && n-- == 0) {
                        *ret = p;
                        *ret_length = length;
                        return true;
                }
                p += length + (p[length] == '\n');
        }
        return false;
}

/* The word after the first blank. */
static bool second_word(const char *line, size_t length, const char **ret, size_t *ret_length) {
        const char *blank = memchr(line, ' ', length), *end;

        if (!blank)
                return false;
        *ret = blank + 1;
        length -= (size_t) (blank + 1 - line);
        end = memchr(*ret, ' ', length);
        *ret_length = end ? (size_t) (end - *ret) : length;
        return true;
}

/* By the type at the end of the line: 0 is the key whose fingerprint people compare, as xenvgpu-accept-master and
 * docs/several-hosts.md have it. */
static size_t rank_of(const char *line, size_t length) {
        static const char *const types[] = {"(ED25519)", "(ECDSA)", "(RSA)"};
        size_t i;

        for (i = 0; i < ARRAY_SIZE(types); i++) {
                size_t n = strlen(types[i]);

                if (length >= n && memcmp(line + length - n, types[i], n) == 0)
                        break;
        }
        return i;
}

/* The number of the key that has the fingerprint, or -1; and the fingerprint of the other one that counts most. */
static int find_print(const char *prints, const char *fingerprint, ssize_t *ret, char **ret_other) {
        const char *line, *word;
        size_t length, n, best = SIZE_MAX;

        *ret = -1;
        for (size_t i = 0; nth_line(prints, i, &line, &length); i++) {
                if (!second_word(line, length, &word, &n))
                        continue;
                if (n == strlen(fingerprint) && memcmp(word, fingerprint, n) == 0) {
                        *ret = (ssize_t) i;
                        return 0;
                }
                if (rank_of(line, length) >= best)
                        continue;
                best = rank_of(line, length);
                free(*ret_other);
                *ret_other = strndup(word, n);
                if (!*ret_other)
                        return -ENOMEM;
        }
        return 0;
}

int host_key_choose(const char *keys, const char *prints, const char *fingerprint, char **ret_key, char **ret_other) {
        _cleanup_free_ char *other = NULL, *key = NULL;
        const char *line, *blank;
        size_t length;
        ssize_t i;
        int r;

        r = find_print(prints, fingerprint, &i, &other);
        if (r < 0)
                return r;
        if (i >= 0 && nth_line(keys, (size_t) i, &line, &length) && (blank = memchr(line, ' ', length))) {
                key = strndup(blank + 1, length - (size_t) (blank + 1 - line));
                if (!key)
                        return -ENOMEM;
        }
        *ret_key = take_ptr(key);
        *ret_other = take_ptr(other);
        return 0;
}
