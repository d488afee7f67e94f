/*
 * Whole GPUs that a VM's config names
 */

#include "policyd/service/operations/config-vgpus.h"

#include "policyd/decide/allocate.h"
#include "policyd/decide/assign.h"
#include "policyd/service/base/additions.h"
#include "policyd/service/base/limits.h"
#include "policyd/words/rules.h"

static Vgpu *find_there(const Vm *vm, const PciAddress *address) {
        for_each(Vgpu, v, &vm->vgpus)
                if (vgpu_is_of_config(v) && pci_address_compare(&v->pinned_pci, address) == 0)
                        return v;
        return NULL;
}

/* Several hosts may have a PGPU at the address. One with room comes first, then one of the group that the VGPU has; then hosts in the order
 * of the pool. */
static Pgpu *find_pgpu(const Pool *pool, const PciAddress *address, const VgpuType *whole, const Vgpu *there) {
        Pgpu *best = NULL;
        int best_rank = -1;

        for_each(Pgpu, p, &pool->objects[CLASS_PGPU]) {
                int rank;

                if (!p->group || pci_address_compare(&p->pci, address) != 0)
                        continue;
                rank = (pgpu_capacity(p, whole) > 0) * 2 + (there && there->group == p->group);
                if (rank > best_rank) {
                        best = p;
                        best_rank = rank;
                }
        }
        return best;
}

size_t config_vgpus_find(const Pool *pool, const Vm *vm, ConfigVgpu *ret, size_t n_max) {
        const VgpuType *whole = pool_type_by_identifier(pool, PASSTHROUGH_IDENTIFIER);
        size_t n = 0;

        for (char **f = vm->functions; whole && f && *f && n < n_max; f++) {
                ConfigVgpu c = {};

                if (pci_address_from_string(*f, &c.address) < 0)
                        continue;
                c.there = find_there(vm, &c.address);
                c.pgpu = find_pgpu(pool, &c.address, whole, c.there);
                if (c.pgpu)
                        ret[n++] = c;
        }
        return n;
}

bool config_vgpu_stands(const ConfigVgpu *c) {
        return c->there && c->there->group == c->pgpu->group;
}

static bool is_named(const Vm *vm, const Vgpu *v) {
        for (char **f = vm->functions; f && *f; f++)
                if (streq(*f, PCI_TEXT(&v->pinned_pci)))
                        return true;
        return false;
}

int vgpu_add_pinned(Batch *b, Vm *vm, const Pgpu *pgpu, VgpuType *type, const char *extra_args, Refusal *refusal) {
        uint32_t device = 0;
        Vgpu *v;
        int r;

        r = check_limit(b, CLASS_VGPU, 1, refusal);
        if (r == 0)
                r = refused(rule_vgpu_create(b->pool, vm, pgpu->group, type, NULL, /* importing= */ true, &device, refusal), refusal);
        r = r ?: vgpu_add(b, vm, pgpu->group, type, device, NULL, extra_args, &v);
        if (r != 0)
                return r;
        v->pinned = true;
        v->pinned_pci = pgpu->pci;
        return 0;
}

static int make(Batch *b, Vm *vm, const ConfigVgpu *c, Refusal *refusal) {
        if (c->there)
                object_remove(b, &c->there->object);
        return vgpu_add_pinned(b, vm, c->pgpu, pool_type_by_identifier(b->pool, PASSTHROUGH_IDENTIFIER), /* extra_args= */ "", refusal);
}

void vm_trial_begin(VmTrial *t, const Vm *vm) {
        *t = (VmTrial){.vm = *vm};
        t->vm.vgpus = (PtrArray){.items = t->vgpus, .n = MIN_OF(vm->vgpus.n, (size_t) DEMAND_VGPUS_MAX)};
        for (size_t i = 0; i < t->vm.vgpus.n; i++)
                t->vgpus[i] = vm->vgpus.items[i];
}

void vm_trial_drop(VmTrial *t, const Vgpu *v) {
        size_t k = 0;

        for (size_t i = 0; i < t->vm.vgpus.n; i++)
                if (t->vgpus[i] != v)
                        t->vgpus[k++] = t->vgpus[i];
        t->n_gone += t->vm.vgpus.n - k;
        t->vm.vgpus.n = k;
}

int vm_trial_add(const Batch *b, VmTrial *t, const Pgpu *pgpu, VgpuType *type, Refusal *refusal) {
        uint32_t device = 0;
        Vgpu *v;
        int r;

        r = refused(rule_vgpu_create(b->pool, &t->vm, pgpu->group, type, NULL, /* importing= */ true, &device, refusal), refusal);
        if (r != 0)
                return r;
        v = &t->made[t->n_made++];
        *v = (Vgpu){.vm = &t->vm, .group = pgpu->group, .type = type, .device = device, .pinned = true, .pinned_pci = pgpu->pci};
        t->vgpus[t->vm.vgpus.n++] = v;
        return 0;
}

int vm_trial_follow_config(const Batch *b, VmTrial *t, Refusal *refusal) {
        ConfigVgpu wanted[DEMAND_VGPUS_MAX];
        size_t n = config_vgpus_find(b->pool, &t->vm, wanted, ARRAY_SIZE(wanted)), n_new = 0;
        int r = 0;

        for (size_t i = t->vm.vgpus.n; i-- > 0;) {
                const Vgpu *v = t->vgpus[i];

                if (vgpu_is_of_config(v) && !is_named(&t->vm, v))
                        vm_trial_drop(t, v);
        }
        for (size_t i = 0; i < n; i++)
                n_new += !wanted[i].there;
        if (t->vm.vgpus.n + n_new > VGPU_DEVICE_MAX + 1)
                return refuse(refusal, ERROR_VM_PCI_BUS_FULL,
                        "The config of VM '%s' names %zu PGPUs, which are VGPUs as well, and with its other VGPUs it would have more than "
                        "%d. Take some out.",
                        t->vm.name_label, n, VGPU_DEVICE_MAX + 1);
        for (size_t i = 0; i < n && r == 0; i++) {
                if (config_vgpu_stands(&wanted[i]))
                        continue;
                if (wanted[i].there)
                        vm_trial_drop(t, wanted[i].there);
                r = vm_trial_add(b, t, wanted[i].pgpu, pool_type_by_identifier(b->pool, PASSTHROUGH_IDENTIFIER), refusal);
        }
        return r != 0 || t->n_made <= t->n_gone ? r : check_limit(b, CLASS_VGPU, t->n_made - t->n_gone, refusal);
}

int config_vgpus_ensure(Batch *b, Vm *vm, Refusal *refusal) {
        ConfigVgpu wanted[DEMAND_VGPUS_MAX];
        size_t n = config_vgpus_find(b->pool, vm, wanted, ARRAY_SIZE(wanted));
        bool changed = false;
        VmTrial trial;
        int r;

        vm_trial_begin(&trial, vm);
        r = vm_trial_follow_config(b, &trial, refusal);
        if (r != 0)
                return r;
        for (size_t i = vm->vgpus.n; i-- > 0;) {
                Vgpu *v = vm->vgpus.items[i];

                if (!vgpu_is_of_config(v) || is_named(vm, v))
                        continue;
                object_remove(b, &v->object);
                changed = true;
        }
        for (size_t i = 0; i < n && r == 0; i++)
                if (!config_vgpu_stands(&wanted[i])) {
                        r = make(b, vm, &wanted[i], refusal);
                        changed = true;
                }
        return r != 0 || !changed ? r : vm_needs_update(b, vm, refusal);
}
