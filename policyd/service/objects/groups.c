/*
 * GPU groups by hand
 */

#include "policyd/service/internal.h"

int group_add(Policy *p, const char *name_label, const char *description, const char *const *gpu_types,
        GpuGroup **ret) {
        GpuGroup *g;
        Uuid id;
        int r;

        r = policy_new_uuid(p, &id);
        r = r ?: pool_add_gpu_group(p->pool, &id, 0, name_label, &g);
        if (r < 0)
                return r;
        batch_open(p);
        if (text_set(&g->name_description, strempty(description)) < 0)
                return batch_poison(p, -ENOMEM);
        r = pool_set_group_gpu_types(p->pool, g, gpu_types);
        if (r < 0)
                return batch_poison(p, r);
        *ret = g;
        return 0;
}

int groups_create(
        Policy *p, const char *name_label, const char *name_description, GpuGroup **ret, Refusal *refusal) {
        int r;

        r = policy_check_label("A GPU group", name_label, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = policy_check_text("A GPU group", "name_description", name_description, TEXT_LINES, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = policy_check_limit(p, CLASS_GPU_GROUP, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        return group_add(p, name_label, name_description, (const char *const[]){NULL}, ret);
}

int groups_destroy(Policy *p, GpuGroup *g, Refusal *refusal) {
        int r;

        r = rule_group_destroy(g, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        pool_remove(p->pool, &g->object);
        batch_open(p);
        types_collect(p);
        return 0;
}

int groups_set_algorithm(Policy *p, GpuGroup *g, const char *algorithm, Refusal *refusal) {
        GroupAlgorithm a;

        a = group_algorithm_from_string(algorithm);
        if (a == _GROUP_ALGORITHM_INVALID)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "'%s' is no allocation algorithm: take depth-first, breadth-first or best-fit.",
                        algorithm);
        pool_set_group_algorithm(p->pool, g, a);
        batch_open(p);
        return 0;
}

int groups_set_names(Policy *p, GpuGroup *g, const char *name_label_or_null, const char *description_or_null,
        Refusal *refusal) {
        uint64_t changed = 0;
        int r = 0;

        if (name_label_or_null)
                r = policy_check_label("A GPU group", name_label_or_null, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = policy_check_text("A GPU group", "name_description", description_or_null, TEXT_LINES, refusal);
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
                pool_touch(p->pool, &g->object, changed, /* store= */ true);
                batch_open(p);
        }
        return r < 0 ? r : 0;
}
