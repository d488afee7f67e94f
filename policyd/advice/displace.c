/*
 * VMs that could make room for other VMs that are moved
 *
 * A PGPU that runs another type becomes usable when all VMs of that type have left. A full PGPU, or one that several of
 * the moved VMs may want, becomes usable when any one VM has left; so does a host that lacks memory for all of them.
 */

#include "policyd/advice/displace.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"

bool vm_is_settled(const Vm *vm) {
        if (vm->power_state != POWER_RUNNING || !vm->resident_on || vm->scheduled_on)
                return false;

        for_each(const Vgpu, v, &vm->vgpus)
                if (!v->resident_on || v->resident_on->host != vm->resident_on || v->scheduled_on)
                        return false;
        return true;
}

bool displaced_add(Displaced *d, Vm *vm) {
        size_t at = d->n;

        while (at > 0 && d->vms[at - 1]->object.key > vm->object.key)
                at--;
        if (at > 0 && d->vms[at - 1] == vm)
                return true;
        if (d->n == DISPLACED_MAX)
                return false;
        memmove(&d->vms[at + 1], &d->vms[at], (d->n - at) * sizeof(Vm *));
        d->vms[at] = vm;
        d->n++;
        return true;
}

/* Held instances and VMs outside the pool stay, and keep other types away. */
static bool pgpu_may_open(const Pgpu *p, const VgpuType *t) {
        if (!host_is_usable(p->host) || !p->present || !pgpu_offers(p, t))
                return false;

        for (size_t i = 0; i < p->holds.n; i++)
                if (!type_may_join(((const Reservation *) p->holds.items[i])->type, t))
                        return false;
        for (size_t i = 0; i < p->n_outsiders; i++)
                if (!type_may_join(p->outsiders[i].type, t))
                        return false;
        return true;
}

static int find_one(Vm *vm, DisplacedFn found, void *userdata) {
        Displaced one = {};

        if (!vm_is_settled(vm))
                return 0;
        displaced_add(&one, vm);
        return found(&one, userdata);
}

/* The set of all VMs that do not admit the type; if there are none, each VM as a set of its own. */
static int displaced_from_pgpu(const Pgpu *p, const VgpuType *t, DisplacedFn found, void *userdata) {
        Displaced all = {};
        int r = 0;

        for_each(const Vgpu, v, &p->vgpus) {
                if (type_may_join(v->type, t))
                        continue;
                if (!vm_is_settled(v->vm))
                        return 0;
                if (!displaced_add(&all, v->vm))
                        return found(&(Displaced){}, userdata);
        }
        if (all.n > 0)
                return found(&all, userdata);

        for (size_t i = 0; i < p->vgpus.n && r == 0; i++)
                r = find_one(((const Vgpu *) p->vgpus.items[i])->vm, found, userdata);
        return r;
}

static uint64_t relocation_memory(const Relocation *c) {
        uint64_t sum = 0;

        for (size_t i = 0; i < c->n; i++)
                sum += c->items[i].vm->memory;
        return sum;
}

static int displaced_from_host(const Relocation *c, const Host *h, DisplacedFn found, void *userdata) {
        int r = 0;

        if (host_memory_available(h) >= relocation_memory(c))
                return 0;
        for (size_t i = 0; i < h->vms.n && r == 0; i++)
                r = find_one(h->vms.items[i], found, userdata);
        return r;
}

/* The sets for every PGPU that the VGPU could have; and for their hosts, if it is the VM's first VGPU. */
static int displaced_for_vgpu(
        const Relocation *c, const Vgpu *v, bool is_first, DisplacedFn found, void *userdata) {
        const Host *last = NULL;
        int r = 0;

        for_each_while(r == 0, const Pgpu, p, &v->group->pgpus) {
                if (!pgpu_may_open(p, v->type))
                        continue;
                r = displaced_from_pgpu(p, v->type, found, userdata);
                if (r == 0 && is_first && p->host != last)
                        r = displaced_from_host(c, p->host, found, userdata);
                last = p->host;
        }
        return r;
}

int displaced_for(const Relocation *c, const Vm *vm, DisplacedFn found, void *userdata) {
        const PtrArray *hosts = &c->pool->objects[CLASS_HOST];
        int r = 0;

        for (size_t i = 0; i < vm->vgpus.n && r == 0; i++)
                r = displaced_for_vgpu(c, vm->vgpus.items[i], i == 0, found, userdata);
        for (size_t i = 0; i < hosts->n && r == 0 && vm->vgpus.n == 0; i++)
                if (host_is_usable(hosts->items[i]))
                        r = displaced_from_host(c, hosts->items[i], found, userdata);
        return r;
}
