/*
 * Growing arrays of pointers, and the text setters
 *
 * Arrays grow by doubling and never shrink: a list that was once long will be so again. They begin with what the smallest piece of
 * memory holds. ptr_array_reserve() lets a caller fail before it has changed anything.
 */

#include "policyd/pool/pool-internal.h"

bool ptr_array_contains(const PtrArray *a, const void *p) {
        return ptr_array_index(a, p) != SIZE_MAX;
}

size_t ptr_array_index(const PtrArray *a, const void *p) {
        for (size_t i = 0; i < a->n; i++)
                if (a->items[i] == p)
                        return i;

        return SIZE_MAX;
}

int ptr_array_reserve(PtrArray *a, size_t n_more) {
        size_t size = a->size > 0 ? a->size : 3;
        void **items;

        if (a->n + n_more <= a->size)
                return 0;

        while (size < a->n + n_more)
                size *= 2;

        items = realloc(a->items, size * sizeof(void *));
        if (!items)
                return -ENOMEM;

        a->items = items;
        a->size = size;
        return 0;
}

size_t ptr_array_position(const PtrArray *a, const void *p, PtrCompare compare) {
        size_t low = 0, high = a->n;

        /* Most new items belong at the end. */
        if (a->n == 0 || compare(a->items[a->n - 1], p) <= 0)
                return a->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(a->items[middle], p) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

int ptr_array_insert(PtrArray *a, void *p, PtrCompare compare) {
        size_t at = ptr_array_position(a, p, compare);
        int r;

        r = ptr_array_reserve(a, 1);
        if (r < 0)
                return r;

        memmove(a->items + at + 1, a->items + at, (a->n - at) * sizeof(void *));
        a->items[at] = p;
        a->n++;
        return 0;
}

int ptr_array_add(PtrArray *a, void *p) {
        int r;

        r = ptr_array_reserve(a, 1);
        if (r < 0)
                return r;

        a->items[a->n++] = p;
        return 0;
}

void ptr_array_remove_at(PtrArray *a, size_t at) {
        memmove(a->items + at, a->items + at + 1, (a->n - at - 1) * sizeof(void *));
        a->n--;
}

bool ptr_array_remove(PtrArray *a, const void *p) {
        size_t at = ptr_array_index(a, p);

        if (at == SIZE_MAX)
                return false;

        ptr_array_remove_at(a, at);
        return true;
}

void ptr_array_done(PtrArray *a) {
        if (a->size > 0)
                free(a->items);
        *a = (PtrArray){};
}

int text_set(char **field, const char *value) {
        char *copy = NULL;

        if (streq_ptr(*field, value))
                return 0;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }

        free(*field);
        *field = copy;
        return 1;
}

int strv_set(char ***field, const char *const *value) {
        char **copy;

        if (*field && strv_equal(*field, (char *const *) value))
                return 0;
        if (strv_copy((char *const *) value, &copy) < 0)
                return -ENOMEM;

        strv_free(*field);
        *field = copy;
        return 1;
}
