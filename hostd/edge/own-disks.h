#pragma once

/*
 * Block devices that this host itself uses
 *
 * A VM that wrote to one would write the host's own files. So no VM gets a device that is mounted or swapped to,
 * that has a partition or a volume which is, or that is a partition of such a disk: the firmware and the boot
 * loader read some that are not mounted.
 */

#include <sys/types.h>

/* NULL members: the real ones. */
typedef struct OwnDiskPaths {
        const char *mountinfo; /* "/proc/1/mountinfo" */
        const char *swaps;     /* "/proc/swaps" */
        const char *block;     /* "/sys/dev/block" */
} OwnDiskPaths;

/* 1: it is one of those; 0: it is not; negative: why that is unknown. Opens no device, and waits for none. */
int own_disk_find(const OwnDiskPaths *paths, dev_t device);
