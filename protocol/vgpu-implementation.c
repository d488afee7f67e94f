/*
 * The words for how a VGPU type is made
 */

#include "protocol/vgpu-implementation.h"

#include <strings.h>

#include "common/base/macros.h"

static const char *const implementation_names[_VGPU_IMPLEMENTATION_MAX] = {
        [TYPE_PASSTHROUGH] = "passthrough",
        [TYPE_NVIDIA] = "nvidia",
        [TYPE_NVIDIA_SRIOV] = "nvidia_sriov",
        [TYPE_GVT_G] = "gvt_g",
        [TYPE_MXGPU] = "mxgpu",
};

const char *vgpu_implementation_to_string(VgpuImplementation i) {
        return i >= 0 && i < _VGPU_IMPLEMENTATION_MAX ? implementation_names[i] : NULL;
}

VgpuImplementation vgpu_implementation_from_string(const char *text) {
        for (VgpuImplementation i = 0; text && i < _VGPU_IMPLEMENTATION_MAX; i++)
                if (strcasecmp(implementation_names[i], text) == 0)
                        return i;

        return _VGPU_IMPLEMENTATION_INVALID;
}
