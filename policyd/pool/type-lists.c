/*
 * The lists of types that PGPUs share
 *
 * All cards of a model have the same types, and boards of today have dozens. So PGPUs with equal lists have one list, which never
 * changes: a PGPU whose types change gets another. A list is freed with the last PGPU that has it. Lists of their own, and a list of
 * PGPUs in each type, would take a PGPU of twenty types beyond the 1 KiB of docs/performance.md; so who has a type is looked up.
 */

#include <search.h>

#include "policyd/pool/pool-internal.h"

typedef struct TypeList {
        PtrArray list; /* what stands behind it; of one that is looked for, the caller's */
        size_t n_users;
        void *types[];
} TypeList;

static int compare_lists(const void *x, const void *y) {
        const PtrArray *a = &((const TypeList *) x)->list, *b = &((const TypeList *) y)->list;

        return a->n != b->n ? (a->n < b->n ? -1 : 1) : memcmp(a->items, b->items, a->n * sizeof(void *));
}

static int type_list_new(Pool *pool, const TypeList *like, TypeList **ret) {
        TypeList *l = malloc(sizeof(*l) + like->list.n * sizeof(void *));

        if (!l)
                return -ENOMEM;
        *l = (TypeList){.list = {.items = l->types, .n = like->list.n}};
        memcpy(l->types, like->list.items, l->list.n * sizeof(void *));
        if (!tsearch(l, &pool->type_lists, compare_lists)) {
                free(l);
                return -ENOMEM;
        }
        *ret = l;
        return 0;
}

int type_list_take(Pool *pool, VgpuType *const *types, size_t n, PtrArray *ret) {
        const TypeList wanted = {.list = {.items = (void **) types, .n = n}};
        TypeList **found = tfind(&wanted, &pool->type_lists, compare_lists), *l = found ? *found : NULL;

        if (n > 0 && !l && type_list_new(pool, &wanted, &l) < 0)
                return -ENOMEM;
        *ret = n > 0 ? l->list : (PtrArray){};
        if (n > 0)
                l->n_users++;
        return 0;
}

void type_list_drop(Pool *pool, const PtrArray *list) {
        TypeList *l;

        if (list->n == 0)
                return;
        l = CONTAINER_OF(list->items, TypeList, types);
        if (--l->n_users > 0)
                return;
        tdelete(l, &pool->type_lists, compare_lists);
        free(l);
}

void type_lists_free(Pool *pool) {
        tdestroy(pool->type_lists, free);
}

Pgpu *type_next_pgpu(const VgpuType *t, bool supported, size_t *i) {
        const PtrArray *pgpus = &t->pool->objects[CLASS_PGPU];

        while (*i < pgpus->n) {
                Pgpu *p = pgpus->items[(*i)++];

                if (ptr_array_contains(supported ? &p->supported : &p->enabled, t))
                        return p;
        }
        return NULL;
}
