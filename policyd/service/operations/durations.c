/*
 * How long jobs take, learned from those that are done
 *
 * A start takes as long as those of VMs with the same type of VGPU: a type's emulator and the framebuffer that it clears are what makes
 * starts differ. One number for each type and for each kind of operation is all that is kept.
 */

#include "policyd/service/operations/operations.h"

static uint64_t mean(uint64_t before, uint64_t usec) {
        return before == 0 ? usec : before / 4 * 3 + usec / 4;
}

/* Of a start: the type of its VM's first VGPU; else NULL. */
static VgpuType *type_of(const Operations *ops, const Job *j) {
        const Vm *vm = j->n_objects > 0 && j->objects[0].class == CLASS_VM
                               ? pool_get(ops->batch->pool, CLASS_VM, &j->objects[0].id) : NULL;

        if (!vm || vm->vgpus.n == 0 || operation_kind_from_string(j->operation) != OPERATION_START)
                return NULL;
        return ((const Vgpu *) vm->vgpus.items[0])->type;
}

void durations_forget(Operations *ops) {
        memset(ops->usec, 0, sizeof(ops->usec));
        for_each(VgpuType, t, &ops->batch->pool->objects[CLASS_VGPU_TYPE])
                t->start_usec = 0;
}

void durations_learn(Operations *ops, const Job *j) {
        OperationKind kind = operation_kind_from_string(j->operation);
        VgpuType *type = type_of(ops, j);
        uint64_t usec;

        /* The clock may have been set back meanwhile. */
        if (kind < 0 || j->state != JOB_DONE || j->end_time <= j->start_time)
                return;
        usec = j->end_time - j->start_time;
        ops->usec[kind] = mean(ops->usec[kind], usec);
        if (type)
                type->start_usec = mean(type->start_usec, usec);
}

uint64_t durations_expect(const Operations *ops, const Job *j) {
        OperationKind kind = operation_kind_from_string(j->operation);
        const VgpuType *type = type_of(ops, j);
        uint64_t usec = type && type->start_usec > 0 ? type->start_usec : kind >= 0 ? ops->usec[kind] : 0;

        return usec > 0 ? j->start_time + usec : 0;
}
