/*
 * The words for how a VGPU type is made
 */

#include "protocol/vgpu-implementation.h"

static const char *const implementation_names[_VGPU_IMPLEMENTATION_MAX] = {
        [TYPE_PASSTHROUGH] = "passthrough",
        [TYPE_NVIDIA] = "nvidia",
        [TYPE_NVIDIA_SRIOV] = "nvidia_sriov",
        [TYPE_GVT_G] = "gvt_g",
        [TYPE_MXGPU] = "mxgpu",
};

const WordTable vgpu_implementation_words = {
        .words = implementation_names,
        .n = _VGPU_IMPLEMENTATION_MAX,
        .any_case = true,
};
