#pragma once

/*
 * A bare listing, `lspci -D -nn -xxx`
 *
 * libpci's dump method rejects a whole file for one malformed line. Here complete devices are read from their configuration
 * space, and the others are reported by line. Complete means: an address, and rows of 16 bytes from 00: on without a gap,
 * 64, 128, 256 or 4096 bytes in all.
 */

#include "hostd/core/problem.h"
#include "hostd/edge/pci-access.h"

#define PCI_LISTING_SIZE_MAX (16u << 20)
#define PCI_LISTING_DEVICES_MAX 4096

typedef struct PciListing {
        /* In the file's order. One that does not answer has the ids that lspci -nn writes into its first line, which it has from
         * the kernel; 0 where the line has none. */
        PciFunction *functions;
        size_t n;
        size_t n_without_bytes; /* as all are in lspci -vvnn */
} PciListing;

/* Bytes in; -ENOMEM only. */
int pci_listing_parse(const char *data, size_t size, const ProblemSink *problems, PciListing *ret);
void pci_listing_done(PciListing *l);
