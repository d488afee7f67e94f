#pragma once

/*
 * libpci, with its errors as return values
 *
 * libpci calls an error function that must not return, and by default ends the process. Here each call into
 * libpci that can fail is made under a guard: the error function jumps back to it, and the call returns -EIO
 * with libpci's words. libpci gives that function no context, so that the guard is a thread's own; guards do
 * not nest.
 */

#include <pci/pci.h>

#include "common/base/macros.h"
#include "common/base/pci-address.h"

typedef struct PciAccess PciAccess;

typedef enum PciAccessMethod {
        PCI_ACCESS_METHOD_SYSFS,   /* path: libpci's sysfs.path */
        PCI_ACCESS_METHOD_NAMES,   /* path: a pci.ids, or NULL; no devices */
        _PCI_ACCESS_METHOD_MAX,
        _PCI_ACCESS_METHOD_INVALID = -EINVAL,
} PciAccessMethod;

/* -EIO: libpci refused; the words are lost with the access, and say no more than the path. */
int pci_access_new(PciAccessMethod method, const char *path, PciAccess **ret);
PciAccess *pci_access_free(PciAccess *a);
DEFINE_CLEANUP(PciAccess *, pci_access_free)

/* What libpci said when a call last returned -EIO. */
const char *pci_access_error(const PciAccess *a);

/* What a function says of itself. bus_below: of a bridge, the bus behind it; 0 for other functions and where
 * it is not told. */
typedef struct PciFunction {
        PciAddress address;
        uint16_t vendor_id, device_id;
        uint16_t subsystem_vendor_id, subsystem_device_id; /* 0 when not told */
        uint16_t pci_class;
        uint8_t bus_below;
        uint64_t serial; /* Device Serial Number of PCI Express; 0 where it has none, or says nothing by it */
        bool all_ones; /* nothing answers there: the ids are what the source says beside the configuration space */
} PciFunction;

/* The vendor that a virtual function has in its own configuration space, as in a listing; sysfs knows better. */
#define PCI_VENDOR_OF_VIRTUAL_FUNCTION 0xffff

#define PCI_HEADER_SIZE 64 /* of a configuration space */

/* Whether these bytes are all ones, as reads are that nothing answers. */
bool pci_bytes_are_ones(const uint8_t *bytes, size_t n);

/* One function by its address; through sysfs it must exist. */
int pci_access_read(PciAccess *a, const PciAddress *address, PciFunction *ret);

/* pci.ids, without hwdb, network or cache: the same file gives the same name. NULL when it has none. Lives
 * until the next call. */
const char *pci_access_name_vendor(PciAccess *a, uint16_t vendor);
const char *pci_access_name_device(PciAccess *a, uint16_t vendor, uint16_t device);
const char *pci_access_name_subsystem(
        PciAccess *a, uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice);
