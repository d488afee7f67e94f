/*
 * The error words
 *
 * One row each: word, XenServer's code, meaning. The code is XenServer's own where it has one
 * (PGPUInsufficientCapacity differs from its word), else the word in capitals.
 */

#include "protocol/errors.h"

typedef struct ErrorRow {
        const char *name, *xapi, *meaning;
} ErrorRow;

#define ROW(word, code, text) { ERROR_PREFIX word, code, text }

static const ErrorRow rows[_ERROR_MAX] = {
        [ERROR_PGPU_INSUFFICIENT_CAPACITY] = ROW("PGPUInsufficientCapacity", "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU",
                "No PGPU of the group has room for another VGPU of this type."),
        [ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE] = ROW("VGPUTypeNotCompatibleWithRunningType",
                "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE",
                "The PGPU runs, or is about to run, a type that cannot share it with this one."),
        [ERROR_VGPU_TYPE_NOT_ENABLED] = ROW("VGPUTypeNotEnabled", "VGPU_TYPE_NOT_ENABLED",
                "The PGPU supports the type, but the type is not enabled on it."),
        [ERROR_VGPU_TYPE_NOT_SUPPORTED] = ROW("VGPUTypeNotSupported", "VGPU_TYPE_NOT_SUPPORTED",
                "The PGPU cannot run this type."),
        [ERROR_VGPU_TYPE_NOT_COMPATIBLE] = ROW("VGPUTypeNotCompatible", "VGPU_TYPE_NOT_COMPATIBLE",
                "The VM has a VGPU whose type cannot be in one VM with this one."),
        [ERROR_PGPU_IN_USE_BY_VM] = ROW("PGPUInUseByVM", "PGPU_IN_USE_BY_VM", "VMs use the PGPU, or are booked on it."),
        [ERROR_PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP] = ROW("PGPUNotCompatibleWithGPUGroup",
                "PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", "The PGPU is of another kind than the PGPUs of the group."),
        [ERROR_GPU_GROUP_CONTAINS_VGPU] = ROW("GPUGroupContainsVGPU", "GPU_GROUP_CONTAINS_VGPU",
                "VGPUs belong to the group."),
        [ERROR_GPU_GROUP_CONTAINS_PGPU] = ROW("GPUGroupContainsPGPU", "GPU_GROUP_CONTAINS_PGPU",
                "PGPUs belong to the group."),
        [ERROR_GPU_GROUP_CONTAINS_NO_PGPUS] = ROW("GPUGroupContainsNoPGPUs", "GPU_GROUP_CONTAINS_NO_PGPUS",
                "No PGPU belongs to the group."),
        [ERROR_VM_REQUIRES_GPU] = ROW("VMRequiresGPU", "VM_REQUIRES_GPU",
                "The VM needs a whole GPU, and no host has a free one in the group."),
        [ERROR_VM_REQUIRES_VGPU] = ROW("VMRequiresVGPU", "VM_REQUIRES_VGPU",
                "The VM has a VGPU, and the host has no PGPU of its group."),
        [ERROR_VM_REQUIRES_IOMMU] = ROW("VMRequiresIOMMU", "VM_REQUIRES_IOMMU",
                "The VM takes a whole GPU, and the host has no IOMMU."),
        [ERROR_FEATURE_REQUIRES_HVM] = ROW("FeatureRequiresHVM", "FEATURE_REQUIRES_HVM",
                "VGPUs need a VM whose type is hvm."),
        [ERROR_VM_PCI_BUS_FULL] = ROW("VMPCIBusFull", "VM_PCI_BUS_FULL", "The VM's PCI bus has no free slot."),
        [ERROR_DEVICE_ALREADY_EXISTS] = ROW("DeviceAlreadyExists", "DEVICE_ALREADY_EXISTS",
                "The VM already has a VGPU with this device number."),
        [ERROR_INVALID_DEVICE] = ROW("InvalidDevice", "INVALID_DEVICE", "The device is no number from 0 to 20."),
        [ERROR_VM_BAD_POWER_STATE] = ROW("VMBadPowerState", "VM_BAD_POWER_STATE",
                "The VM is not in the power state that this needs."),
        [ERROR_HOST_NOT_ENOUGH_FREE_MEMORY] = ROW("HostNotEnoughFreeMemory", "HOST_NOT_ENOUGH_FREE_MEMORY",
                "No host that could run the VM has enough free memory."),
        [ERROR_VM_REQUIRES_SR] = ROW("VMRequiresSR", "VM_REQUIRES_SR", "The host has no storage for a disk of the VM."),
        [ERROR_VM_REQUIRES_NET] = ROW("VMRequiresNet", "VM_REQUIRES_NET", "The host lacks a network of the VM."),
        [ERROR_VM_REQUIRES_PCI] = ROW("VMRequiresPCI", "VM_REQUIRES_PCI",
                "The host has no PCI device that the VM's config passes through, or another VM has it."),
        [ERROR_NO_HOSTS_AVAILABLE] = ROW("NoHostsAvailable", "NO_HOSTS_AVAILABLE", "No host is online and enabled."),
        [ERROR_FAILED_TO_START_EMULATOR] = ROW("FailedToStartEmulator", "FAILED_TO_START_EMULATOR",
                "The display emulator or qemu did not come up."),
        [ERROR_HOST_OFFLINE] = ROW("HostOffline", "HOST_OFFLINE", "The host cannot be reached."),
        [ERROR_HOST_DISABLED] = ROW("HostDisabled", "HOST_DISABLED", "The host is online, but disabled."),
        [ERROR_PGPU_UNHEALTHY] = ROW("PGPUUnhealthy", "PGPU_UNHEALTHY",
                "The PGPU, or its host, is suspect since starts failed there, and is left out."),
        [ERROR_HOST_CLAIMED] = ROW("HostClaimed", "HOST_CLAIMED",
                "A policyd has claimed the host, and only it may change it."),
        [ERROR_STALE_EPOCH] = ROW("StaleEpoch", "STALE_EPOCH", "The host has been claimed by a later master."),
        [ERROR_NO_SUCH_OBJECT] = ROW("NoSuchObject", "NO_SUCH_OBJECT", "There is no such object."),
        [ERROR_INVALID_RECORD] = ROW("InvalidRecord", "INVALID_RECORD",
                "A record or an argument is not as the contract says."),
        [ERROR_QUOTA_EXCEEDED] = ROW("QuotaExceeded", "QUOTA_EXCEEDED", "The owner has used up a quota."),
        [ERROR_ALREADY_EXISTS] = ROW("AlreadyExists", "DUPLICATE_UUID",
                "Its uuid, or a name that only one may have, is that of another object."),
        [ERROR_AMBIGUOUS_NAME] = ROW("AmbiguousName", "AMBIGUOUS_NAME", "Several objects have this name; give a UUID."),
        [ERROR_HOST_ALREADY_IN_POOL] = ROW("HostAlreadyInPool", "HOST_ALREADY_IN_POOL",
                "This machine is in the pool already, under another address."),
        [ERROR_HOST_IN_USE] = ROW("HostInUse", "HOST_IN_USE", "VMs run on the host or are booked on it."),
        [ERROR_INVALID_ADDRESS] = ROW("InvalidAddress", "INVALID_ADDRESS", "The D-Bus address cannot be used."),
        [ERROR_LIMIT_REACHED] = ROW("LimitReached", "LIMIT_REACHED", "The pool holds as many of these as it may."),
        [ERROR_STORAGE_FAILED] = ROW("StorageFailed", "STORAGE_FAILED",
                "The change could not be stored; nothing was changed."),
        [ERROR_OPERATION_CANCELLED] = ROW("OperationCancelled", "OPERATION_CANCELLED", "The job was cancelled."),
        [ERROR_CONFIG_NOT_ALLOWED] = ROW("ConfigNotAllowed", "CONFIG_NOT_ALLOWED",
                "The VM's config would run or open something on the host that its administrator has not allowed."),
        [ERROR_DOMAIN_FAILED] = ROW("DomainFailed", "DOMAIN_FAILED", "The host could not build or keep the domain."),
        [ERROR_OTHER_OPERATION_IN_PROGRESS] = ROW("OtherOperationInProgress", "OTHER_OPERATION_IN_PROGRESS",
                "Another operation on the object must end first."),
        [ERROR_INTERNAL_ERROR] = ROW("InternalError", "INTERNAL_ERROR", "A fault of xenvgpu itself; see its journal."),
};

/* NULL for ERROR_NONE and anything out of range. */
static const ErrorRow *row_of(ErrorCode code) {
        return code > ERROR_NONE && code < _ERROR_MAX ? rows + code : NULL;
}

const char *error_code_name(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->name : NULL;
}

const char *error_code_word(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->name + strlen(ERROR_PREFIX) : NULL;
}

const char *error_code_xapi(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->xapi : NULL;
}

const char *error_code_meaning(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->meaning : NULL;
}

ErrorCode error_code_from_name(const char *dbus_name) {
        if (dbus_name)
                for (ErrorCode code = ERROR_NONE + 1; code < _ERROR_MAX; code++)
                        if (streq(rows[code].name, dbus_name))
                                return code;

        return _ERROR_INVALID;
}

int error_code_nearness(ErrorCode code) {
        if (code == ERROR_PGPU_UNHEALTHY)
                return 5; /* there is room */
        if (code == ERROR_PGPU_INSUFFICIENT_CAPACITY)
                return 4;
        if (code == ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE)
                return 3;
        if (code == ERROR_VGPU_TYPE_NOT_ENABLED)
                return 2;
        if (code == ERROR_VGPU_TYPE_NOT_SUPPORTED)
                return 1;
        return 0;
}
