/*
 * GPU groups on disk
 *
 * Members are found from the other side: PGPUs and VGPUs name their group.
 */

#include "policyd/store/records.h"

static void group_build(const Object *o, StrBuf *b) {
        const GpuGroup *g = CONTAINER_OF(o, GpuGroup, object);

        json_write_string(b, "name_label", g->name_label);
        json_write_string(b, "name_description", strempty(g->name_description));
        json_write_string(b, "allocation_algorithm", group_algorithm_to_string(g->algorithm));
        json_write_strv(b, "gpu_types", (const char *const *) g->gpu_types);
}

static int algorithm_from_string(const char *text) {
        return group_algorithm_from_string(text);
}

static int group_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        _cleanup_(strv_freep) char **types = NULL;
        const char *name;
        int algorithm;
        GpuGroup *g;
        int q = 0;

        q = q ?: json_get_string(r, record, "name_label", &name);
        q = q ?: stored_get_word(r, record, "allocation_algorithm", algorithm_from_string, &algorithm);
        q = q ?: json_get_strv(r, record, "gpu_types", &types);
        q = q ?: pool_add_gpu_group(pool, id, key, name, &g);
        if (q < 0)
                return q;

        pool_set_group_algorithm(pool, g, algorithm);
        q = q ?: stored_get_lines(r, record, "name_description", &g->name_description);
        q = q ?: pool_set_group_gpu_types(pool, g, (const char *const *) types);
        return q;
}

const RecordCodec group_codec = {.build = group_build, .create = group_create};
