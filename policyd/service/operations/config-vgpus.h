#pragma once

/*
 * Whole GPUs that a VM's config names: pcidevs, or pci= in xl's form
 *
 * A function of pcidevs at whose address a host of the pool has a PGPU is a passthrough VGPU, pinned to that address. So it is booked,
 * counted, listed and explained as any other, and the config may name it whatever the hosts' allowed_config_keys say. Which functions
 * are PGPUs is known once their host was heard, so it is asked when the config is set and again at each start.
 */

#include "policyd/decide/assign.h"
#include "policyd/service/base/batch.h"

/* Where the VGPU of one function is wanted, and the VGPU that is there already; NULL: none. */
typedef struct ConfigVgpu {
        PciAddress address;
        Pgpu *pgpu;
        Vgpu *there;
} ConfigVgpu;

/* At the lowest device that is free; it may go to PGPUs at this address only. */
int vgpu_add_pinned(Batch *b, Vm *vm, const Pgpu *pgpu, VgpuType *type, const char *extra_args, Refusal *refusal);
/* One for each function that is a PGPU, at most n_max. */
size_t config_vgpus_find(const Pool *pool, const Vm *vm, ConfigVgpu *ret, size_t n_max);
/* Whether the VGPU is as it should be. */
bool config_vgpu_stands(const ConfigVgpu *c);
/*
 * A change of a VM's VGPUs, tried on a copy: what would refuse it refuses here, and nothing is changed. The copy borrows all from the VM
 * but the list of its VGPUs.
 */
typedef struct VmTrial {
        Vm vm;
        Vgpu made[DEMAND_VGPUS_MAX];
        void *vgpus[2 * DEMAND_VGPUS_MAX];
        size_t n_made, n_gone;
} VmTrial;

void vm_trial_begin(VmTrial *t, const Vm *vm);
void vm_trial_drop(VmTrial *t, const Vgpu *v);
int vm_trial_add(const Batch *b, VmTrial *t, const Pgpu *pgpu, VgpuType *type, Refusal *refusal);
/* What config_vgpus_ensure() would do then, and whether the pool has room for all of it. */
int vm_trial_follow_config(const Batch *b, VmTrial *t, Refusal *refusal);

/* Makes those that are missing, and takes away those that the config does not name any more; refused, it changes nothing. */
int config_vgpus_ensure(Batch *b, Vm *vm, Refusal *refusal);
