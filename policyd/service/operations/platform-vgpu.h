#pragma once

/*
 * VGPUs that follow from a VM's record: the 6.x platform form (a platform that names a PGPU and a config file), and whole GPUs that its
 * config names (config-vgpus.h)
 */

#include "policyd/decide/assign.h"
#include "policyd/service/base/batch.h"

/* Whether that would do, with another platform and without that VGPU: what could refuse it, and nothing is changed. */
int platform_vgpu_try(const Batch *b, const Vm *vm, const char *platform, const Vgpu *without_or_null, Refusal *refusal);
int platform_vgpu_ensure(Batch *b, Vm *vm, bool starting, Refusal *refusal);

/* A VM as a start would see it: itself, or a copy with VGPUs of which the pool knows nothing. */
typedef struct VmPreview {
        Vm vm;
        Vgpu made[DEMAND_VGPUS_MAX];
        void *vgpus[2 * DEMAND_VGPUS_MAX];
} VmPreview;
int platform_vgpu_preview(const Batch *b, const Vm *vm, VmPreview *preview, const Vm **ret, Refusal *refusal);
void vm_preview_done(VmPreview *v);
#define _cleanup_vm_preview_ _cleanup_(vm_preview_done)
