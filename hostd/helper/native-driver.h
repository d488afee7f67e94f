#pragma once

/*
 * The driver of dom0 that a VGPU's function needs
 *
 * A function that a guest had may come back without its driver: no record says which it was, or it was made
 * assignable by hand. The next VGPU on it could not start, so it is bound to its driver first, by a helper
 * process (helper-process.h), since a driver that takes a device may not return.
 *
 * If the host does not have that driver at all, nothing is bound, and the emulator reports what it lacks.
 */

#include "common/base/pci-address.h"
#include "hostd/helper/helper-process.h"
#include "protocol/gpu-record.h"

#define NATIVE_DRIVER_VERB "--bind-driver"

/* NULL: none is needed. */
const char *native_driver_of(VgpuKind kind);

/* The function is there without it, and the host has the driver or xen-pciback holds the function. sysfs:
 * "/sys/bus/pci". Reads links of the kernel only. */
bool native_driver_is_missing(const char *sysfs, const PciAddress *function, const char *driver);

/* The work to bind the drivers that the VGPUs' functions are without; false: they have them. leaves_pciback: what
 * xen-pciback holds can be taken from it, which a simulated host cannot do. */
bool native_driver_work(
        const char *sysfs, const VgpuRecord *vgpus, size_t n, bool leaves_pciback, HelperWork *ret);

/* Makes xen-pciback let go of a function; on failure *ret_error (caller frees) is a sentence, or NULL. */
typedef int (*LeavePciback)(const PciAddress *function, char **ret_error);

/* Binds it. On failure *ret_error (caller frees) says in a sentence what would help. */
int native_driver_bind(const char *sysfs, const PciAddress *function, const char *driver, LeavePciback leave,
        char **ret_error);

/* argv: the program, the verb, sysfs, the driver, the addresses. The exit status; on failure one line on stdout
 * says why. */
int native_driver_main(int argc, char **argv, LeavePciback leave);
