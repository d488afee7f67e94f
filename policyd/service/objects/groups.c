/*
 * GPU groups by hand
 */

#include "policyd/service/objects/policy-private.h"

int groups_create(
        Policy *p, const char *name_label, const char *name_description, GpuGroup **ret, Refusal *refusal) {
        int r;

        r = check_label("A GPU group", name_label, refusal);
        r = r ?: check_text("A GPU group", "name_description", name_description, TEXT_LINES, refusal);
        r = r ?: check_limit(&p->batch, CLASS_GPU_GROUP, 1, refusal);
        return decided(r ?: group_add(&p->batch, name_label, name_description, (const char *const[]){NULL}, ret));
}

int groups_destroy(Policy *p, GpuGroup *g, Refusal *refusal) {
        int r;

        r = refused(rule_group_destroy(g, refusal), refusal);
        if (r != 0)
                return decided(r);
        object_remove(&p->batch, &g->object);
        types_collect(&p->hosts);
        return 0;
}

int groups_set_algorithm(Policy *p, GpuGroup *g, const char *algorithm, Refusal *refusal) {
        GroupAlgorithm a = group_algorithm_from_string(algorithm);

        if (a == _GROUP_ALGORITHM_INVALID)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "'%s' is no allocation algorithm: take depth-first, breadth-first or best-fit.",
                        algorithm);
        pool_set_group_algorithm(p->batch.pool, g, a);
        return batch_open_if_changed(&p->batch, 0);
}

int groups_set_names(Policy *p, GpuGroup *g, const char *name_label_or_null, const char *description_or_null,
        Refusal *refusal) {
        const TextChange changes[] = {
                {&g->name_label, name_label_or_null, GROUP_NAME_LABEL},
                {&g->name_description, description_or_null, GROUP_NAME_DESCRIPTION},
        };
        int r;

        r = name_label_or_null ? check_label("A GPU group", name_label_or_null, refusal) : 0;
        r = r ?: check_text("A GPU group", "name_description", description_or_null, TEXT_LINES, refusal);
        return decided(r ?: object_set_texts(&p->batch, &g->object, changes, ARRAY_SIZE(changes)));
}
