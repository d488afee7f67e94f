#pragma once

/*
 * The arguments of the display emulator and of qemu
 *
 * Pure: values in, argument vectors out. The forms are those that XenServer's own toolstack gives the
 * closed-source emulator and its qemu; docs/states.md says where they come from.
 *
 * emulator, today: PROGRAM --domain=<domid> --vcpus=<n> --suspend=/var/lib/xen/demu-save.<domid>
 *                  --device=<host bdf>,<type id or config file>,<guest slot>,<vgpu uuid>[,extra] …
 *                  [--noconsole]
 *           6.x:   PROGRAM --domain=<domid> --vcpus=<n> --gpu=<bdf> --config=<file>[,extra]
 *
 * Vectors are NULL-terminated and freed with strv_free(). Refusals are -EINVAL with a sentence in
 * *ret_error (a constant, not to be freed).
 */

#include "common/base/strlist.h"
#include "hostd/run/program.h"
#include "protocol/gpu-record.h"

/* Whether the VGPUs may be together in one VM: NVIDIA's any number, of the others exactly one. */
int dm_gpus_check(const VgpuRecord *gpus, size_t n_gpus, const char **ret_error);

/* Only for VMs with NVIDIA VGPUs. */
bool dm_needs_emulator(const VgpuRecord *gpus, size_t n_gpus);
int dm_build_emulator_arguments(const char *program, EmulatorForm form, uint32_t domid, uint32_t vcpus,
        const VgpuRecord *gpus, size_t n_gpus, char ***ret, const char **ret_error);

/*
 * qemu's arguments: those that the hypervisor's library made (argv without its first), in order, with the
 * display arguments of the VGPUs in place of every other display device. vgpu_args: blank-separated, for
 * NVIDIA VGPUs that have a display.
 */
int dm_build_qemu_arguments(const char *program, const char *const *arguments, const char *vgpu_args,
        const VgpuRecord *gpus, size_t n_gpus, char ***ret);
