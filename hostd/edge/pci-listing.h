#pragma once

/*
 * A bare listing, `lspci -D -nn -xxx`, before libpci reads it
 *
 * libpci gives up on the whole file at the first malformed line. Here the listing is read first: devices that
 * are whole are written again in the plainest form, the others are reported by line. Whole means: an address,
 * and rows of 16 bytes from 00: on without a gap, 64, 128, 256 or 4096 bytes in all.
 */

#include "common/base/pci-address.h"
#include "hostd/core/problem.h"

#define PCI_LISTING_SIZE_MAX (16u << 20)
#define PCI_LISTING_DEVICES_MAX 4096

/* What lspci -nn writes into a device's first line, which it has from the kernel and not from the configuration space. */
typedef struct PciListingName {
        PciAddress address;
        uint16_t pci_class, vendor_id, device_id;
} PciListingName;

typedef struct PciListing {
        char *text; /* for libpci */
        PciAddress *devices;
        size_t n_devices;
        PciListingName *lost; /* of those of the devices whose bytes are all ones; ids 0 where the line has none */
        size_t n_lost;
        size_t n_without_bytes; /* as all are in lspci -vvnn */
} PciListing;

/* Bytes in; -ENOMEM only. */
int pci_listing_parse(const char *data, size_t size, const ProblemSink *problems, PciListing *ret);
void pci_listing_done(PciListing *l);
