#pragma once

/*
 * Which NVIDIA host drivers can give several VGPUs to one VM
 *
 * allowed is a list of versions; "440.00+" is that or anything newer. One malformed entry makes the whole
 * answer false, and so does a malformed host version (xapi_vgpu_type.ml: host_driver_supports_multi_vgpu).
 */

#include "common/base/macros.h"

/* What XenServer allows by default; NULL-terminated. */
extern const char *const nvidia_multi_vgpu_versions[];

bool nvidia_driver_supports_multi_vgpu(const char *host_version, const char *const *allowed);

/* "libnvidia-vgpu.so.430.42", or a path that ends so, is "430.42"; anything else is "0.0". Points into target
 * or to a constant. */
const char *nvidia_driver_version_of_link(const char *target);
/* "430.42" is, "0.0" and the "1" of libnvidia-vgpu.so.1 are not. */
bool nvidia_driver_version_is_whole(const char *version);
