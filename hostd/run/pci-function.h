#pragma once

/*
 * PCI functions as the kernel shows them
 *
 * sysfs is PCI_SYSFS, or a folder that looks like it. Names are those of files in the function's own folder there.
 */

#include "common/base/pci-address.h"

#define PCI_SYSFS "/sys/bus/pci"

/* The name of the function's driver, "" for none; it is in buf. */
#define PCI_DRIVER_SIZE 256
const char *pci_function_driver(const char *sysfs, const PciAddress *function, char buf[static PCI_DRIVER_SIZE]);
bool pci_function_has_driver(const char *sysfs, const PciAddress *function, const char *driver);
bool pci_driver_is_loaded(const char *sysfs, const char *driver);

bool pci_function_is_there(const char *sysfs, const PciAddress *function);
int pci_function_read(const char *sysfs, const PciAddress *function, const char *name, char **ret);
int pci_function_write(const char *sysfs, const PciAddress *function, const char *name, const char *value);

/* Files of the kernel take one write, and are not made where they are missing. */
int kernel_write(const char *path, const char *value);

/* The physical function of a virtual one; -ENOENT: it is none. */
int pci_function_physical(const char *sysfs, const PciAddress *function, PciAddress *ret);

/* The other functions of its slot that belong to the card (its sound, for one) and must go along: they share power, reset
 * and often an IOMMU group. No GPU, nothing that can be divided, no virtual function: those may be other VMs'. A virtual
 * function has none. Returns how many. */
#define SLOT_FUNCTIONS 8
size_t pci_function_companions(
        const char *sysfs, const PciAddress *function, PciAddress ret[static SLOT_FUNCTIONS]);
