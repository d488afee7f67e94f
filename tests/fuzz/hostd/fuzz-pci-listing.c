/*
 * Bare listings: each device once, with an address that is one
 */

#include "hostd/edge/pci-listing.h"
#include "hostd/edge/sysfs-facts.h"
#include "tests/fuzz/fuzz.h"

static void check(const PciListing *l) {
        if (l->n > PCI_LISTING_DEVICES_MAX)
                abort();
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; k < i; k++)
                        if (pci_address_compare(&l->functions[i].address, &l->functions[k].address) == 0)
                                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        PciListing listing;
        uint64_t bytes;

        if (pci_listing_parse((const char *) data, size, NULL, &listing) >= 0) {
                check(&listing);
                pci_listing_done(&listing);
        }
        if (text)
                sysfs_resource_size(text, 2, &bytes);
        return 0;
}
