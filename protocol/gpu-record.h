#pragma once

/*
 * VGPU and PCI records, in xenopsd's shape
 *
 *   {"id":["<vm uuid>","0"],"position":0,"physical_pci_address":{…},
 *    "implementation":["Nvidia",{"virtual_pci_address":{…},"type_id":"11","config_file":"…","uuid":"…",
 *                                "vclass":"NVS","extra_args":""}]}
 *
 * Rules of reading, from rpclib as xenopsd uses it: member and variant names in any case, unknown members
 * ignored, an absent option is an absent member. Stricter than xenopsd on purpose: a required member that is missing,
 * or any member of the wrong type, is an error with its path; xenopsd would fall back to defaults.
 * Defaults: position 0, extra_args "", virtual_pci_address 0000:00:0b.0 (device 0).
 */

#include "common/base/words.h"
#include "common/json/json-get.h"
#include "common/json/json-write.h"

typedef struct RecordTable RecordTable; /* protocol/record.h */

#define NVIDIA_FIRST_SLOT_IN_GUEST 11
#define VGPU_DEVICE_MAX 20 /* devices are 0..20 */

#define VGPU_KINDS(W) W(VGPU_KIND_NVIDIA, "Nvidia") W(VGPU_KIND_GVT_G, "GVT_g") W(VGPU_KIND_MXGPU, "MxGPU") W(VGPU_KIND_SRIOV, "SRIOV")
DEFINE_ENUM(VgpuKind, VGPU_KIND, VGPU_KINDS);

typedef struct VgpuRecord {
        Uuid vm;
        char *device;      /* "0" */
        uint32_t position;
        PciAddress physical_pci_address;
        PciAddress *virtual_pci_address; /* SR-IOV, MxGPU: the virtual function; NULL when absent */
        VgpuKind kind;
        struct {
                PciAddress virtual_pci_address; /* slot in the guest */
                char *type_id, *config_file, *vclass; /* NULL when absent */
                Uuid uuid;                            /* null when absent */
                char *extra_args;                     /* never NULL */
        } nvidia;
        struct {
                uint64_t low_gm_sz, high_gm_sz, fence_sz; /* MiB, MiB, count */
        } gvt_g;
        struct {
                uint64_t vgpus_per_pgpu, framebufferbytes;
        } mxgpu;
        struct {
                char *identifier; /* of its type */
                uint64_t vfs_per_pgpu, framebufferbytes;
                uint64_t exec_quantum_ms, preempt_timeout_us; /* 0: the driver's */
                char *priority;                               /* "" for the driver's; never NULL */
        } sriov;
} VgpuRecord;

typedef struct VgpuState {
        bool active, plugged;
        uint32_t emulator_pid; /* 0: absent */
} VgpuState;

/* Its guest gets a virtual function of the PGPU as a PCI device. */
static inline _unused_ bool vgpu_kind_has_function(VgpuKind kind) {
        return kind == VGPU_KIND_MXGPU || kind == VGPU_KIND_SRIOV;
}

/* {"id":["<vm uuid>","0000:84:00.0"],"position":0,"address":{…}} */
typedef struct PciRecord {
        Uuid vm;
        uint32_t position;
        PciAddress address;
} PciRecord;

/* For records that have these in them. The kind of a VGPU that is written is a valid one. */
extern const RecordTable vgpu_record_table, vgpu_state_table, pci_record_table;
