/*
 * Where VMs and VGPUs stand, and what reservations hold
 *
 * A VGPU points to at most two PGPUs: where it is scheduled and where it is resident. It stands once in the
 * list of each, and its size counts once; the step from scheduled to resident on one PGPU therefore never
 * changes what is used. VMs and hosts are linked the same way.
 */

#include "policyd/core/host-index.h"

void pgpu_recount(Pgpu *p) {
        p->used = 0;

        for (size_t i = 0; i < p->vgpus.n; i++)
                p->used += ((Vgpu *) p->vgpus.items[i])->type->size;
        for (size_t i = 0; i < p->holds.n; i++)
                p->used += ((Reservation *) p->holds.items[i])->type->size;
}

/* Moves one of the VGPU's two references; other is the one that stays. */
static int vgpu_move(Pool *pool, Vgpu *v, Pgpu **field, const Pgpu *other, Pgpu *to) {
        bool stood = *field || other, stands = to || other;
        Pgpu *from = *field;
        int r;

        if (to && to != other) {
                r = ptr_array_add(&to->vgpus, v);
                if (r < 0)
                        return r;
                pgpu_recount(to);
                host_index_mark(pool, to->host);
        }

        if (from && from != other) {
                ptr_array_remove(&from->vgpus, v);
                pgpu_recount(from);
                host_index_mark(pool, from->host);
        }

        *field = to;
        if (stood != stands)
                owner_count(pool, v->vm->owned_by, v->group, stands ? 1 : -1,
                        stands ? type_units(v->type) : -(int64_t) type_units(v->type));
        return 0;
}

int pool_set_vgpu_scheduled(Pool *pool, Vgpu *v, Pgpu *pgpu) {
        Pgpu *old = v->scheduled_on;
        int r;

        if (old == pgpu)
                return 0;

        r = vgpu_move(pool, v, &v->scheduled_on, v->resident_on, pgpu);
        if (r < 0)
                return r;

        object_note(pool, &v->object, VGPU_SCHEDULED, /* store= */ true);
        if (old)
                object_note(pool, &old->object, PGPU_SCHEDULED_VGPUS, /* store= */ false);
        if (pgpu)
                object_note(pool, &pgpu->object, PGPU_SCHEDULED_VGPUS, /* store= */ false);
        return 0;
}

int pool_set_vgpu_resident(Pool *pool, Vgpu *v, Pgpu *pgpu) {
        Pgpu *old = v->resident_on;
        int r;

        if (old == pgpu)
                return 0;

        r = vgpu_move(pool, v, &v->resident_on, v->scheduled_on, pgpu);
        if (r < 0)
                return r;

        object_note(pool, &v->object, VGPU_RESIDENT_ON, /* store= */ true);
        if (old)
                object_note(pool, &old->object, PGPU_RESIDENT_VGPUS, /* store= */ false);
        if (pgpu)
                object_note(pool, &pgpu->object, PGPU_RESIDENT_VGPUS, /* store= */ false);
        return 0;
}

void vgpu_unplace(Pool *pool, Vgpu *v) {
        /* Clearing takes no memory. */
        (void) pool_set_vgpu_scheduled(pool, v, NULL);
        (void) pool_set_vgpu_resident(pool, v, NULL);
}

void pool_set_vgpu_attached(Pool *pool, Vgpu *v, bool attached) {
        if (v->currently_attached == attached)
                return;

        v->currently_attached = attached;
        object_note(pool, &v->object, VGPU_ATTACHED, /* store= */ true);
}

static int vm_move(Pool *pool, Vm *vm, Host **field, const Host *other, Host *to, uint64_t property) {
        Host *from = *field;
        int r;

        if (from == to)
                return 0;

        if (to && to != other) {
                r = ptr_array_add(&to->vms, vm);
                if (r < 0)
                        return r;
        }

        if (from && from != other)
                ptr_array_remove(&from->vms, vm);

        *field = to;
        /* What a host's report counts is this run's memory, on that host. */
        if (!vm->scheduled_on && !vm->resident_on)
                vm->memory_counted = false;
        object_note(pool, &vm->object, property, /* store= */ true);
        if (from)
                host_index_mark(pool, from);
        if (to)
                host_index_mark(pool, to);
        return 0;
}

