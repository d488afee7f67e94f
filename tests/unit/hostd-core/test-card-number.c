/*
 * Numbers of cards: what vital product data and NVIDIA's driver say, whole, cut off and spoilt
 */

#include "common/base/uuid.h"
#include "hostd/core/card-number.h"
#include "tests/unit/hostd-core/test.h"

#define NAME "\x82\x04\x00" "GPU!"
#define SN_OF_12 "SN\x0c" "032141603754"

/* name, part and serial number, and the sum over all before. */
static size_t make_vpd(uint8_t *data, const char *keywords, size_t n, bool with_sum) {
        size_t at = 0, size = n + (with_sum ? 4 : 0);
        uint8_t sum = 0;

        memcpy(data, NAME, sizeof(NAME) - 1);
        at += sizeof(NAME) - 1;
        data[at++] = 0x90;
        data[at++] = (uint8_t) (size & 0xff);
        data[at++] = (uint8_t) (size >> 8);
        memcpy(data + at, keywords, n);
        at += n;
        if (with_sum) {
                memcpy(data + at, "RV\x01", 3);
                at += 3;
                for (size_t i = 0; i < at; i++)
                        sum = (uint8_t) (sum + data[i]);
                data[at++] = (uint8_t) -sum;
        }
        data[at++] = 0x78;
        return at;
}

#define VPD(keywords, with_sum) make_vpd(data, keywords, sizeof(keywords) - 1, with_sum)

static void a_serial_number_of_the_card(void **state) {
        uint8_t data[512];
        char serial[CARD_NUMBER_MAX];
        size_t n;

        assert_true(vpd_serial(data, VPD("PN\x03" "A16" SN_OF_12 "V0\x02" "xy", true), serial));
        assert_string_equal(serial, "032141603754");
        assert_true(vpd_serial(data, VPD(SN_OF_12, false), serial)); /* the sum is missing */
        assert_true(vpd_serial(data, VPD("SN\x08" " 0815\0 \0", true), serial));
        assert_string_equal(serial, "0815");

        n = VPD(SN_OF_12, true);
        data[n - 2]++; /* the sum */
        assert_false(vpd_serial(data, n, serial));
}

static void what_says_nothing_is_no_number(void **state) {
        uint8_t data[512];
        char serial[CARD_NUMBER_MAX];

        assert_false(vpd_serial(data, VPD("SN\x08" "00000000", true), serial));
        assert_false(vpd_serial(data, VPD("SN\x08" "        ", true), serial));
        assert_false(vpd_serial(data, VPD("SN\x03" "N/A", true), serial));
        assert_false(vpd_serial(data, VPD("SN\x08" "a number", true), serial)); /* a blank inside */
        assert_false(vpd_serial(data, VPD("SN\x05" "12\n45", true), serial));
        assert_false(vpd_serial(data, VPD("SN\x00", true), serial));
        assert_false(vpd_serial(data, VPD("PN\x03" "A16", true), serial));
        memset(data, 0xff, sizeof(data));
        assert_false(vpd_serial(data, sizeof(data), serial));
        memset(data, 0, sizeof(data));
        assert_false(vpd_serial(data, sizeof(data), serial));
        assert_false(vpd_serial(data, 0, serial));
}

/* However it is cut off or spoilt, nothing behind its end is read, and a number is a text that can be shown. */
static void whatever_stands_there(void **state) {
        uint8_t whole[512];
        size_t n = make_vpd(whole, "PN\x03" "A16" SN_OF_12, sizeof("PN\x03" "A16" SN_OF_12) - 1, /* with_sum= */ true);
        uint32_t dice = 7;

        for (unsigned round = 0; round < 20000; round++) {
                size_t size = round < n ? round : n;
                uint8_t *data = malloc(MAX_OF(size, (size_t) 1));
                char serial[CARD_NUMBER_MAX];

                memcpy(data, whole, size);
                for (unsigned k = 0; round >= n && k < 1 + round % 3; k++) {
                        dice = dice * 1664525 + 1013904223;
                        data[(dice >> 8) % size] = (uint8_t) (dice >> 24);
                }
                if (vpd_serial(data, size, serial)) {
                        assert_in_range(strlen(serial), 4, CARD_NUMBER_MAX - 1);
                        for (const char *c = serial; *c; c++)
                                assert_in_range(*c, '!', '~');
                }
                free(data);
        }
}

static void a_uuid_of_nvidias_driver(void **state) {
        char uuid[CARD_NUMBER_MAX];

        assert_true(nvidia_gpu_uuid("Model: \t\t NVIDIA A16\nIRQ:   \t\t 149\n"
                                    "GPU UUID: \t GPU-5F0B1C2D-aaaa-4bbb-8ccc-0123456789ab\nVideo BIOS: \t 94.07\n",
                uuid));
        assert_string_equal(uuid, "5f0b1c2d-aaaa-4bbb-8ccc-0123456789ab");
        /* Nobody has opened the GPU yet. */
        assert_false(nvidia_gpu_uuid("Model: A16\nGPU UUID: \t GPU-\?\?\?\?\?\?\?\?-\?\?\?\?-\?\?\?\?-\?\?\?\?-\?\?\?\?\?\?\?\?\?\?\?\?\n", uuid));
        assert_false(nvidia_gpu_uuid("GPU UUID: GPU-00000000-0000-0000-0000-000000000000\n", uuid));
        assert_false(nvidia_gpu_uuid("GPU UUID: MIG-5f0b1c2d-aaaa-4bbb-8ccc-0123456789ab\n", uuid));
        assert_false(nvidia_gpu_uuid("GPU UUID: GPU-5f0b1c2d-aaaa-4bbb-8ccc-0123456789abcd\n", uuid));
        assert_false(nvidia_gpu_uuid("Model: GPU UUID: GPU-5f0b1c2d-aaaa-4bbb-8ccc-0123456789ab\n", uuid));
        assert_false(nvidia_gpu_uuid("GPU UUID:", uuid));
        assert_false(nvidia_gpu_uuid("", uuid));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_serial_number_of_the_card),
                cmocka_unit_test(what_says_nothing_is_no_number),
                cmocka_unit_test(whatever_stands_there),
                cmocka_unit_test(a_uuid_of_nvidias_driver),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
