/*
 * Lines of a history
 */

#include "tests/proof/audit-line.h"

static const char *copy_word(const char *at, Id ret) {
        size_t n = MIN_OF(strcspn(at, " "), (size_t) ID_MAX - 1);

        memcpy(ret, at, n);
        ret[n] = '\0';
        return ret;
}

const char *line_value(const char *line, const char *name, Id ret) {
        char key[ID_MAX];
        const char *at;

        (void) snprintf(key, sizeof(key), " %s=", name);
        at = strstr(line, key);
        return copy_word(at ? at + strlen(key) : "", ret);
}

const char *line_word(const char *line, unsigned i, Id ret) {
        while (i-- > 0) {
                line += strcspn(line, " ");
                line += strspn(line, " ");
        }
        return copy_word(line, ret);
}
