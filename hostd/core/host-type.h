#pragma once

/*
 * A VGPU type as a host knows it
 *
 * Made from one entry of a type file for one card model. The identifier is the type's key everywhere
 * (XenServer's xapi_vgpu_type.ml): a four-digit decimal version, a colon, then
 *
 *   passthrough
 *   nvidia,<pdev>,<psubdev or empty>,<vdev>,<vsubdev>
 *   gvt-g,<pdev>,<low>,<high>,<fence>
 *   mxgpu,<pdev>,<framebuffer bytes>
 *   sriov,<vendor>,<pdev>,<psubdev or empty>,<functions>,<framebuffer bytes>,<quantum>,<timeout>,<priority or empty>
 *
 * all hex in lower case, PCI ids as four digits. Class, type_id and instance counts are not part of it.
 */

#include "hostd/core/sriov-types.h"
#include "protocol/vgpu-implementation.h"

typedef struct HostType {
        VgpuImplementation implementation;
        char *identifier;
        char *vendor_name, *model_name; /* model_name is never empty */
        uint64_t framebuffer_size;      /* bytes */
        uint32_t max_heads, max_x, max_y;
        uint32_t instances; /* on one empty PGPU; passthrough 1 */
        uint32_t size;      /* PGPU_SIZE / instances; passthrough 0 */
        bool experimental;
        bool self_compatible_in_vm;           /* several of this type in one VM */
        bool self_compatible_on_pgpu;         /* all but passthrough: homogeneous, a type lists only itself */
        char *type_id, *vclass, *config_file; /* NVIDIA; NULL when absent */
        uint64_t low_gm_sz, high_gm_sz, fence_sz; /* GVT-g: MiB, MiB, count */
        uint64_t vgpus_per_pgpu;                  /* MxGPU; SR-IOV: virtual functions */
        uint64_t exec_quantum_ms, preempt_timeout_us; /* SR-IOV; 0: the driver's */
        const char *priority;                         /* SR-IOV: "low", "normal", "high"; NULL or "": the driver's */
} HostType;

/* The identifiers. The caller frees; NULL without memory. psubdev NULL is any card. */
char *host_type_identifier_nvidia(uint16_t pdev, const uint16_t *psubdev, uint16_t vdev, uint16_t vsubdev);
char *host_type_identifier_gvt_g(uint16_t pdev, uint64_t low, uint64_t high, uint64_t fence);
char *host_type_identifier_mxgpu(uint16_t pdev, uint64_t framebuffer_bytes);
char *host_type_identifier_sriov(const SriovType *t);

/* The one type that every PGPU may have. */
int host_type_make_passthrough(HostType *ret);
/* The driver of dom0 that runs VGPUs of such types. NULL: passthrough, which needs none. */
const char *host_type_driver(VgpuImplementation implementation);
/* 0 for 0 instances, and for more than a PGPU has units. */
uint32_t host_type_size(uint32_t instances);
void host_type_done(HostType *t);
HostType *host_types_free(HostType *types, size_t n);

const HostType *host_type_find(const HostType *types, size_t n, const char *identifier);

/* Types that a host lists and no PGPU of it supports: see NVIDIA_SRIOV_REASON. */
static inline _unused_ bool host_type_is_usable(const HostType *t) {
        return t->implementation != TYPE_NVIDIA_SRIOV;
}

/* True when a VGPU of type b may run on a PGPU where one of type a runs: a's list decides. */
bool host_type_allows_beside(const HostType *a, const HostType *b);
