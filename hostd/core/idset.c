/*
 * Sets of identifiers
 *
 * A PGPU has a few dozen types at most, so that a linear search is enough.
 */

#include "hostd/core/idset.h"

char **idset_new(void) {
        return calloc(1, sizeof(char *));
}

char **idset_free(char **set) {
        if (set)
                for (char **id = set; *id; id++)
                        free(*id);
        free(set);
        return NULL;
}

size_t idset_size(char *const *set) {
        size_t n = 0;

        while (set && set[n])
                n++;
        return n;
}

bool idset_has(char *const *set, const char *id) {
        for (; set && *set; set++)
                if (streq(*set, id))
                        return true;
        return false;
}

bool idset_equal(char *const *a, char *const *b) {
        for (; *a && *b; a++, b++)
                if (!streq(*a, *b))
                        return false;
        return !*a && !*b;
}

int idset_add(char ***set, const char *id) {
        size_t n = idset_size(*set);
        _cleanup_free_ char *copy = NULL;
        char **bigger;

        if (idset_has(*set, id))
                return 0;

        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        bigger = realloc(*set, (n + 2) * sizeof(char *));
        if (!bigger)
                return -ENOMEM;

        bigger[n] = take_ptr(copy);
        bigger[n + 1] = NULL;
        *set = bigger;
        return 0;
}

void idset_remove(char **set, const char *id) {
        for (; set && *set; set++) {
                if (!streq(*set, id))
                        continue;
                free(*set);
                for (; *set; set++)
                        set[0] = set[1];
                return;
        }
}

int idset_copy(char *const *set, char ***ret) {
        _cleanup_(idset_freep) char **copy = NULL;

        copy = idset_new();
        if (!copy)
                return -ENOMEM;
        for (; set && *set; set++)
                if (idset_add(&copy, *set) < 0)
                        return -ENOMEM;

        *ret = take_ptr(copy);
        return 0;
}

static int compare_ids(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void idset_sort(char **set) {
        size_t n = idset_size(set);

        if (n > 1)
                qsort(set, n, sizeof(char *), compare_ids);
}
