/*
 * The pool in a line, for "systemctl status": "3 hosts, 10 PGPUs, 41 of 80 GRID K100 free, 1 host offline"
 *
 * Of each group the type is named that the most of its VGPUs have; in a group without VGPUs the smallest, of
 * which most fit. What is not as it should be stands at the end.
 */

#include "policyd/service/objects/policy-private.h"

#include "policyd/service/base/rows.h"

/* More would not be read in a line. */
#define GROUPS_SHOWN 3

static const VgpuType *typical_type(const GpuGroup *g, TypeCounts *ret) {
        const VgpuType *best = NULL;
        TypeCounts of_best = {};

        for_each(const VgpuType, t, &g->supported) {
                TypeCounts n = group_count_type(g, t);
                uint64_t uses = n.used + n.scheduled + n.reserved,
                         most = of_best.used + of_best.scheduled + of_best.reserved;

                if (n.total == 0 || (best && (uses < most || (uses == most && n.total <= of_best.total))))
                        continue;
                best = t;
                of_best = n;
        }
        *ret = of_best;
        return best;
}

static void add_groups(StrBuf *b, const Pool *pool) {
        size_t shown = 0;

        for_each(const GpuGroup, g, &pool->objects[CLASS_GPU_GROUP]) {
                PgpuVerdict nearest = {};
                TypeCounts n;
                const VgpuType *t = shown < GROUPS_SHOWN ? typical_type(g, &n) : NULL;

                if (!t)
                        continue;
                shown++;
                strbuf_addf(b, ", %llu of %llu %s free", (unsigned long long) group_capacity(g, t, &nearest),
                        (unsigned long long) n.total, t->model_name);
        }
}

static void add_count(StrBuf *b, size_t n, const char *what) {
        if (n > 0)
                strbuf_addf(b, ", %zu host%s %s", n, PLURAL(n), what);
}

static void add_hosts(StrBuf *b, const Pool *pool) {
        size_t offline = 0, connecting = 0, disabled = 0, unheard = 0;

        for_each(const Host, h, &pool->objects[CLASS_HOST]) {
                offline += h->state == HOST_OFFLINE;
                connecting += h->state == HOST_CONNECTING;
                disabled += !h->enabled;
                unheard += h->unheard;
        }
        add_count(b, offline, "offline");
        add_count(b, connecting, "connecting");
        add_count(b, disabled, "disabled");
        add_count(b, unheard, "unheard since the database was copied");
}

void policy_describe(Policy *p, char *buf, size_t size) {
        const PtrArray *all = p->batch.pool->objects;
        _cleanup_strbuf_ StrBuf b = {};

        if (rows_block(&p->batch))
                strbuf_add(&b, "Read only, since a row of the database cannot be read (xenvgpu status tells more): ");
        strbuf_addf(&b, "%zu host%s, %zu PGPU%s", all[CLASS_HOST].n, PLURAL(all[CLASS_HOST].n), all[CLASS_PGPU].n,
                PLURAL(all[CLASS_PGPU].n));
        add_groups(&b, p->batch.pool);
        add_hosts(&b, p->batch.pool);
        text_format(buf, size, "%s", b.error < 0 ? "" : b.text);
}
