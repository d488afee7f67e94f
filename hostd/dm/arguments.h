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
 * Vectors are NULL-terminated and freed with arguments_free(). Refusals are -EINVAL with a sentence in
 * *ret_error (a constant, not to be freed).
 */

#include "common/base/pci-address.h"
#include "common/base/uuid.h"

typedef enum DmForm {
        DM_FORM_TODAY,
        DM_FORM_6X,
} DmForm;

typedef enum DmGpuKind {
        DM_GPU_NVIDIA,
        DM_GPU_GVT_G,
        DM_GPU_MXGPU,
} DmGpuKind;

/* One VGPU as the device model sees it; the texts are borrowed. */
typedef struct DmGpu {
        DmGpuKind kind;
        PciAddress host;                   /* the VF where there is one, else the PGPU */
        PciAddress slot;                   /* in the guest; NVIDIA */
        const char *type_id, *config_file; /* either; the config file wins */
        const char *vclass, *extra_args;   /* NULL or "" for none */
        Uuid uuid;
        uint64_t low_gm_sz, high_gm_sz, fence_sz; /* GVT-g */
} DmGpu;

/* Whether the VGPUs may be together in one VM: NVIDIA's any number, of the others exactly one. */
int dm_gpus_check(const DmGpu *gpus, size_t n_gpus, const char **ret_error);

/* Only for VMs with NVIDIA VGPUs. */
bool dm_needs_emulator(const DmGpu *gpus, size_t n_gpus);
int dm_build_emulator_arguments(const char *program, DmForm form, uint32_t domid, uint32_t vcpus,
        const DmGpu *gpus, size_t n_gpus, char ***ret, const char **ret_error);

/*
 * qemu's arguments: those that the hypervisor's library made (argv without its first), in order, with the
 * display arguments of the VGPUs in place of every other display device. vgpu_args: blank-separated, for
 * NVIDIA VGPUs that have a display.
 */
int dm_build_qemu_arguments(const char *program, const char *const *arguments, const char *vgpu_args,
        const DmGpu *gpus, size_t n_gpus, char ***ret);

char **arguments_free(char **arguments);
DEFINE_CLEANUP(char **, arguments_free)
