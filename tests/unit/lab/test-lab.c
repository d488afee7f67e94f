/*
 * The lab's hosts: what a specification means, and that the machine written for it is one that libpci reads
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <pci/pci.h>

#include "common/io/file.h"
#include "common/base/pci-address.h"
#include "tests/lab/hardware.h"
#include "tests/lab/spec.h"

static void test_spec_in_full(void **state) {
        _cleanup_free_ char *error = NULL;
        HostSpec s = {};

        assert_int_equal(
                host_spec_parse(
                        "beta=k1,k2,gvt:memory=128GiB:networks=xenbr0+xenbr1:iommu=false:cpus=8", &s, &error),
                0);
        assert_string_equal(s.name, "beta");
        assert_int_equal(s.n_cards, 3);
        assert_int_equal(s.cards[1], CARD_K2);
        assert_true(s.memory == 128ULL << 30);
        assert_true(s.dom0_memory == 4ULL << 30);
        assert_int_equal(s.cpus, 8);
        assert_false(s.iommu);
        assert_string_equal(s.networks[1], "xenbr1");
        assert_null(s.networks[2]);
        assert_string_equal(s.storage[0], "/var/lib/xen/images");
        host_spec_done(&s);
}

static void test_spec_without_cards(void **state) {
        static const char *const texts[] = { "a=", "a=none", "a=:memory=8GiB", "a=none:storage=" };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_free_ char *error = NULL;
                HostSpec s = {};

                assert_int_equal(host_spec_parse(texts[i], &s, &error), 0);
                assert_int_equal(s.n_cards, 0);
                host_spec_done(&s);
        }
}

/* What is wrong is named. */
static void test_spec_refused(void **state) {
        static const struct {
                const char *text, *named;
        } cases[] = {
                { "alpha", "alpha" },
                { "=k1", "no host name" },
                { "a/b=k1", "a/b" },
                { "..=k1", "no host name" },
                { "a=k3", "'k3'" },
                { "a=k1:memory=lots", "memory=lots" },
                { "a=k1:memory", "has no value" },
                { "a=k1:colour=red", "'colour'" },
                { "a=k1:memory=2GiB", "leaves nothing" },
                { "a=k1:cpus=0", "cpus=0" },
                { "a=gvt,gvt", "one integrated GPU" },
                { "a=@/nowhere/at/all", "/nowhere/at/all" },
                { "a=k1,@/tmp", "stands alone" },
                { "a=k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1,k1", "more than 20" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *error = NULL;
                HostSpec s = {};

                assert_int_equal(host_spec_parse(cases[i].text, &s, &error), -EINVAL);
                assert_non_null(error);
                if (!strstr(error, cases[i].named))
                        fail_msg("'%s' is not in: %s", cases[i].named, error);
        }
}

static void test_spec_recorded(void **state) {
        _cleanup_free_ char *error = NULL;
        HostSpec s = {};

        assert_int_equal(host_spec_parse("a=@/tmp/../tmp:memory=8GiB", &s, &error), 0);
        assert_true(s.recorded_tree);
        assert_string_equal(s.text, "a=@/tmp:memory=8GiB");
        host_spec_done(&s);
}

typedef struct Seen {
        size_t n, n_k1, n_k2, n_h100, n_bridges;
        uint64_t intel_aperture;
        PciAddress first_k1;
} Seen;

static void look(struct pci_dev *d, Seen *seen) {
        pci_fill_info(d, PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_BASES | PCI_FILL_SIZES);
        seen->n++;
        if (d->device_class == 0x0604)
                seen->n_bridges++;
        if (d->vendor_id == 0x8086 && d->device_id == 0x041a)
                seen->intel_aperture = d->size[2];
        seen->n_h100 += d->device_class == 0x0302 && d->device_id == 0x2330;
        if (d->vendor_id != 0x10de || d->device_class != 0x0300)
                return;

        assert_int_equal(d->device_class, 0x0300);
        assert_int_equal(d->dev, 0);
        assert_int_equal(d->func, 0);
        assert_int_equal(pci_read_byte(d, PCI_REVISION_ID), 0xa1);
        assert_int_equal(pci_read_word(d, PCI_SUBSYSTEM_VENDOR_ID), 0x10de);
        assert_int_equal(pci_read_word(d, PCI_SUBSYSTEM_ID), d->device_id == 0x0ff2 ? 0x1012 : 0x100a);
        if (d->device_id == 0x0ff2 && (seen->n_k1++ == 0 || d->bus < seen->first_k1.bus))
                seen->first_k1 = (PciAddress){ .domain = (uint16_t) d->domain, .bus = d->bus };
        if (d->device_id == 0x11bf)
                seen->n_k2++;
}

static void scan(const char *folder, Seen *ret) {
        struct pci_access *access = pci_alloc();

        access->method = PCI_ACCESS_SYS_BUS_PCI;
        pci_set_param(access, (char *) "sysfs.path", (char *) folder);
        pci_init(access);
        pci_scan_bus(access);
        *ret = (Seen){};
        for (struct pci_dev *d = access->devices; d; d = d->next)
                look(d, ret);
        pci_cleanup(access);
}

static void test_machine_is_read_by_libpci(void **state) {
        static const Card cards[] = { CARD_K1, CARD_K2, CARD_GVT, CARD_K1, CARD_MXGPU, CARD_HGX, CARD_NIC };
        char folder[] = "/tmp/test-lab.XXXXXX";
        Seen seen;

        assert_non_null(mkdtemp(folder));
        assert_int_equal(hardware_write(folder, cards, ARRAY_SIZE(cards)), 0);
        scan(folder, &seen);
        assert_int_equal(seen.n_k1, 8);
        assert_int_equal(seen.n_k2, 2);
        assert_int_equal(seen.first_k1.bus, 0x83);
        assert_true(seen.intel_aperture == 1ULL << 30);
        assert_int_equal(seen.n_h100, 8);
        /* Host bridge, integrated GPU, MxGPU, network cards; a root port for each board, and a switch with a port for each
         * GPU; of an HGX board four of both, with a port for a network card too. */
        assert_int_equal(seen.n_bridges, 4 + (1 + 4) + (1 + 2) + (1 + 4) + 4 * (2 + 3) + 1);
        assert_int_equal(seen.n, 8 + 2 + 8 + 3 + 4 + 1 + seen.n_bridges);
        remove_tree(folder);
}

static void test_largest_machine(void **state) {
        Card cards[LAB_HOST_CARDS_MAX] = {};
        char folder[] = "/tmp/test-lab.XXXXXX";
        Seen seen;

        assert_non_null(mkdtemp(folder));
        assert_int_equal(hardware_write(folder, cards, ARRAY_SIZE(cards)), 0);
        scan(folder, &seen);
        assert_int_equal(seen.n_k1, 4 * LAB_HOST_CARDS_MAX);
        remove_tree(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_spec_in_full),
                cmocka_unit_test(test_spec_without_cards),
                cmocka_unit_test(test_spec_refused),
                cmocka_unit_test(test_spec_recorded),
                cmocka_unit_test(test_machine_is_read_by_libpci),
                cmocka_unit_test(test_largest_machine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
