#pragma once

/*
 * The 6.x platform form: a VM whose platform names a PGPU and a config file
 */

#include "policyd/service/base/batch.h"

int platform_vgpu_ensure(Batch *b, Vm *vm, bool starting, Refusal *refusal);

/* A VM as a start would see it: itself, or a copy with the VGPU of its platform form, of which the pool knows
 * nothing. */
typedef struct VmPreview {
        Vm vm;
        Vgpu vgpu;
        void *vgpus[1];
} VmPreview;
int platform_vgpu_preview(const Batch *b, const Vm *vm, VmPreview *preview, const Vm **ret, Refusal *refusal);
void vm_preview_done(VmPreview *v);
#define _cleanup_vm_preview_ _cleanup_(vm_preview_done)