int pool_set_vm_scheduled(Pool *pool, Vm *vm, Host *host) {
        return vm_move(pool, vm, &vm->scheduled_on, vm->resident_on, host, VM_SCHEDULED);
}

int pool_set_vm_resident(Pool *pool, Vm *vm, Host *host) {
        return vm_move(pool, vm, &vm->resident_on, vm->scheduled_on, host, VM_RESIDENT_ON);
}

void vm_unplace(Pool *pool, Vm *vm) {
        (void) pool_set_vm_scheduled(pool, vm, NULL);
        (void) pool_set_vm_resident(pool, vm, NULL);
}

void pool_set_vm_power_state(Pool *pool, Vm *vm, PowerState s) {
        if (vm->power_state == s)
                return;

        vm->power_state = s;
        object_note(pool, &vm->object, VM_POWER_STATE, /* store= */ true);
}

void pool_set_vm_booking(Pool *pool, Vm *vm, BookingState s, const Uuid *token) {
        Uuid new_token = token ? *token : s == BOOKING_NONE ? UUID_NULL : vm->token;
        Reservation *reservation = s == BOOKING_RESIDENT || s == BOOKING_NONE ? NULL : vm->reservation;

        if (vm->booking == s && uuid_equal(&vm->token, &new_token) && vm->reservation == reservation)
                return;

        vm->booking = s;
        vm->token = new_token;
        vm->reservation = reservation;
        object_note(pool, &vm->object, 0, /* store= */ true);
}

int pool_hold(Pool *pool, Reservation *r, Pgpu *pgpu) {
        if (ptr_array_reserve(&r->holds, 1) < 0 || ptr_array_reserve(&pgpu->holds, 1) < 0)
                return -ENOMEM;

        ptr_array_add(&r->holds, pgpu);
        ptr_array_add(&pgpu->holds, r);
        pgpu_recount(pgpu);
        host_index_mark(pool, pgpu->host);
        owner_count(pool, r->owned_by, r->group, 1, type_units(r->type));
        object_note(pool, &r->object, RESERVATION_REMAINING, /* store= */ true);
        object_note(pool, &pgpu->object, PGPU_RESERVATIONS, /* store= */ false);
        return 0;
}

void pool_unhold(Pool *pool, Reservation *r, Pgpu *pgpu) {
        if (!ptr_array_remove(&r->holds, pgpu))
                return;

        ptr_array_remove(&pgpu->holds, r);
        pgpu_recount(pgpu);
        host_index_mark(pool, pgpu->host);
        owner_count(pool, r->owned_by, r->group, -1, -(int64_t) type_units(r->type));
        object_note(pool, &r->object, RESERVATION_REMAINING, /* store= */ true);
        object_note(pool, &pgpu->object, PGPU_RESERVATIONS, /* store= */ false);
}

int pool_set_vm_group(Pool *pool, Vm *vm, VmGroup *group) {
        VmGroup *from = vm->group;
        int r;

        if (from == group)
                return 0;

        if (group) {
                r = ptr_array_add(&group->vms, vm);
                if (r < 0)
                        return r;
                object_note(pool, &group->object, VM_GROUP_VMS, /* store= */ false);
        }
        if (from) {
                ptr_array_remove(&from->vms, vm);
                object_note(pool, &from->object, VM_GROUP_VMS, /* store= */ false);
        }

        vm->group = group;
        object_note(pool, &vm->object, VM_GROUPS, /* store= */ true);
        return 0;
}

bool vm_spreads(const Vm *vm) {
        return vm->group && vm->group->placement == PLACEMENT_ANTI_AFFINITY;
}

size_t vm_group_members_on(const Vm *vm, const Host *h) {
        size_t n = 0;

        if (!vm_spreads(vm))
                return 0;

        for (size_t i = 0; i < h->vms.n; i++) {
                const Vm *other = h->vms.items[i];

                n += other->group == vm->group && other != vm;
        }

        return n;
}
