/*
 * GPU groups by hand
 */

#include "policyd/service/objects/policy-private.h"

int groups_create(
        Policy *p, const char *name_label, const char *name_description, GpuGroup **ret, Refusal *refusal) {
        int r;

        r = check_label("A GPU group", name_label, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = check_text("A GPU group", "name_description", name_description, TEXT_LINES, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_limit(&p->batch, CLASS_GPU_GROUP, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        return group_add(&p->batch, name_label, name_description, (const char *const[]){NULL}, ret);
}

int groups_destroy(Policy *p, GpuGroup *g, Refusal *refusal) {
        int r;

        r = rule_group_destroy(g, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        pool_remove(p->batch.pool, &g->object);
        batch_open(&p->batch);
        types_collect(&p->hosts);
        return 0;
}

int groups_set_algorithm(Policy *p, GpuGroup *g, const char *algorithm, Refusal *refusal) {
        GroupAlgorithm a;

        a = group_algorithm_from_string(algorithm);
        if (a == _GROUP_ALGORITHM_INVALID)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "'%s' is no allocation algorithm: take depth-first, breadth-first or best-fit.",
                        algorithm);
        pool_set_group_algorithm(p->batch.pool, g, a);
        batch_open(&p->batch);
        return 0;
}

int groups_set_names(Policy *p, GpuGroup *g, const char *name_label_or_null, const char *description_or_null,
        Refusal *refusal) {
        uint64_t changed = 0;
        int r = 0;

        if (name_label_or_null)
                r = check_label("A GPU group", name_label_or_null, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_text("A GPU group", "name_description", description_or_null, TEXT_LINES, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        if (name_label_or_null)
                r = text_set(&g->name_label, name_label_or_null);
        if (r > 0)
                changed |= GROUP_NAME_LABEL;
        if (r >= 0 && description_or_null) {
                r = text_set(&g->name_description, description_or_null);
                if (r > 0)
                        changed |= GROUP_NAME_DESCRIPTION;
        }
        if (changed) {
                pool_touch(p->batch.pool, &g->object, changed, /* store= */ true);
                batch_open(&p->batch);
        }
        return r < 0 ? r : 0;
}
