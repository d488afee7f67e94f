#pragma once

/*
 * Moving PCI functions between dom0's drivers and guests
 *
 * The helper that hostd/helper/passthrough.h starts: a program of its own, since a driver that is told to let go of its
 * device may not return. Taking a function: NVIDIA's driver is asked to let go, then libxl binds the function to
 * xen-pciback and remembers the driver; giving it back binds that driver again.
 *
 * One helper works for a VM at a time, whoever started it: the lock in its run folder is held until the process
 * is really gone, also where it was killed and its driver keeps it.
 */

#include "hostd/run/pci-function.h"

/* argv: the program, the verb, the VM's run folder, the functions as ADDRESS or ADDRESS=DRIVER with
 * the driver_override that one has. The exit status; on failure one line on
 * stdout says why. */
int assign_main(int argc, char **argv);

/* What is to be done for a function to be dom0's again. */
typedef enum AssignReturn {
        ASSIGN_RETURN_NOTHING, /* a driver of dom0 has it, it has left the bus, or xen-pciback is not there to have taken it */
        ASSIGN_RETURN_REMOVE,  /* xen-pciback has it */
        ASSIGN_RETURN_RETAKE,  /* nobody has it: taking it was cut off. libxl undoes only what it has finished */
} AssignReturn;

AssignReturn assign_how_to_return(const char *sysfs, const PciAddress *function);

/* xen-pciback lets go of a function that no domain has, to the driver that libxl remembers, if any. It may take
 * long. On failure *ret_error (caller frees) is a sentence, or NULL. */
int assign_leave_pciback(const PciAddress *function, char **ret_error);
