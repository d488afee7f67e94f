#pragma once

/*
 * What NVIDIA's driver shows of its GPUs
 *
 * One folder for each function that it holds, in /proc/driver/nvidia/gpus. Today's drivers name it as sysfs does;
 * others leave the domain out, widen it to eight digits, write capitals, or number their GPUs. Where the name
 * is no address, the line "Bus Location:" of the file `information` in it says which function it is.
 */

#include "common/base/pci-address.h"

/* The folder of one function; the caller frees. gpus: "/proc/driver/nvidia/gpus". -ENOENT: there is no such
 * place; -ENODEV: it has no folder of this function. */
int nvidia_gpus_find(const char *gpus, const PciAddress *function, char **ret);
