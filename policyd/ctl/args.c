/*
 * The command line, taken apart
 */

#include <ctype.h>

#include "common/base/text.h"
#include "policyd/ctl/args.h"

#define WORD_MAX 64

#define refuse(ret_error, ...) text_refuse((ret_error), -EINVAL, __VA_ARGS__)

void args_done(Args *a) {
        for (size_t i = 0; i < a->n; i++) {
                free(a->args[i].key);
                free(a->args[i].name);
        }
        *a = (Args){};
}

const char *args_get(const Args *a, const char *key) {
        for (size_t i = 0; i < a->n; i++)
                if (streq(a->args[i].key, key))
                        return a->args[i].value;
        return NULL;
}

int args_rename(Args *a, const char *from, const char *to) {
        for (size_t i = 0; i < a->n; i++)
                if (streq(a->args[i].key, from)) {
                        char *key = strdup(to);

                        if (!key)
                                return -ENOMEM;
                        free(a->args[i].key); /* from may be this very text: it is not read again */
                        a->args[i].key = key;
                        return 0;
                }
        return 0;
}

int args_set(Args *a, const char *key, const char *value) {
        for (size_t i = 0; i < a->n; i++)
                if (streq(a->args[i].key, key)) {
                        a->args[i].value = value;
                        return 0;
                }
        if (a->n >= ARGS_MAX)
                return -E2BIG;
        a->args[a->n] = (Arg){ .key = strdup(key), .value = value };
        return a->args[a->n++].key ? 0 : -ENOMEM;
}

static int add(Args *a, const char *key, size_t n, const char *value, char **ret_error) {
        _cleanup_free_ char *lower = strndup(key, n), *name = strndup(key, n);

        if (!lower || !name)
                return -ENOMEM;
        for (char *p = lower; *p && *p != ':'; p++)
                *p = (char) tolower((unsigned char) *p);
        if (args_get(a, lower))
                return refuse(ret_error, "'%s' is given twice", lower);
        if (a->n >= ARGS_MAX)
                return refuse(ret_error, "more than %d arguments", ARGS_MAX);
        a->args[a->n++] = (Arg){ .key = take_ptr(lower), .name = take_ptr(name), .value = value };
        return 0;
}

static int parse_option(Args *a, const char *const *rest, size_t *i, char **ret_error) {
        const char *option = rest[*i] + 2, *value;

        if (streq(option, "minimal"))
                a->minimal = true;
        else if (streq(option, "json"))
                a->json = true;
        else if (streq(option, "async"))
                a->async = true;
        else if (streq(option, "help"))
                a->help = true;
        else if (streq(option, "version"))
                a->version = true;
        else if ((value = startswith(option, "host=")))
                a->host = value;
        else if (streq(option, "host")) {
                if (!rest[*i + 1])
                        return refuse(ret_error, "--host needs USER@MASTER");
                a->host = rest[++*i];
        } else if (*option && !strchr(option, '='))
                return add(a, option, strlen(option), "true", ret_error);
        else
                return refuse(ret_error,
                        "'%s' is no option; there are --minimal, --json, --async, --host USER@MASTER, "
                        "--help and --version; everything else is key=value",
                        rest[*i]);
        return 0;
}

static int parse_one(Args *a, const char *const *rest, size_t *i, char **ret_error) {
        const char *text = rest[*i], *equals;

        if (startswith(text, "--"))
                return parse_option(a, rest, i, ret_error);
        if (streq(text, "-h")) {
                a->help = true;
                return 0;
        }
        if (!a->verb) {
                a->verb = text;
                return 0;
        }
        equals = strchr(text, '=');
        /* The only bare words: `xenvgpu help VERB`, `xenvgpu pool-backup FILE`, and what is added to a list or taken out. */
        if (!equals && streq(a->verb, "help"))
                return add(a, "verb", 4, text, ret_error);
        if (!equals && streq(a->verb, "pool-backup"))
                return add(a, "filename", 8, text, ret_error);
        if (!equals && (strstr(a->verb, "-param-add") || strstr(a->verb, "-param-remove")) && !args_get(a, "param-key"))
                return add(a, "param-key", 9, text, ret_error);
        if (!equals || equals == text)
                return refuse(ret_error, "'%s' is not key=value", text);
        return add(a, text, (size_t) (equals - text), equals + 1, ret_error);
}

/* libdbus aborts over a text that is not UTF-8, so it is refused before; descriptions may have several lines. */
static int check_text(const char *argument, size_t i, char **ret_error) {
        char buf[TEXT_FAULT_MAX];
        const char *fault = text_fault(argument, strlen(argument), TEXT_LINES, buf);

        return fault ? refuse(ret_error, "argument %zu %s", i, fault) : 0;
}

int args_parse(int argc, char *const *argv, Args *ret, char **ret_error) {
        Args a = {};
        int r = 0;

        for (size_t i = 1; r >= 0 && i < (size_t) argc; i++)
                r = check_text(argv[i], i, ret_error);
        for (size_t i = 1; r >= 0 && i < (size_t) argc; i++)
                r = parse_one(&a, (const char *const *) argv, &i, ret_error);
        if (r >= 0 && a.minimal && a.json)
                r = refuse(ret_error, "--minimal and --json exclude each other");
        if (r < 0) {
                args_done(&a);
                *ret = (Args){};
                for (size_t i = 1; i < (size_t) argc; i++)
                        ret->json |= streq(argv[i], "--json");
                return r;
        }
        *ret = a;
        return 0;
}

size_t edit_distance(const char *a, const char *b) {
        size_t rows[3][WORD_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2], n = strlen(b);

        if (n > WORD_MAX)
                return SIZE_MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 0; a[i]; i++) {
                size_t *spare = before;

                before = above;
                above = row;
                row = spare;
                row[0] = i + 1;
                for (size_t j = 0; j < n; j++) {
                        row[j + 1] = MIN_OF(MIN_OF(above[j + 1], row[j]) + 1, above[j] + (a[i] != b[j]));
                        if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
                                row[j + 1] = MIN_OF(row[j + 1], before[j - 1] + 1);
                }
        }
        return row[n];
}

/* Whether name is one or several of the words of candidate, which stand between "-". */
static bool is_part_of(const char *candidate, const char *name) {
        size_t n = strlen(name);

        for (const char *p = candidate; n > 1 && (p = strstr(p, name)); p++)
                if ((p == candidate || p[-1] == '-') && (p[n] == '-' || !p[n]))
                        return true;
        return false;
}

void nearest_look(Nearest *n, const char *name, const char *candidate) {
        char a[WORD_MAX + 1] = {}, b[WORD_MAX + 1] = {};
        size_t d, limit = MAX_OF(strlen(name) / 3, (size_t) 1);

        for (size_t i = 0; i < WORD_MAX && name[i]; i++)
                a[i] = (char) tolower((unsigned char) name[i]);
        for (size_t i = 0; i < WORD_MAX && candidate[i]; i++)
                b[i] = (char) tolower((unsigned char) candidate[i]);
        d = edit_distance(a, b);
        if (is_part_of(b, a))
                d = MIN_OF(d, limit);
        if (d > limit || (n->best && d >= n->distance))
                return;
        *n = (Nearest){ .best = candidate, .distance = d };
}
