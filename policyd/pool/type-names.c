/*
 * How types are told apart, and where hosts say other things of one
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/strbuf.h"
#include "policyd/pool/pool-internal.h"

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

/* "beta: 4 on a PGPU, not 8; identifier 0001:nvidia,13f2,,13f2,114e". The size alone may differ for passthrough, which has none. */
static void add_difference(StrList *list, const HostType *f) {
        const VgpuType *t = f->type;
        _cleanup_strbuf_ StrBuf b = {};

        if (f->size != t->size && f->size > 0 && t->size > 0)
                strbuf_addf(&b, "; %u on a PGPU, not %u", PGPU_SIZE / f->size, PGPU_SIZE / t->size);
        if (f->framebuffer_size != t->framebuffer_size)
                strbuf_addf(&b, "; framebuffer-size %" PRIu64 ", not %" PRIu64, f->framebuffer_size, t->framebuffer_size);
        if (f->identifier)
                strbuf_addf(&b, "; identifier %s", f->identifier);
        if (b.error)
                list->error = b.error;
        else if (b.len > 0)
                strlist_addf(list, "%s: %s", f->host->name_label, b.text + strlen("; "));
}

int type_update_differences(Pool *pool, VgpuType *t) {
        _cleanup_strlist_ StrList list = {};
        _cleanup_(strv_freep) char **texts = NULL;
        int r;

        for_each(const HostType, f, &t->of_hosts)
                add_difference(&list, f);
        r = strlist_take(&list, &texts);
        if (r < 0 || strv_equal(texts, t->differences))
                return r;
        strv_free(t->differences);
        t->differences = *texts ? take_ptr(texts) : NULL;
        object_note(pool, &t->object, TYPE_HOST_DIFFERENCES, /* store= */ false);
        return 0;
}
