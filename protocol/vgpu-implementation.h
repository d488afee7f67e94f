#pragma once

/*
 * How a VGPU type is made, and what a PGPU is measured in
 *
 * Libc only, so that the pool may use it; the records of types are in protocol/type-record.h.
 */

#include "common/base/words.h"

#define PGPU_SIZE 1048576u /* XenServer: Constants.pgpu_default_size */

/* The one type that every PGPU may have. */
#define PASSTHROUGH_IDENTIFIER "0001:passthrough"
#define PASSTHROUGH_NAME "passthrough"

#define VGPU_IMPLEMENTATIONS(W)                                                                               \
        W(TYPE_PASSTHROUGH, "passthrough") W(TYPE_NVIDIA, "nvidia") W(TYPE_NVIDIA_SRIOV, "nvidia_sriov")      \
        W(TYPE_GVT_G, "gvt_g") W(TYPE_MXGPU, "mxgpu") W(TYPE_SRIOV, "sriov")
DEFINE_ENUM(VgpuImplementation, VGPU_IMPLEMENTATION, VGPU_IMPLEMENTATIONS);

/* How a host's problem begins that says why NVIDIA's driver gives no VM several VGPUs. */
#define NVIDIA_ONE_VGPU "no VM gets several VGPUs of a type that could be several"

/* Why a type of NVIDIA's SR-IOV boards is listed and can run nowhere here. */
#define NVIDIA_SRIOV_REASON                                                                                   \
        "its VMs would need a virtual function that NVIDIA's emulator owns and qemu is not told of, which libxl cannot do"

/* In any case when read. */
extern const WordTable vgpu_implementation_words;
