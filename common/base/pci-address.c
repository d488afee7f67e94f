/*
 * PCI addresses
 *
 * Reading is strict about the number of digits, as sysfs is: "84:0.0" is refused as a typing error.
 */

#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/pci-address.h"

/* Exactly n hex digits; advances *p. */
static int read_hex(const char **p, unsigned n, unsigned *ret) {
        unsigned value = 0;

        for (unsigned i = 0; i < n; i++) {
                int digit = parse_digit((*p)[i], 16);

                if (digit < 0)
                        return digit;
                value = value << 4 | (unsigned) digit;
        }

        *p += n;
        *ret = value;
        return 0;
}

/* Four hex digits; or up to eight, if the first is not zero. */
static int read_domain(const char **p, uint32_t *ret) {
        uint32_t value = 0;
        size_t n = 0;

        for (; parse_digit((*p)[n], 16) >= 0; n++)
                if (n < 8)
                        value = value << 4 | (uint32_t) parse_digit((*p)[n], 16);
        if (n < 4 || n > 8 || (n > 4 && **p == '0'))
                return -EINVAL;

        *p += n;
        *ret = value;
        return 0;
}

/* BB?DD?F and the end, with the separators given. */
static int read_bus_dev_fn(const char *p, const char separators[static 2], PciAddress *address) {
        unsigned bus, dev;

        if (read_hex(&p, 2, &bus) < 0 || *p++ != separators[0])
                return -EINVAL;
        if (read_hex(&p, 2, &dev) < 0 || *p++ != separators[1])
                return -EINVAL;
        if (dev > 31 || p[0] < '0' || p[0] > '7' || p[1])
                return -EINVAL;

        address->bus = (uint8_t) bus;
        address->dev = (uint8_t) dev;
        address->fn = (uint8_t) (p[0] - '0');
        return 0;
}

int pci_address_from_string(const char *text, PciAddress *ret) {
        PciAddress address = {};
        const char *p = text;

        if (!text)
                return -EINVAL;
        if (read_domain(&p, &address.domain) == 0 && *p++ != ':')
                return -EINVAL;
        if (read_bus_dev_fn(p, ":.", &address) < 0)
                return -EINVAL;

        *ret = address;
        return 0;
}

const char *pci_address_to_string(const PciAddress *a, char buf[static PCI_ADDRESS_TEXT_MAX]) {
        snprintf(buf, PCI_ADDRESS_TEXT_MAX, "%04x:%02x:%02x.%x", a->domain, a->bus, a->dev & 0x1f, a->fn & 0x7);
        return buf;
}

bool pci_same_slot(const PciAddress *a, const PciAddress *b) {
        return a->domain == b->domain && a->bus == b->bus && a->dev == b->dev;
}

bool pci_address_is_xens(const PciAddress *a) {
        return a->domain <= UINT16_MAX;
}

int pci_address_compare(const PciAddress *a, const PciAddress *b) {
        if (a->domain != b->domain)
                return a->domain < b->domain ? -1 : 1;
        if (a->bus != b->bus)
                return a->bus < b->bus ? -1 : 1;
        if (a->dev != b->dev)
                return a->dev < b->dev ? -1 : 1;
        if (a->fn != b->fn)
                return a->fn < b->fn ? -1 : 1;
        return 0;
}

const char *pci_address_to_path_element(const PciAddress *a, char buf[static PCI_ADDRESS_TEXT_MAX + 1]) {
        snprintf(buf, PCI_ADDRESS_TEXT_MAX + 1, "_%04x_%02x_%02x_%x", a->domain, a->bus, a->dev & 0x1f, a->fn & 0x7);
        return buf;
}

int pci_address_from_path_element(const char *element, PciAddress *ret) {
        PciAddress address = {};
        const char *p = element;

        if (!element || *p++ != '_' || read_domain(&p, &address.domain) < 0 || *p++ != '_')
                return -EINVAL;
        if (read_bus_dev_fn(p, "__", &address) < 0)
                return -EINVAL;

        *ret = address;
        return 0;
}
