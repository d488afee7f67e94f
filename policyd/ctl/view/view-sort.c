/*
 * The objects of a class in the order of lists
 */

#include "policyd/ctl/view/view.h"

typedef struct SortEntry {
        ViewObject *object;
        char *keys[2];
} SortEntry;

/* Numbers inside names sort as numbers, vm-2 before vm-10; the hex digits of an address do not. */
static int compare_entries(const void *a, const void *b) {
        const SortEntry *x = a, *y = b;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(x->keys); i++) {
                const char *key = x->object->class->sort[i];
                int (*compare)(const char *, const char *) =
                        key && streq(key, "pci-id") ? strcmp : strverscmp;

                r = compare(strempty(x->keys[i]), strempty(y->keys[i]));
        }
        return r ? r : strcmp(x->object->uuid, y->object->uuid);
}

static void fill_keys(View *v, SortEntry *e) {
        const ClassInfo *c = e->object->class;
        FieldName name;

        for (size_t i = 0; i < ARRAY_SIZE(e->keys) && c->sort[i]; i++)
                if (field_find(c, c->sort[i], &name))
                        e->keys[i] = field_text(v, e->object, name);
}

int view_list(View *v, const ClassInfo *c, ViewObject ***ret, size_t *ret_n) {
        _cleanup_free_ SortEntry *entries = NULL;
        _cleanup_free_ ViewObject **list = NULL;
        size_t n;
        int r;

        r = view_collect(v, c, &list, &n);
        if (r < 0)
                return r;
        entries = calloc(n + 1, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                entries[i].object = list[i];

        /* The labels that order a list may fetch what they refer to. */
        for (size_t i = 0; i < n; i++)
                fill_keys(v, &entries[i]);
        qsort(entries, n, sizeof(*entries), compare_entries);
        for (size_t i = 0; i < n; i++) {
                list[i] = entries[i].object;
                free(entries[i].keys[0]);
                free(entries[i].keys[1]);
        }
        *ret = take_ptr(list);
        *ret_n = n;
        return 0;
}
