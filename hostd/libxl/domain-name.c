/*
 * The name of a domain in libxl
 */

#include "hostd/libxl/domain-name.h"

#define UUID_SHORT 8
#define NAMELESS "vm"

static bool may_stand(char c) {
        return (unsigned char) c >= ' ' && c != 0x7f && !strchr("/,=", c);
}

/* At most max bytes, and no piece of a character at the end. */
static size_t measure(const char *text, size_t max) {
        size_t n = strnlen(text, max + 1);

        if (n <= max)
                return n;
        for (n = max; n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80;)
                n--;
        return n;
}

int domain_name_make(const char *label, const Uuid *uuid, DomainNameForm form, char **ret) {
        const char *base = isempty(label) ? NAMELESS : label, *digits = UUID_TEXT(uuid);
        size_t tail = form == DOMAIN_NAME_PLAIN ? 0 : form == DOMAIN_NAME_SHORT ? UUID_SHORT : strlen(digits);
        size_t n = measure(base, DOMAIN_NAME_MAX - (tail > 0 ? tail + 1 : 0));
        char *name;

        name = calloc(1, DOMAIN_NAME_MAX + 1);
        if (!name)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                name[i] = may_stand(base[i]) ? base[i] : '_';
        if (tail > 0) {
                name[n] = '-';
                (void) memcpy(name + n + 1, digits, tail);
        }
        *ret = name;
        return 0;
}
