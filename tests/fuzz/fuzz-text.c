/*
 * Numbers, sizes, ids and addresses: what is taken as an id or address is written as one that is taken again, and the same
 */

#include "common/base/parse.h"
#include "common/base/pci-address.h"
#include "common/base/uuid.h"
#include "tests/fuzz/fuzz.h"

static void check_uuid(const char *text) {
        char path[UUID_TEXT_MAX + 1];
        Uuid id, again;

        if (uuid_from_path_element(text, &id) < 0 && uuid_from_string(text, &id) < 0)
                return;
        if (uuid_from_string(UUID_TEXT(&id), &again) < 0 || !uuid_equal(&id, &again))
                abort();
        if (uuid_from_path_element(uuid_to_path_element(&id, path), &again) < 0 || !uuid_equal(&id, &again))
                abort();
}

static void check_pci(const char *text) {
        char path[PCI_ADDRESS_TEXT_MAX + 1];
        PciAddress a, again;

        if (pci_address_from_path_element(text, &a) < 0 && pci_address_from_string(text, &a) < 0)
                return;
        if (pci_address_from_string(PCI_TEXT(&a), &again) < 0 || pci_address_compare(&a, &again) != 0)
                abort();
        if (pci_address_from_path_element(pci_address_to_path_element(&a, path), &again) < 0 ||
            pci_address_compare(&a, &again) != 0)
                abort();
}

static void read_numbers(const char *text) {
        uint64_t u64;
        uint32_t u32;
        uint16_t u16;
        bool b;

        if (parse_u32(text, &u32) == 0 && (parse_u64(text, &u64) < 0 || u64 != u32))
                abort();
        parse_number(text, &u64);
        parse_hex16(text, &u16);
        parse_boolean(text, &b);
        if (parse_size(text, &u64) == 0 && strlen(SIZE_TEXT(u64)) > 31)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);

        if (!text)
                return 0;
        check_uuid(text);
        check_pci(text);
        read_numbers(text);
        return 0;
}
