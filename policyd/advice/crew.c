/*
 * Crews: lifting them, and putting them back
 */

#include "policyd/advice/crew.h"
#include "policyd/pool/pool-internal.h"

int crew_init(Crew *c, const Pool *pool) {
        *c = (Crew){.landings_left = CREW_LANDINGS_MAX};
        return pool_copy(pool, &c->copy);
}

void crew_done(Crew *c) {
        pool_free(c->copy);
        free(c->items);
}

void moves_done(Moves *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->items[i].reason);
        free(m->items);
        *m = (Moves){};
}

static void forget_changes(Pool *pool) {
        for (Object *o = pool_take_changes(pool), *next; o; o = next) {
                next = o->next_changed;
                pool_forget(pool, o);
        }
}

void crew_take_off_vm(Crew *c, Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++)
                vgpu_unplace(c->copy, vm->vgpus.items[i]);
        vm_unplace(c->copy, vm);
}

void crew_take_off(Crew *c) {
        for (size_t i = 0; i < c->n; i++)
                crew_take_off_vm(c, c->items[i].vm);
}

int crew_lift(Crew *c, Vm *vm) {
        Lifted *l;

        for (size_t i = 0; i < c->n; i++)
                if (c->items[i].vm == vm)
                        return 0;
        if (c->n == c->size) {
                size_t size = MAX_OF(2 * c->size, (size_t) 16);
                Lifted *items = realloc(c->items, size * sizeof(Lifted));

                if (!items)
                        return -ENOMEM;
                c->items = items;
                c->size = size;
        }

        l = &c->items[c->n++];
        *l = (Lifted){.vm = vm, .host = vm->resident_on, .counted = vm->memory_counted};
        for (size_t i = 0; i < vm->vgpus.n; i++)
                l->pgpus[i] = ((Vgpu *) vm->vgpus.items[i])->resident_on;
        if (l->counted)
                pool_set_host_memory(
                        c->copy, l->host, l->host->memory_total, l->host->memory_free + vm->memory);
        crew_take_off_vm(c, vm);
        pool_set_vm_power_state(c->copy, vm, POWER_HALTED);
        return 0;
}

int crew_put_back(Crew *c) {
        int r = 0;

        crew_take_off(c);
        for (size_t i = 0; i < c->n && r >= 0; i++) {
                Lifted *l = &c->items[i];

                r = pool_set_vm_resident(c->copy, l->vm, l->host);
                for (size_t j = 0; j < l->vm->vgpus.n && r >= 0; j++)
                        r = pool_set_vgpu_resident(c->copy, l->vm->vgpus.items[j], l->pgpus[j]);
                pool_set_vm_power_state(c->copy, l->vm, POWER_RUNNING);
                l->vm->memory_counted = l->counted;
                if (l->counted)
                        pool_set_host_memory(c->copy, l->host, l->host->memory_total,
                                l->host->memory_free - l->vm->memory);
        }

        c->n = 0;
        forget_changes(c->copy);
        return r;
}
