#pragma once

/*
 * Moving PCI functions between dom0's drivers and guests
 *
 * The helper that passthrough.h starts: a program of its own, since a driver that is told to let go of its
 * device may not return. Taking a function: NVIDIA's driver is asked to let go (virtual functions off,
 * persistence off, its unbind lock taken), then libxl binds the function to xen-pciback and remembers the
 * driver; giving it back binds that driver again.
 *
 * One helper works for a VM at a time, whoever started it: the lock in its run folder is held until the process
 * is really gone, also where it was killed and its driver keeps it.
 */

#include "common/base/pci-address.h"

#define ASSIGN_TAKE "--take-functions"
#define ASSIGN_GIVE_BACK "--give-back-functions"

/* The name of the function's driver, "" for none; it is in buf. */
#define ASSIGN_DRIVER_SIZE 256
const char *assign_read_driver(
        const char *sysfs, const PciAddress *function, char buf[static ASSIGN_DRIVER_SIZE]);

/* Files of the kernel take one write, and are not made where they are missing. */
int assign_write_value(const char *path, const char *value);

/* xen-pciback lets go of a function that no domain has, to the driver that libxl remembers, if any. It may take
 * long. *ret_error as for the following, or NULL. */
int assign_leave_pciback(const PciAddress *function, char **ret_error);

/* Whether xen-pciback holds the function. */
bool assign_is_assignable(const PciAddress *function);

/* The other functions of its slot that are devices (a card's sound, for one) and must go along: they share
 * power, reset and often an IOMMU group. A virtual function has none. Returns how many. sysfs: "/sys/bus/pci". */
#define SLOT_FUNCTIONS 8
size_t assign_list_companions(
        const char *sysfs, const PciAddress *function, PciAddress ret[static SLOT_FUNCTIONS]);

/* argv: the program, the verb, the VM's run folder, the addresses. The exit status; on failure one line on
 * stdout says why. */
int assign_main(int argc, char **argv);

/* What is to be done for a function to be dom0's again. */
typedef enum AssignReturn {
        ASSIGN_RETURN_NOTHING, /* a driver of dom0 has it, or it has left the bus */
        ASSIGN_RETURN_REMOVE,  /* xen-pciback has it */
        ASSIGN_RETURN_RETAKE,  /* nobody has it: taking it was cut off. libxl undoes only what it has finished */
} AssignReturn;

AssignReturn assign_how_to_return(const char *sysfs, const PciAddress *function);

/*
 * NVIDIA's driver lets go of a function, so that unbinding it can succeed. sysfs: "/sys/bus/pci"; gpus:
 * "/proc/driver/nvidia/gpus". 0 also where another driver, or none, holds the function; on -EBUSY *ret_error
 * is a sentence (caller frees).
 */
int assign_release_nvidia(
        const char *sysfs, const char *gpus, const PciAddress *function, char **ret_error);
