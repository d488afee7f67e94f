/*
 * Sets of identifiers
 *
 * A PGPU has a few dozen types at most, so that a linear search is enough.
 */

#include "hostd/core/idset.h"

int idset_add(char ***set, const char *id) {
        size_t n = strv_count(*set);
        _cleanup_free_ char *copy = NULL;
        char **bigger;

        if (strv_contains(*set, id))
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

static int compare_ids(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void idset_sort(char **set) {
        size_t n = strv_count(set);

        if (n > 1)
                qsort(set, n, sizeof(char *), compare_ids);
}
