/*
 * VM groups: made, changed, ended, and who is in them
 *
 * A change of placement or of members moves nothing that runs; the next starts heed it.
 */

#include "policyd/service/objects/policy-private.h"

/* NULL is PLACEMENT_NORMAL. */
static int check_placement(const char *placement_or_null, VmPlacement *ret, Refusal *refusal) {
        *ret = placement_or_null ? placement_from_string(placement_or_null) : PLACEMENT_NORMAL;
        if (*ret != _VM_PLACEMENT_INVALID)
                return 0;
        return refuse(refusal, ERROR_INVALID_RECORD,
                "'%s' is no placement: take anti_affinity, which spreads the VMs of the group over "
                "hosts, or normal.",
                placement_or_null);
}

int vm_group_check_placement(const char *placement_or_null, Refusal *refusal) {
        VmPlacement parsed;

        return check_placement(placement_or_null, &parsed, refusal);
}

int vm_group_add(Policy *p, const Uuid *id_or_null, const char *name_label, const char *name_description,
        const char *placement_or_null, VmGroup **ret, Refusal *refusal) {
        VmPlacement placement;
        VmGroup *g;
        Uuid id;
        int r;

        r = check_label("A VM group", name_label, refusal);
        r = r ?: check_text("A VM group", "name_description", name_description, TEXT_LINES, refusal);
        r = r ?: check_placement(placement_or_null, &placement, refusal);
        r = r ?: check_limit(&p->batch, CLASS_VM_GROUP, 1, refusal);
        r = r ?: batch_choose_uuid(&p->batch, id_or_null, &id);
        r = r ?: pool_add_vm_group(p->batch.pool, &id, 0, name_label, placement, &g);
        if (r != 0)
                return r;
        batch_open(&p->batch);
        if (text_set(&g->name_description, strempty(name_description)) < 0)
                return batch_poison(&p->batch, -ENOMEM);
        *ret = g;
        return 0;
}

int vm_groups_create(Policy *p, const char *name_label, const char *name_description, const char *placement,
        VmGroup **ret, Refusal *refusal) {
        return decided(vm_group_add(p, NULL, name_label, name_description, placement, ret, refusal));
}

int vm_groups_set_name_label(Policy *p, VmGroup *g, const char *name_label, Refusal *refusal) {
        const TextChange change = {&g->name_label, name_label, VM_GROUP_NAME_LABEL};
        int r;

        r = check_label("A VM group", name_label, refusal);
        return decided(r ?: object_set_texts(&p->batch, &g->object, &change, 1));
}

int vm_groups_set_name_description(Policy *p, VmGroup *g, const char *description, Refusal *refusal) {
        const TextChange change = {&g->name_description, description, VM_GROUP_NAME_DESCRIPTION};
        int r;

        r = check_text("A VM group", "name_description", description, TEXT_LINES, refusal);
        return decided(r ?: object_set_texts(&p->batch, &g->object, &change, 1));
}

int vm_groups_set_placement(Policy *p, VmGroup *g, const char *placement, Refusal *refusal) {
        VmPlacement parsed;
        int r;

        r = check_placement(placement, &parsed, refusal);
        if (r != 0 || g->placement == parsed)
                return decided(r);
        pool_set_vm_group_placement(p->batch.pool, g, parsed);
        batch_open(&p->batch);
        return 0;
}

int vm_groups_destroy(Policy *p, VmGroup *g, Refusal *refusal) {
        object_remove(&p->batch, &g->object);
        return 0;
}

int vms_set_groups(Policy *p, Vm *vm, VmGroup *const *groups, size_t n, Refusal *refusal) {
        if (n > 1)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "VM '%s' can be in one VM group, not in %zu: name one, or none.", vm->name_label, n);
        return batch_open_if_changed(
                &p->batch, pool_set_vm_group(p->batch.pool, vm, n > 0 ? groups[0] : NULL));
}
