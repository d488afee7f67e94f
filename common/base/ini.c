/*
 * Settings files
 *
 * Each line is copied, trimmed and split in place; the section's name is kept from its header on. A NUL
 * byte inside a line makes the line a wrong one.
 */

#include "common/base/ini.h"

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static char *trim(char *text) {
        size_t n;

        while (is_blank(*text))
                text++;
        n = strlen(text);
        while (n > 0 && is_blank(text[n - 1]))
                n--;
        text[n] = '\0';
        return text;
}

/* "[name]" gives name in place, else NULL. */
static char *section_name(char *line) {
        size_t n = strlen(line);
        char *name;

        if (n < 3 || line[0] != '[' || line[n - 1] != ']')
                return NULL;

        line[n - 1] = '\0';
        name = trim(line + 1);
        if (!*name || strpbrk(name, "[]")) {
                line[n - 1] = ']';
                return NULL;
        }
        return name;
}

static int parse_line(unsigned number, char *line, char **section, IniHandler handler, void *userdata) {
        char *name, *key, *equals;

        if (!*line || *line == '#' || *line == ';')
                return 0;

        /* section_name() cuts the line up, so a wrong header is kept whole for the report. */
        if (*line == '[') {
                _cleanup_free_ char *whole = strdup(line);

                if (!whole)
                        return -ENOMEM;
                name = section_name(line);
                if (!name)
                        return handler(number, NULL, NULL, whole, userdata);

                name = strdup(name);
                if (!name)
                        return -ENOMEM;
                free(*section);
                *section = name;
                return 0;
        }

        equals = strchr(line, '=');
        if (!equals || equals == line)
                return handler(number, NULL, NULL, line, userdata);

        *equals = '\0';
        key = trim(line);
        return handler(number, *section ? *section : "", key, trim(equals + 1), userdata);
}

int ini_parse(const char *data, size_t size, IniHandler handler, void *userdata) {
        _cleanup_free_ char *section = NULL;
        const char *p = data, *end = data + size;

        for (unsigned number = 1; p < end; number++) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));
                size_t n = (size_t) ((newline ? newline : end) - p);
                _cleanup_free_ char *line = NULL;
                int r;

                line = strndup(p, n);
                if (!line)
                        return -ENOMEM;

                if (strlen(line) < n)
                        r = handler(number, NULL, NULL, line, userdata);
                else
                        r = parse_line(number, trim(line), &section, handler, userdata);
                if (r < 0)
                        return r;

                p += n + 1;
                if (!newline)
                        break;
        }

        return 0;
}
