/*
 * Numbers, sizes, UUIDs and PCI addresses: what is read, what is refused, and that each reads what it writes
 */

#include "common/base/parse.h"
#include "common/base/pci-address.h"
#include "common/base/uuid.h"
#include "tests/unit/common/test.h"

static void decimal_numbers(void **state) {
        uint32_t u32 = 7;
        uint64_t u64;

        assert_ok(parse_u32("4294967295", &u32));
        assert_int_equal(u32, UINT32_MAX);
        assert_ok(parse_u64("18446744073709551615", &u64));
        assert_true(u64 == UINT64_MAX);
        assert_ok(parse_u64("007", &u64));
        assert_int_equal(u64, 7);
}

static void numbers_that_do_not_fit_are_out_of_range(void **state) {
        uint32_t u32 = 7;
        uint64_t u64 = 7;

        assert_int_equal(parse_u32("4294967296", &u32), -ERANGE);
        assert_int_equal(parse_u64("18446744073709551616", &u64), -ERANGE);
        assert_true(u32 == 7 && u64 == 7);
}

static void what_is_not_wholly_a_number_is_refused(void **state) {
        static const char *const bad[] = { "", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "one", "--1", "-",
                                           "99999999999999999999x" };
        uint64_t u64 = 7;
        uint32_t u32;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(parse_u64(bad[i], &u64), -EINVAL);
                assert_int_equal(parse_u32(bad[i], &u32), -EINVAL);
                }
        assert_int_equal(parse_u64("-1", &u64), -EINVAL);
        assert_int_equal(parse_u64(NULL, &u64), -EINVAL);
        assert_int_equal(u64, 7);
}

static void hex_numbers(void **state) {
        uint64_t n;
        uint16_t id;

        assert_ok(parse_number("0x1F", &n));
        assert_int_equal(n, 31);
        assert_ok(parse_number("0Xff", &n));
        assert_int_equal(n, 255);
        assert_ok(parse_number("31", &n));
        assert_int_equal(n, 31);
        assert_int_equal(parse_number("0x", &n), -EINVAL);
        assert_int_equal(parse_number("1f", &n), -EINVAL);
        assert_int_equal(parse_number("0x10000000000000000", &n), -ERANGE);

        assert_ok(parse_hex16("0x0FF2", &id));
        assert_int_equal(id, 0x0ff2);
        assert_ok(parse_hex16("ff2", &id));
        assert_int_equal(id, 0x0ff2);
        assert_int_equal(parse_hex16("10000", &id), -ERANGE);
        assert_int_equal(parse_hex16("00001", &id), -ERANGE);
        assert_int_equal(parse_hex16("0x", &id), -EINVAL);
        assert_int_equal(parse_hex16("ff2g", &id), -EINVAL);
}

static void booleans(void **state) {
        static const char *const yes[] = { "true", "YES", "On", "1" }, *const no[] = { "false", "no", "OFF", "0" };
        bool b;

        for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
                b = false;
                assert_ok(parse_boolean(yes[i], &b));
                assert_true(b);
                assert_ok(parse_boolean(no[i], &b));
                assert_false(b);
        }
        assert_int_equal(parse_boolean("", &b), -EINVAL);
        assert_int_equal(parse_boolean("2", &b), -EINVAL);
        assert_int_equal(parse_boolean("true ", &b), -EINVAL);
}

static void sizes(void **state) {
        static const struct {
                const char *text;
                uint64_t bytes;
        } good[] = {
                { "0", 0 },
                { "512", 512 },
                { "512B", 512 },
                { "1KiB", 1024 },
                { "3K", 3072 },
                { "2MiB", UINT64_C(2) << 20 },
                { "64gib", UINT64_C(64) << 30 },
                { "1T", UINT64_C(1) << 40 },
        };
        uint64_t n = 7;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_ok(parse_size(good[i].text, &n));
                assert_true(n == good[i].bytes);
        }

        assert_int_equal(parse_size("16777216TiB", &n), -ERANGE);
        assert_int_equal(parse_size("GiB", &n), -EINVAL);
        assert_int_equal(parse_size("1 GiB", &n), -EINVAL);
        assert_int_equal(parse_size("1.5GiB", &n), -EINVAL);
        assert_int_equal(parse_size("-1", &n), -EINVAL);
        assert_int_equal(parse_size("1KB", &n), -EINVAL);
}

