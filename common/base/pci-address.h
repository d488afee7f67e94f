#pragma once

/*
 * PCI addresses
 *
 * Text is DDDD:BB:DD.F in hex, as sysfs spells it; reading also takes BB:DD.F (domain 0). A domain that is a driver's own (Intel's
 * VMD: 10000 and up) has as many digits as it needs. Xen has 16 bits for it: see pci_address_is_xens().
 */

#include "common/base/macros.h"

typedef struct PciAddress {
        uint32_t domain;
        uint8_t bus;
        uint8_t dev; /* 0..31 */
        uint8_t fn;  /* 0..7 */
} PciAddress;

#define PCI_ADDRESS_TEXT_MAX 17

int pci_address_from_string(const char *text, PciAddress *ret); /* -EINVAL */
const char *pci_address_to_string(const PciAddress *a, char buf[static PCI_ADDRESS_TEXT_MAX]);
int pci_address_compare(const PciAddress *a, const PciAddress *b);
bool pci_same_slot(const PciAddress *a, const PciAddress *b); /* the functions of one card */
/* Whether Xen can be told of it: libxl packs the domain into 16 bits, and would take the function of another one. */
bool pci_address_is_xens(const PciAddress *a);

/* "_0000_84_00_0", the last element of a PGPU's object path on hostd. buf holds 18 bytes. */
const char *pci_address_to_path_element(const PciAddress *a, char buf[static PCI_ADDRESS_TEXT_MAX + 1]);
int pci_address_from_path_element(const char *element, PciAddress *ret);

#define PCI_TEXT(a) pci_address_to_string((a), (char[PCI_ADDRESS_TEXT_MAX]){})
