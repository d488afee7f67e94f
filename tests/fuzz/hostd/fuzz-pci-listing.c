/*
 * Bare listings: what comes out is read again to the same devices, without a problem
 */

#include "hostd/edge/pci-listing.h"
#include "hostd/edge/sysfs-facts.h"
#include "tests/fuzz/fuzz.h"

static void count(const char *path, unsigned line, const char *reason, void *userdata) {
        (*(unsigned *) userdata)++;
}

static void check_again(const PciListing *l) {
        unsigned problems = 0;
        ProblemSink sink = { .handler = count, .userdata = &problems };
        PciListing again;

        if (pci_listing_parse(l->text, strlen(l->text), &sink, &again) < 0)
                return;
        if (problems > 0 || again.n_devices != l->n_devices || !streq(again.text, l->text))
                abort();
        pci_listing_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        PciListing listing;
        uint64_t bytes;

        if (pci_listing_parse((const char *) data, size, NULL, &listing) >= 0) {
                check_again(&listing);
                pci_listing_done(&listing);
        }
        if (text)
                sysfs_resource_size(text, 2, &bytes);
        return 0;
}
