#pragma once

/*
 * The error words
 *
 * One table for both daemons and the command line: D-Bus name, XenServer's code, and one line of what it
 * means. A refusal travels as RefusalCode inside the cores and becomes a D-Bus error at the edge.
 */

#include "common/base/macros.h"

#define ERROR_PREFIX "org.xenvgpu.Error."

typedef enum ErrorCode {
        ERROR_NONE,
        /* GPU refusals, from the nearest miss to the farthest */
        ERROR_PGPU_INSUFFICIENT_CAPACITY,
        ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
        ERROR_VGPU_TYPE_NOT_ENABLED,
        ERROR_VGPU_TYPE_NOT_SUPPORTED,
        ERROR_VGPU_TYPE_NOT_COMPATIBLE,
        ERROR_PGPU_IN_USE_BY_VM,
        ERROR_PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP,
        ERROR_GPU_GROUP_CONTAINS_VGPU,
        ERROR_GPU_GROUP_CONTAINS_PGPU,
        ERROR_GPU_GROUP_CONTAINS_NO_PGPUS,
        ERROR_VM_REQUIRES_GPU,
        ERROR_VM_REQUIRES_VGPU,
        ERROR_VM_REQUIRES_IOMMU,
        ERROR_FEATURE_REQUIRES_HVM,
        ERROR_VM_PCI_BUS_FULL,
        ERROR_DEVICE_ALREADY_EXISTS,
        ERROR_INVALID_DEVICE,
        ERROR_VM_BAD_POWER_STATE,
        ERROR_HOST_NOT_ENOUGH_FREE_MEMORY,
        ERROR_VM_REQUIRES_SR,
        ERROR_VM_REQUIRES_NET,
        ERROR_VM_REQUIRES_PCI,
        ERROR_NO_HOSTS_AVAILABLE,
        ERROR_FAILED_TO_START_EMULATOR,
        ERROR_HOST_OFFLINE,
        ERROR_HOST_CLAIMED,
        ERROR_STALE_EPOCH,
        ERROR_NO_SUCH_OBJECT,
        ERROR_INVALID_RECORD,
        ERROR_QUOTA_EXCEEDED,
        /* Beyond the list of the contract */
        ERROR_PGPU_UNHEALTHY,        /* starts failed there, and it is left out until somebody says that it is mended */
        ERROR_HOST_DISABLED,         /* it is online, and an administrator took it out of service */
        ERROR_ALREADY_EXISTS,        /* its uuid, or a name that only one may have, is another's */
        ERROR_AMBIGUOUS_NAME,        /* a name that several objects have */
        ERROR_HOST_ALREADY_IN_POOL,  /* the same machine under a second address */
        ERROR_HOST_IN_USE,           /* removing a host that runs or starts VMs */
        ERROR_INVALID_ADDRESS,       /* a D-Bus address that is refused, with why */
        ERROR_LIMIT_REACHED,         /* a cap on what clients can create */
        ERROR_STORAGE_FAILED,        /* the commit failed; nothing was changed */
        ERROR_OPERATION_CANCELLED,
        ERROR_CONFIG_NOT_ALLOWED,    /* the VM's config names something of the host that its administrator has not allowed */
        ERROR_DOMAIN_FAILED,         /* libxl (or the simulation) could not build or keep the domain */
        ERROR_OTHER_OPERATION_IN_PROGRESS,
        ERROR_INTERNAL_ERROR,
        _ERROR_MAX,
        _ERROR_INVALID = -EINVAL,
} ErrorCode;

const char *error_code_name(ErrorCode code);    /* "org.xenvgpu.Error.VGPUTypeNotEnabled" */
const char *error_code_word(ErrorCode code);    /* "VGPUTypeNotEnabled" */
const char *error_code_xapi(ErrorCode code);    /* "VGPU_TYPE_NOT_ENABLED" */
const char *error_code_meaning(ErrorCode code); /* one line for docs and --help */
ErrorCode error_code_from_name(const char *dbus_name); /* _ERROR_INVALID for foreign names */

/* How far a GPU refusal is from success: unhealthy 5 (there is room), insufficient 4, running type 3, not enabled 2, not supported 1, else 0. */
int error_code_nearness(ErrorCode code);
