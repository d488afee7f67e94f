#pragma once

/*
 * Names from pci.ids, through libpci
 */

#include "common/macros.h"

typedef struct PciNames PciNames;

/* path NULL: the system's file. A missing file gives no names and is no error. */
int pci_names_new(const char *path, PciNames **ret);
PciNames *pci_names_free(PciNames *n);
DEFINE_CLEANUP(PciNames *, pci_names_free)

/* NULL where pci.ids has none. The text lives until the next call. */
const char *pci_names_vendor(PciNames *n, uint16_t vendor);
const char *pci_names_device(PciNames *n, uint16_t vendor, uint16_t device);
const char *pci_names_subsystem(PciNames *n, uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice);
