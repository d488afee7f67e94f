/*
 * A list of texts that grows
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/base/strlist.h"
#include "common/base/text.h"

void strlist_add_owned(StrList *l, char *text) {
        char **items = text && l->error >= 0 ? reallocarray(l->items, l->n + 2, sizeof(*items)) : NULL;

        if (!items) {
                free(text);
                l->error = -ENOMEM;
                return;
        }
        l->items = items;
        l->items[l->n++] = text;
        l->items[l->n] = NULL;
}

void strlist_add(StrList *l, const char *text_or_null) {
        if (text_or_null)
                strlist_add_owned(l, strdup(text_or_null));
}

void strlist_addf(StrList *l, const char *format, ...) {
        va_list args;

        va_start(args, format);
        strlist_add_owned(l, text_vprintf(format, args));
        va_end(args);
}

void strlist_add_split(StrList *l, const char *text, const char *separators) {
        for (size_t n; *(text += strspn(text, separators)); text += n) {
                n = strcspn(text, separators);
                strlist_add_owned(l, strndup(text, n));
        }
}

bool strlist_contains(const StrList *l, const char *text) {
        return strv_contains(l->items, text);
}

int strlist_take(StrList *l, char ***ret) {
        if (l->error >= 0 && !l->items)
                l->items = calloc(1, sizeof(*l->items));
        if (l->error < 0 || !l->items)
                return -ENOMEM;
        *ret = take_ptr(l->items);
        l->n = 0;
        return 0;
}

void strlist_done(StrList *l) {
        l->items = strv_free(l->items);
        l->n = 0;
}

size_t strv_count(char *const *v) {
        size_t n = 0;

        while (v && v[n])
                n++;
        return n;
}

bool strv_contains(char *const *v, const char *text) {
        for (; v && *v; v++)
                if (streq(*v, text))
                        return true;
        return false;
}

bool strv_equal(char *const *a, char *const *b) {
        size_t n = strv_count(a);

        if (n != strv_count(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

int strv_copy(char *const *v, char ***ret) {
        _cleanup_strlist_ StrList copy = {};

        for (; v && *v; v++)
                strlist_add(&copy, *v);
        return strlist_take(&copy, ret);
}

char **strv_free(char **v) {
        for (char **i = v; i && *i; i++)
                free(*i);
        free(v);
        return NULL;
}
