#pragma once

/*
 * NVIDIA's host driver, by its library
 *
 * libnvidia-vgpu.so is a link, perhaps to another one (Debian's alternatives, libnvidia-vgpu.so.1), and the last of them leads to
 * libnvidia-vgpu.so.VERSION.
 */

/*
 * paths: where the first link may be, blank-separated; the first that is there counts. 1: *ret is the version. 0: there is none, and
 * *ret is why, a clause. -ENOMEM. The caller frees.
 */
int nvidia_library_version(const char *paths, char **ret);
