/*
 * Relocations: taking VMs, and putting them back
 */

#include "policyd/advice/relocation.h"
#include "policyd/pool/pool-internal.h"

void relocation_init(Relocation *r, Pool *pool) {
        *r = (Relocation){.pool = pool, .starts_left = RELOCATION_STARTS_MAX};
        pool->simulated = true;
}

void relocation_done(Relocation *r) {
        (void) relocation_undo(r); /* lists have kept the room that they had */
        r->pool->simulated = false;
        free(r->items);
}

void moves_done(Moves *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->items[i].reason);
        free(m->items);
        *m = (Moves){};
}

void relocation_unplace_vm(Relocation *r, Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++)
                vgpu_unplace(r->pool, vm->vgpus.items[i]);
        vm_unplace(r->pool, vm);
}

void relocation_unplace(Relocation *r) {
        for (size_t i = 0; i < r->n; i++)
                relocation_unplace_vm(r, r->items[i].vm);
}

/* For VMs that the host's report of free memory counts already. */
static void add_free_memory(Pool *pool, Host *h, int64_t bytes) {
        pool_set_host_memory(pool, h, h->memory_total, h->memory_free + (uint64_t) bytes);
}

int relocation_take(Relocation *r, Vm *vm) {
        MovedVm *m;

        for (size_t i = 0; i < r->n; i++)
                if (r->items[i].vm == vm)
                        return 0;
        if (r->n == r->size) {
                size_t size = MAX_OF(2 * r->size, (size_t) 16);
                MovedVm *items = realloc(r->items, size * sizeof(MovedVm));

                if (!items)
                        return -ENOMEM;
                r->items = items;
                r->size = size;
        }

        m = &r->items[r->n++];
        *m = (MovedVm){.vm = vm,
                .resident_on = vm->resident_on,
                .scheduled_on = vm->scheduled_on,
                .power_state = vm->power_state,
                .counted = vm->memory_counted};
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];

                m->functions[i] = take_ptr(v->function);
                m->pgpus[i] = v->resident_on;
                m->scheduled_pgpus[i] = v->scheduled_on;
                m->used_hold[i] = v->used_hold;
        }
        if (m->counted)
                add_free_memory(r->pool, m->resident_on, (int64_t) vm->memory);
        relocation_unplace_vm(r, vm);
        pool_set_vm_power_state(r->pool, vm, POWER_HALTED);
        return 0;
}

static int put_back(Pool *pool, const MovedVm *m) {
        Vm *vm = m->vm;
        int error;

        error = pool_set_vm_resident(pool, vm, m->resident_on);
        if (error >= 0)
                error = pool_set_vm_scheduled(pool, vm, m->scheduled_on);
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];

                v->used_hold = m->used_hold[i];
                if (error >= 0)
                        error = pool_set_vgpu_resident(pool, v, m->pgpus[i]);
                if (error >= 0)
                        error = pool_set_vgpu_scheduled(pool, v, m->scheduled_pgpus[i]);
                /* Not that of its PGPU: it may be a virtual one. */
                free(v->function);
                v->function = m->functions[i];
        }
        pool_set_vm_power_state(pool, vm, m->power_state);
        vm->memory_counted = m->counted;
        if (m->counted)
                add_free_memory(pool, m->resident_on, -(int64_t) vm->memory);
        return error;
}

int relocation_undo(Relocation *r) {
        int error = 0;

        relocation_unplace(r);
        for (size_t i = 0; i < r->n && error >= 0; i++)
                error = put_back(r->pool, &r->items[i]);
        r->n = 0;
        return error;
}
