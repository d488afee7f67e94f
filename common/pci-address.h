#pragma once

/*
 * PCI addresses
 *
 * Text is DDDD:BB:DD.F in hex, as sysfs spells it; reading also takes BB:DD.F (domain 0).
 */

#include "common/macros.h"

typedef struct PciAddress {
        uint16_t domain;
        uint8_t bus;
        uint8_t dev; /* 0..31 */
        uint8_t fn;  /* 0..7 */
} PciAddress;

#define PCI_ADDRESS_TEXT_MAX 13

int pci_address_from_string(const char *text, PciAddress *ret); /* -EINVAL */
const char *pci_address_to_string(const PciAddress *a, char buf[static PCI_ADDRESS_TEXT_MAX]);
int pci_address_compare(const PciAddress *a, const PciAddress *b);

/* "_0000_84_00_0", the last element of a PGPU's object path on hostd. buf holds 14 bytes. */
const char *pci_address_to_path_element(const PciAddress *a, char buf[static PCI_ADDRESS_TEXT_MAX + 1]);
int pci_address_from_path_element(const char *element, PciAddress *ret);

#define PCI_TEXT(a) pci_address_to_string((a), (char[PCI_ADDRESS_TEXT_MAX]){})
