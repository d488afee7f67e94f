/*
 * VM groups on disk
 *
 * Members are found from the other side: VMs name their group.
 */

#include "policyd/store/records.h"

static void vm_group_build(const Object *o, StrBuf *b) {
        const VmGroup *g = CONTAINER_OF(o, VmGroup, object);

        json_write_string(b, "name_label", g->name_label);
        json_write_string(b, "name_description", strempty(g->name_description));
        json_write_string(b, "placement", placement_to_string(g->placement));
}

static int from_string(const char *text) {
        return placement_from_string(text);
}

static int vm_group_create(
        Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        const char *name;
        int placement;
        VmGroup *g;
        int q = 0;

        q = q ?: json_get_string(r, record, "name_label", &name);
        q = q ?: stored_get_word(r, record, "placement", from_string, &placement);
        q = q ?: pool_add_vm_group(pool, id, key, name, (VmPlacement) placement, &g);
        return q ?: stored_get_lines(r, record, "name_description", &g->name_description);
}

const RecordCodec vm_group_codec = {.build = vm_group_build, .create = vm_group_create};
