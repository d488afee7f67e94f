/*
 * VM groups: made, changed, ended, and who is in them
 *
 * A change of placement or of members moves nothing that runs; the next starts heed it.
 */

#include "policyd/service/objects/policy-private.h"

static int check_placement(const char *placement, VmPlacement *ret, Refusal *refusal) {
        VmPlacement p = placement_from_string(placement);

        if (p == _VM_PLACEMENT_INVALID)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "'%s' is no placement: take anti_affinity, which spreads the VMs of the group over "
                        "hosts, or normal.",
                        placement);
        *ret = p;
        return 0;
}

int vm_group_check_placement(const char *placement, Refusal *refusal) {
        VmPlacement parsed;

        return placement ? check_placement(placement, &parsed, refusal) : 0;
}

int vm_group_add(Policy *p, const Uuid *id_or_null, const char *name_label, const char *name_description,
        const char *placement, VmGroup **ret, Refusal *refusal) {
        VmPlacement parsed = PLACEMENT_NORMAL;
        VmGroup *g;
        Uuid id;
        int r = 0;

        r = check_label("A VM group", name_label, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_text("A VM group", "name_description", name_description, TEXT_LINES, refusal);
        if (r == 0 && refusal->code == ERROR_NONE && placement)
                r = check_placement(placement, &parsed, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_limit(&p->batch, CLASS_VM_GROUP, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;

        if (id_or_null && !uuid_is_null(id_or_null))
                id = *id_or_null;
        else
                r = batch_new_uuid(&p->batch, &id);
        r = r ?: pool_add_vm_group(p->batch.pool, &id, 0, name_label, parsed, &g);
        if (r < 0)
                return r;
        batch_open(&p->batch);
        if (text_set(&g->name_description, strempty(name_description)) < 0)
                return batch_poison(&p->batch, -ENOMEM);
        *ret = g;
        return 0;
}

int vm_groups_create(Policy *p, const char *name_label, const char *name_description, const char *placement,
        VmGroup **ret, Refusal *refusal) {
        return vm_group_add(p, NULL, name_label, name_description, placement, ret, refusal);
}

static int set_text(Policy *p, VmGroup *g, char **field, const char *text, uint64_t property) {
        int r;

        r = text_set(field, text);
        if (r > 0) {
                pool_touch(p->batch.pool, &g->object, property, /* store= */ true);
                batch_open(&p->batch);
        }
        return r < 0 ? r : 0;
}

int vm_groups_set_name_label(Policy *p, VmGroup *g, const char *name_label, Refusal *refusal) {
        int r;

        r = check_label("A VM group", name_label, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        return set_text(p, g, &g->name_label, name_label, VM_GROUP_NAME_LABEL);
}

int vm_groups_set_name_description(Policy *p, VmGroup *g, const char *description, Refusal *refusal) {
        int r;

        r = check_text("A VM group", "name_description", description, TEXT_LINES, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        return set_text(p, g, &g->name_description, description, VM_GROUP_NAME_DESCRIPTION);
}

int vm_groups_set_placement(Policy *p, VmGroup *g, const char *placement, Refusal *refusal) {
        VmPlacement parsed = g->placement;
        int r;

        r = check_placement(placement, &parsed, refusal);
        if (r < 0 || refusal->code != ERROR_NONE || g->placement == parsed)
                return r;
        pool_set_vm_group_placement(p->batch.pool, g, parsed);
        batch_open(&p->batch);
        return 0;
}

int vm_groups_destroy(Policy *p, VmGroup *g, Refusal *refusal) {
        pool_remove(p->batch.pool, &g->object);
        batch_open(&p->batch);
        return 0;
}

int vms_set_groups(Policy *p, Vm *vm, VmGroup *const *groups, size_t n, Refusal *refusal) {
        int r;

        if (n > 1)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "VM '%s' can be in one VM group, not in %zu: name one, or none.", vm->name_label, n);
        r = pool_set_vm_group(p->batch.pool, vm, n > 0 ? groups[0] : NULL);
        if (r == 0 && pool_has_changes(p->batch.pool))
                batch_open(&p->batch);
        return r;
}