static void sizes_for_people(void **state) {
        assert_string_equal(SIZE_TEXT(0), "0 B");
        assert_string_equal(SIZE_TEXT(1023), "1023 B");
        assert_string_equal(SIZE_TEXT(1024), "1 KiB");
        assert_string_equal(SIZE_TEXT(UINT64_C(25) << 29), "12.5 GiB");
        assert_string_equal(SIZE_TEXT((UINT64_C(1) << 30) - 1), "1023.9 MiB");
        assert_string_equal(SIZE_TEXT(UINT64_MAX), "15.9 EiB");
}

static void uuids_read_what_they_write(void **state) {
        const char *text = "f9d68e9f-61af-4f96-b112-837db3b6dac2";
        Uuid id, again;
        char path[UUID_TEXT_MAX + 1];

        assert_ok(uuid_from_string("F9D68E9F-61af-4f96-b112-837DB3B6DAC2", &id));
        assert_string_equal(UUID_TEXT(&id), text);
        assert_string_equal(uuid_to_path_element(&id, path), "_f9d68e9f_61af_4f96_b112_837db3b6dac2");
        assert_ok(uuid_from_path_element(path, &again));
        assert_true(uuid_equal(&id, &again));
        assert_int_equal(uuid_compare(&id, &again), 0);
        assert_true(uuid_compare(&UUID_NULL, &id) < 0);
        assert_true(uuid_is_null(&UUID_NULL));
        assert_false(uuid_is_null(&id));
}

static void what_is_no_uuid_is_refused(void **state) {
        static const char *const bad[] = {
                "",
                "f9d68e9f",
                "f9d68e9f-61af-4f96-b112-837db3b6dac",
                "f9d68e9f-61af-4f96-b112-837db3b6dac22",
                " f9d68e9f-61af-4f96-b112-837db3b6dac2",
                "f9d68e9f-61af-4f96-b112-837db3b6dac2 ",
                "f9d68e9f_61af_4f96_b112_837db3b6dac2",
                "f9d68e9f61af4f96b112837db3b6dac2",
                "g9d68e9f-61af-4f96-b112-837db3b6dac2",
        };
        Uuid id = UUID_NULL;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(uuid_from_string(bad[i], &id), -EINVAL);
        assert_int_equal(uuid_from_string(NULL, &id), -EINVAL);
        assert_int_equal(uuid_from_path_element("f9d68e9f_61af_4f96_b112_837db3b6dac2", &id), -EINVAL);
        assert_int_equal(uuid_from_path_element("_f9d68e9f-61af-4f96-b112-837db3b6dac2", &id), -EINVAL);
        assert_true(uuid_is_null(&id));
}

static void generated_uuids_are_version_4_and_differ(void **state) {
        Uuid a, b;

        assert_ok(uuid_generate(&a));
        assert_ok(uuid_generate(&b));
        assert_false(uuid_equal(&a, &b));
        assert_int_equal(UUID_TEXT(&a)[14], '4');
        assert_non_null(strchr("89ab", UUID_TEXT(&a)[19]));
}

