#pragma once

/*
 * How NVIDIA's driver lets go of a GPU
 *
 * The driver shows one folder for each function that it holds, in /proc/driver/nvidia/gpus. Today's drivers name it as
 * sysfs does; others leave the domain out, widen it to eight digits, write capitals, or number their GPUs. Where the
 * name is no address, the line "Bus Location:" of the file `information` in it says which function it is.
 */

#include "common/base/pci-address.h"

#define NVIDIA_GPUS "/proc/driver/nvidia/gpus"

/*
 * Makes the driver let go of a function, so that unbinding it can succeed. sysfs: "/sys/bus/pci"; gpus: NVIDIA_GPUS. 0
 * also where another driver, or none, holds the function; on -EBUSY *ret_error is a sentence (caller frees).
 */
int nvidia_gpu_release(const char *sysfs, const char *gpus, const PciAddress *function, char **ret_error);
