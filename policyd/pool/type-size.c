/*
 * How much of a PGPU a VGPU takes, and how a type is called
 */

#include <stdio.h>
#include <stdlib.h>

#include "policyd/pool/pool-internal.h"

uint32_t type_units(const VgpuType *t) {
        return t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : t->size;
}

const HostType *host_find_type(const Host *h, const VgpuType *t) {
        for_each(const HostType, of_host, &h->types)
                if (of_host->type == t)
                        return of_host;

        return NULL;
}

uint32_t pgpu_type_size(const Pgpu *p, const VgpuType *t) {
        const HostType *of_host;

        /* Nearly always all agree. */
        if (t->n_other_sizes == 0)
                return t->size;
        of_host = host_find_type(p->host, t);
        return of_host ? of_host->size : t->size;
}

uint32_t pgpu_type_units(const Pgpu *p, const VgpuType *t) {
        return t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : pgpu_type_size(p, t);
}

static int compare_names(const void *a, const void *b) {
        const VgpuType *const *x = a, *const *y = b;

        return strcmp((*x)->model_name, (*y)->model_name);
}

static char *make_label(const VgpuType *t) {
        char *label;

        return asprintf(&label, "%s (%s)", t->model_name, t->identifier) < 0 ? NULL : label;
}

/* Without memory the name is all there is. */
void pool_label_types(Pool *pool) {
        const PtrArray *types = &pool->objects[CLASS_VGPU_TYPE];
        VgpuType **sorted = types->n > 0 ? calloc(types->n, sizeof(VgpuType *)) : NULL;

        if (!sorted)
                return;
        memcpy(sorted, types->items, types->n * sizeof(VgpuType *));
        qsort(sorted, types->n, sizeof(VgpuType *), compare_names);
        for (size_t i = 0; i < types->n; i++) {
                VgpuType *t = sorted[i];
                bool alone = (i == 0 || compare_names(&sorted[i - 1], &t) != 0) &&
                             (i + 1 == types->n || compare_names(&sorted[i + 1], &t) != 0);

                free(t->label);
                t->label = alone || isempty(t->model_name) ? NULL : make_label(t);
        }
        free(sorted);
}