static void pci_addresses_read_what_they_write(void **state) {
        char path[PCI_ADDRESS_TEXT_MAX + 1];
        PciAddress a, b;

        assert_ok(pci_address_from_string("0000:84:00.0", &a));
        assert_true(a.domain == 0 && a.bus == 0x84 && a.dev == 0 && a.fn == 0);
        assert_ok(pci_address_from_string("84:00.0", &b));
        assert_int_equal(pci_address_compare(&a, &b), 0);
        assert_ok(pci_address_from_string("ABCD:ff:1f.7", &b));
        assert_string_equal(PCI_TEXT(&b), "abcd:ff:1f.7");
        assert_true(pci_address_compare(&a, &b) < 0);
        assert_true(pci_address_compare(&b, &a) > 0);

        assert_ok(pci_address_from_string("10000:e1:00.0", &b));
        assert_string_equal(PCI_TEXT(&b), "10000:e1:00.0");
        assert_false(pci_address_is_xens(&b));
        assert_true(pci_address_compare(&a, &b) < 0 && pci_address_is_xens(&a));
        assert_string_equal(pci_address_to_path_element(&b, path), "_10000_e1_00_0");
        assert_ok(pci_address_from_path_element(path, &b));
        assert_int_equal(b.domain, 0x10000);
        assert_ok(pci_address_from_string("ffffffff:ff:1f.7", &b));
        assert_string_equal(PCI_TEXT(&b), "ffffffff:ff:1f.7");
        assert_int_equal(pci_address_from_string("100000000:00:00.0", &b), -EINVAL);
        assert_int_equal(pci_address_from_string("00000:84:00.0", &b), -EINVAL);

        assert_string_equal(pci_address_to_path_element(&a, path), "_0000_84_00_0");
        assert_ok(pci_address_from_path_element(path, &b));
        assert_int_equal(pci_address_compare(&a, &b), 0);
}

static void pci_addresses_sort_by_domain_bus_device_function(void **state) {
        static const char *const order[] = { "0000:00:00.0", "0000:00:00.1", "0000:00:01.0",
                                             "0000:01:00.0", "0000:83:00.0", "0001:00:00.0" };
        PciAddress a, b;

        for (size_t i = 0; i + 1 < ARRAY_SIZE(order); i++) {
                assert_ok(pci_address_from_string(order[i], &a));
                assert_ok(pci_address_from_string(order[i + 1], &b));
                assert_true(pci_address_compare(&a, &b) < 0);
                assert_true(pci_address_compare(&b, &a) > 0);
        }
}

static void what_is_no_pci_address_is_refused(void **state) {
        static const char *const bad[] = { "",         "84",       "84:00",         "84:00.",       "84:00.8",
                                           "84:20.0",  "84:0.0",   "0000:84:00.00", "000:84:00.0",  "00000:84:00.0",
                                           "84:00.0 ", "0000-84:00.0", "xx:00.0",   "0000:84:00:0" };
        static const char *const bad_elements[] = { "", "_", "0000_84_00_0", "_0000_84_00_", "_0000:84:00.0",
                                                    "_0000_84_00_0_0" };
        PciAddress a;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(pci_address_from_string(bad[i], &a), -EINVAL);
        for (size_t i = 0; i < ARRAY_SIZE(bad_elements); i++)
                assert_int_equal(pci_address_from_path_element(bad_elements[i], &a), -EINVAL);
        assert_int_equal(pci_address_from_string(NULL, &a), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decimal_numbers),
                cmocka_unit_test(numbers_that_do_not_fit_are_out_of_range),
                cmocka_unit_test(what_is_not_wholly_a_number_is_refused),
                cmocka_unit_test(hex_numbers),
                cmocka_unit_test(booleans),
                cmocka_unit_test(sizes),
                cmocka_unit_test(sizes_for_people),
                cmocka_unit_test(uuids_read_what_they_write),
                cmocka_unit_test(what_is_no_uuid_is_refused),
                cmocka_unit_test(generated_uuids_are_version_4_and_differ),
                cmocka_unit_test(pci_addresses_read_what_they_write),
                cmocka_unit_test(pci_addresses_sort_by_domain_bus_device_function),
                cmocka_unit_test(what_is_no_pci_address_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
