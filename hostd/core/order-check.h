#pragma once

/*
 * The last guard against double booking: may this order start here?
 *
 * policyd has decided already; hostd checks again what only the host knows for sure, in plain structs, and
 * refuses with the same error codes. Checks in order: several devices with one number, known PGPU that
 * answers, VGPU implementation to type, supported, enabled, running types, capacity with what the same order
 * put there before, passthrough alone on PGPU and function; then GVT-g and MxGPU alone in their VM, HVM,
 * IOMMU, target memory = max memory for passthrough, memory against what is free.
 */

#include "common/base/uuid.h"
#include "protocol/refusal.h"
#include "hostd/core/pgpu.h"

typedef struct OrderGpu {
        VgpuImplementation kind;           /* NVIDIA for each of its ways */
        const char *device;                /* "0"; NULL for TYPE_PASSTHROUGH */
        PciAddress address;                /* physical_pci_address */
        const char *config_file, *type_id; /* NVIDIA: either may be NULL; config_file takes precedence */
        uint64_t low_gm_sz, high_gm_sz, fence_sz;
        uint64_t framebufferbytes;                 /* MxGPU */
        uint64_t vgpus_per_pgpu;                   /* MxGPU, SR-IOV */
        const char *identifier;                    /* SR-IOV */
} OrderGpu;

typedef struct OrderRequest {
        Uuid vm;
        const char *name_label;
        bool hvm;
        uint64_t memory;                    /* need, bytes */
        uint64_t target_memory, max_memory; /* as configured, bytes */
        const OrderGpu *gpus;
        size_t n_gpus;
        const char *const *functions; /* PCI functions that its config passes through; NULL-terminated, or NULL */
} OrderRequest;

/* What is on a PGPU, resident or being started. The type may have left the files meanwhile. */
typedef struct Occupant {
        Uuid vm;
        PciAddress pgpu;
        const char *identifier;
        uint32_t size; /* of its type when it started; passthrough 0 */
} Occupant;

typedef struct HostView {
        const Pgpu *pgpus; /* with supported and enabled filled */
        size_t n_pgpus;
        const HostType *types;
        size_t n_types;
        const Occupant *occupants;
        size_t n_occupants;
        const char *const *taken; /* PCI functions that the configs of other VMs here pass through; the same */
        bool hvm, iommu;
        uint64_t memory_free; /* bytes; not yet taken by what is being started */
} HostView;

/*
 * 0 and ret->code ERROR_NONE: start it; ret_types (n_gpus entries, may be NULL) gets the type of each,
 * passthrough's for the address of a PGPU, NULL for a companion function. 0 and a code: refused. -ENOMEM.
 */
int order_check(const HostView *view, const OrderRequest *request, const HostType **ret_types, Refusal *ret);

/* The type that a VGPU record means on this PGPU, or NULL. */
const HostType *order_gpu_find_type(const HostView *view, const Pgpu *p, const OrderGpu *gpu);
