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

bool pci_function_can_reset(const char *sysfs, const PciAddress *function);
bool pci_function_is_there(const char *sysfs, const PciAddress *function);
int pci_function_read(const char *sysfs, const PciAddress *function, const char *name, char **ret);
/* In a folder that only looks like sysfs the program <sysfs>/actor may play the kernel: it is run with the address, the
 * name and the value, and its exit status is the errno. */
int pci_function_write(const char *sysfs, const PciAddress *function, const char *name, const char *value);

/* The driver, and the only one, that the kernel binds to the function; "(null)" for any that fits it, which writing "\n" sets. */
#define PCI_DRIVER_OVERRIDE "driver_override"

/* Files of the kernel take one write, and are not made where they are missing. */
int kernel_write(const char *path, const char *value);

/* The physical function of a virtual one; -ENOENT: it is none. */
int pci_function_physical(const char *sysfs, const PciAddress *function, PciAddress *ret);

/* The virtual functions of a physical one, by address, at most max. Without the kernel's lock on the device, which whoever
 * divides it holds. */
int pci_function_list_virtual(const char *sysfs, const PciAddress *physical, PciAddress *ret, size_t max, size_t *ret_n);

/* Whether its command register reads as a register: the ids of a virtual function read all ones in any case. */
bool pci_function_answers(const char *sysfs, const PciAddress *function);

/* Whether its SR-IOV capability says that it has virtual functions: 1, 0; -ENOENT: no such capability is to be seen. */
int pci_function_has_sriov_enabled(const char *sysfs, const PciAddress *function);

/* The other functions of its slot that belong to the card (its sound, for one) and must go along: they share power, reset
 * and often an IOMMU group. No GPU, nothing that can be divided, no virtual function: those may be other VMs'. A virtual
 * function has none. Returns how many. */
#define SLOT_FUNCTIONS 8
size_t pci_function_companions(
        const char *sysfs, const PciAddress *function, PciAddress ret[static SLOT_FUNCTIONS]);
