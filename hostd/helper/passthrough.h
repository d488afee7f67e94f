#pragma once

/*
 * PCI functions that go to a guest, and come back
 *
 * Taking a function away from dom0's driver may take long, or for ever while something uses it. So it is done by a
 * helper process (hostd/libxl/libxl-assign.h) that can be given up. What is taken stands in functions.json of the
 * VM's run folder before it is touched, so that the next program gives it back. A function that was assignable
 * already is used and left as it was. A driver_override, by which an administrator keeps a function for one driver, is
 * noted too: it is cleared while a guest has the function, and set again before the function goes back.
 */

#include "common/base/pci-address.h"
#include "hostd/helper/helper-process.h"

#define PASSTHROUGH_TAKE "--take-functions"
#define PASSTHROUGH_GIVE_BACK "--give-back-functions"

/* Notes the functions; the work is to take them. sysfs: "/sys/bus/pci". */
int passthrough_take(
        const char *sysfs, const char *folder, const PciAddress *functions, size_t n, HelperWork *ret);

/* The work to give back what is noted; -ENOENT: nothing is. Once it was done it is to be forgotten. */
int passthrough_give_back(const char *folder, HelperWork *ret);
void passthrough_forget(const char *folder);
