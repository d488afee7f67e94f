#pragma once

/*
 * How a VGPU type is made, and what a PGPU is measured in
 *
 * Libc only, so that the pool may use it; the records of types are in protocol/type-record.h.
 */

#include "common/base/words.h"

#define PGPU_SIZE 1048576u /* XenServer: Constants.pgpu_default_size */

typedef enum VgpuImplementation {
        TYPE_PASSTHROUGH,
        TYPE_NVIDIA,
        TYPE_NVIDIA_SRIOV,
        TYPE_GVT_G,
        TYPE_MXGPU,
        _VGPU_IMPLEMENTATION_MAX,
        _VGPU_IMPLEMENTATION_INVALID = -EINVAL,
} VgpuImplementation;

/* "passthrough", "nvidia", "nvidia_sriov", "gvt_g", "mxgpu"; in any case when read */
extern const WordTable vgpu_implementation_words;
