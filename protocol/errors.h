#pragma once

/*
 * The error words
 *
 * One table for both daemons and the command line: D-Bus name, XenServer's code, and one line of what it
 * means. A refusal travels as RefusalCode inside the cores and becomes a D-Bus error at the edge.
 */

#include "common/base/macros.h"

#define ERROR_PREFIX "org.xenvgpu.Error."

/*
 * E(code, word, meaning) and E_AS(code, word, XenServer's code, meaning): the code is XenServer's own where it has one, else the word in
 * capitals, as here.
 */
#define ERROR_CODES(E, E_AS)                                                                                          \
        /* GPU refusals, from the nearest miss to the farthest */                                                     \
        E_AS(PGPU_INSUFFICIENT_CAPACITY, "PGPUInsufficientCapacity", "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU",           \
                "No PGPU of the group has room for another VGPU of this type.")                                       \
        E(VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE, "VGPUTypeNotCompatibleWithRunningType",                         \
                "The PGPU runs, or is about to run, a type that cannot share it with this one.")                      \
        E(VGPU_TYPE_NOT_ENABLED, "VGPUTypeNotEnabled",                                                                \
                "The PGPU supports the type, but the type is not enabled on it.")                                     \
        E(VGPU_TYPE_NOT_SUPPORTED, "VGPUTypeNotSupported", "The PGPU cannot run this type.")                          \
        E(VGPU_TYPE_NOT_COMPATIBLE, "VGPUTypeNotCompatible",                                                          \
                "The VM has a VGPU whose type cannot be in one VM with this one.")                                    \
        E(PGPU_IN_USE_BY_VM, "PGPUInUseByVM", "VMs use the PGPU, or are booked on it.")                               \
        E(PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP, "PGPUNotCompatibleWithGPUGroup",                                        \
                "The PGPU is of another kind than the PGPUs of the group.")                                           \
        E(GPU_GROUP_CONTAINS_VGPU, "GPUGroupContainsVGPU", "VGPUs belong to the group.")                              \
        E(GPU_GROUP_CONTAINS_PGPU, "GPUGroupContainsPGPU", "PGPUs belong to the group.")                              \
        E(GPU_GROUP_CONTAINS_NO_PGPUS, "GPUGroupContainsNoPGPUs", "No PGPU belongs to the group.")                    \
        E(VM_REQUIRES_GPU, "VMRequiresGPU", "The VM needs a whole GPU, and no host has a free one in the group.")     \
        E(VM_REQUIRES_VGPU, "VMRequiresVGPU", "The VM has a VGPU, and the host has no PGPU of its group.")            \
        E(VM_REQUIRES_IOMMU, "VMRequiresIOMMU", "The VM takes a whole GPU, and the host has no IOMMU.")               \
        E(FEATURE_REQUIRES_HVM, "FeatureRequiresHVM", "VGPUs need a VM whose type is hvm.")                           \
        E(VM_PCI_BUS_FULL, "VMPCIBusFull", "The VM's PCI bus has no free slot.")                                      \
        E(DEVICE_ALREADY_EXISTS, "DeviceAlreadyExists", "The VM already has a VGPU with this device number.")         \
        E(INVALID_DEVICE, "InvalidDevice", "The device is no number from 0 to 20.")                                   \
        E(VM_BAD_POWER_STATE, "VMBadPowerState", "The VM is not in the power state that this needs.")                 \
        E(HOST_NOT_ENOUGH_FREE_MEMORY, "HostNotEnoughFreeMemory",                                                     \
                "No host that could run the VM has enough free memory.")                                              \
        E(VM_REQUIRES_SR, "VMRequiresSR", "The host has no storage for a disk of the VM.")                            \
        E(VM_REQUIRES_NET, "VMRequiresNet", "The host lacks a network of the VM.")                                    \
        E(VM_REQUIRES_PCI, "VMRequiresPCI",                                                                           \
                "The host has no PCI device that the VM's config passes through, or another VM has it.")              \
        E(NO_HOSTS_AVAILABLE, "NoHostsAvailable", "No host is online and enabled.")                                   \
        E(FAILED_TO_START_EMULATOR, "FailedToStartEmulator", "The display emulator or qemu did not come up.")         \
        E(HOST_OFFLINE, "HostOffline", "The host cannot be reached.")                                                 \
        E(HOST_CLAIMED, "HostClaimed", "A policyd has claimed the host, and only it may change it.")                  \
        E(STALE_EPOCH, "StaleEpoch", "The host has been claimed by a later master.")                                  \
        E(NO_SUCH_OBJECT, "NoSuchObject", "There is no such object.")                                                 \
        E(INVALID_RECORD, "InvalidRecord", "A record or an argument is not as the contract says.")                    \
        E(QUOTA_EXCEEDED, "QuotaExceeded", "The owner has used up a quota.")                                          \
        /* Beyond the list of the contract */                                                                         \
        E(PGPU_UNHEALTHY, "PGPUUnhealthy",                                                                            \
                "The PGPU, or its host, is suspect since starts failed there, and is left out.")                      \
        E(HOST_DISABLED, "HostDisabled", "The host is online, but disabled.")                                         \
        E_AS(ALREADY_EXISTS, "AlreadyExists", "DUPLICATE_UUID",                                                       \
                "Its uuid, or a name that only one may have, is that of another object.")                             \
        E(AMBIGUOUS_NAME, "AmbiguousName", "Several objects have this name; give a UUID.")                            \
        E(HOST_ALREADY_IN_POOL, "HostAlreadyInPool", "This machine is in the pool already, under another address.")   \
        E(HOST_IN_USE, "HostInUse", "VMs run on the host or are booked on it.")                                       \
        E(INVALID_ADDRESS, "InvalidAddress", "The D-Bus address cannot be used.")                                     \
        E(LIMIT_REACHED, "LimitReached", "The pool holds as many of these as it may.")                                \
        E(STORAGE_FAILED, "StorageFailed", "The change could not be stored; nothing was changed.")                    \
        E(OPERATION_CANCELLED, "OperationCancelled", "The job was cancelled.")                                        \
        E(CONFIG_NOT_ALLOWED, "ConfigNotAllowed",                                                                     \
                "The VM's config would run or open something on the host that its administrator has not allowed.")    \
        E(DOMAIN_FAILED, "DomainFailed", "The host could not build or keep the domain.")                              \
        E(ACCESS_DENIED, "AccessDenied",                                                                              \
                "Neither the group xenvgpu nor a rule of polkit lets the caller do this.")                            \
        E(OTHER_OPERATION_IN_PROGRESS, "OtherOperationInProgress", "Another operation on the object must end first.") \
        E(VM_HAS_VGPU, "VMHasVGPU", "The VM has a VGPU, whose state cannot be kept or moved.")                        \
        E(VM_HAS_PCI_ATTACHED, "VMHasPCIAttached", "The VM has a PCI device of its host.")                            \
        E(INTERNAL_ERROR, "InternalError", "A fault of xenvgpu itself; see its journal.")

#define ERROR_CODE(code, ...) ERROR_##code,
typedef enum ErrorCode {
        ERROR_NONE,
        ERROR_CODES(ERROR_CODE, ERROR_CODE) /* ERROR_PGPU_INSUFFICIENT_CAPACITY, … */
        _ERROR_MAX,
        _ERROR_INVALID = -EINVAL,
} ErrorCode;

const char *error_code_name(ErrorCode code);    /* "org.xenvgpu.Error.VGPUTypeNotEnabled" */
const char *error_code_word(ErrorCode code);    /* "VGPUTypeNotEnabled" */
const char *error_code_field(ErrorCode code);   /* of a log line: "XENVGPU_ERROR=VGPUTypeNotEnabled" */
const char *error_code_xapi(ErrorCode code);    /* "VGPU_TYPE_NOT_ENABLED" */
const char *error_code_meaning(ErrorCode code); /* one line for docs and --help */
ErrorCode error_code_from_name(const char *dbus_name); /* _ERROR_INVALID for foreign names */

/* How far a GPU refusal is from success: unhealthy 5 (there is room), insufficient 4, running type 3, not enabled 2, not supported 1, else 0. */
int error_code_nearness(ErrorCode code);
