#pragma once

/*
 * A bare listing, `lspci -D -xxx`, before libpci reads it
 *
 * libpci gives up on the whole file at the first malformed line. Here the listing is read first: devices that
 * are whole are written again in the plainest form, the others are reported by line. Whole means: an address,
 * and rows of 16 bytes from 00: on without a gap, 64, 128, 256 or 4096 bytes in all.
 */

#include "common/pci-address.h"
#include "hostd/core/problem.h"

#define PCI_LISTING_SIZE_MAX (16u << 20)
#define PCI_LISTING_DEVICES_MAX 4096

typedef struct PciListing {
        char *text; /* for libpci */
        PciAddress *devices;
        size_t n_devices;
} PciListing;

/* Bytes in; -ENOMEM only. */
int pci_listing_parse(const char *data, size_t size, const ProblemSink *problems, PciListing *ret);
void pci_listing_done(PciListing *l);
