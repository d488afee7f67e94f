/*
 * Block devices that the host itself stands on, in a sysfs of our own
 *
 * sda (8:0) has the partitions sda1, which is mounted, and sda2, on which an encrypted volume carries the
 * root; sdb (8:16) has a volume of a VM; sdc (8:32) is mounted whole, with a partition left on it.
 */

#include <sys/sysmacros.h>

#include "hostd/edge/own-disks.h"
#include "tests/unit/hostd-edge/test.h"

static void device(void **state, const char *folder, const char *numbers, bool partition) {
        char name[256];

        (void) snprintf(name, sizeof(name), "%s/dev", folder);
        write_file(state, name, numbers);
        if (!partition)
                return;
        (void) snprintf(name, sizeof(name), "%s/partition", folder);
        write_file(state, name, "1\n");
}

static void lay_out(void **state) {
        device(state, "8:0", "8:0\n", false);
        device(state, "8:0/sda1", "8:1\n", true);
        device(state, "8:0/sda2", "8:2\n", true);
        device(state, "8:0/queue", "8:1\n", false);
        device(state, "8:1", "8:1\n", true);
        device(state, "8:2", "8:2\n", true);
        device(state, "8:2/holders/dm-0", "253:0\n", false);
        device(state, "253:0/holders/dm-1", "253:1\n", false);
        device(state, "8:16", "8:16\n", false);
        device(state, "8:16/holders/dm-2", "253:2\n", false);
        device(state, "253:2", "253:2\n", false);
        device(state, "8:32", "8:32\n", false);
        device(state, "8:32/sdc1", "8:33\n", true);
        write_file(state, "mountinfo",
                "22 1 253:1 / / rw shared:1 - ext4 /dev/mapper/root rw\n"
                "23 22 8:1 / /boot rw - ext4 /dev/sda1 rw\n"
                "24 22 0:22 / /proc rw - proc proc rw\n"
                "25 22 8:32 / /srv rw - xfs /dev/sdc rw\n");
        write_file(state, "swaps", "Filename Type Size Used Priority\n/swapfile file 1 0 -2\n");
}

static int find(void **state, unsigned major, unsigned minor) {
        _cleanup_free_ char *mountinfo = strdup(in_folder(state, "mountinfo")),
                            *swaps = strdup(in_folder(state, "swaps"));
        const OwnDiskPaths paths = {.mountinfo = mountinfo, .swaps = swaps, .block = *state};

        return own_disk_find(&paths, makedev(major, minor));
}

static void what_is_mounted_or_below_it_is_the_hosts(void **state) {
        static const unsigned own[][2] = {{8, 1}, {8, 2}, {8, 0}, {253, 0}, {253, 1}, {8, 32}},
                              free_[][2] = {{8, 16}, {253, 2}, {8, 48}};

        lay_out(state);
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                assert_int_equal(find(state, own[i][0], own[i][1]), 1);
        for (size_t i = 0; i < ARRAY_SIZE(free_); i++)
                assert_int_equal(find(state, free_[i][0], free_[i][1]), 0);
}

/* In sysfs the folder of a partition stands in that of its disk, and 8:33 is a link to it. */
static void link_to(void **state, const char *name, const char *target) {
        _cleanup_free_ char *link = strdup(in_folder(state, name));

        assert_int_equal(symlink(target, link), 0);
}

static void a_partition_of_a_disk_in_use_is_the_hosts(void **state) {
        lay_out(state);
        link_to(state, "8:33", "8:32/sdc1");
        assert_int_equal(find(state, 8, 33), 1);
        device(state, "8:0/sda3", "8:3\n", true); /* from which the host starts */
        link_to(state, "8:3", "8:0/sda3");
        assert_int_equal(find(state, 8, 3), 1);
        device(state, "8:16/sdb1", "8:17\n", true);
        link_to(state, "8:17", "8:16/sdb1");
        assert_int_equal(find(state, 8, 17), 0);
}

static void what_cannot_be_read_is_not_taken_for_free(void **state) {
        lay_out(state);
        assert_int_equal(remove(in_folder(state, "mountinfo")), 0);
        assert_true(find(state, 8, 16) < 0);
        write_file(state, "mountinfo", "");
        assert_int_equal(find(state, 8, 1), 0);
        assert_int_equal(remove(in_folder(state, "swaps")), 0);
        assert_int_equal(find(state, 8, 1), 0);
}

/* A circle of holders ends. */
static void layers_are_counted(void **state) {
        lay_out(state);
        device(state, "253:8/holders/dm-9", "253:9\n", false);
        device(state, "253:9/holders/dm-8", "253:8\n", false);
        assert_int_equal(find(state, 253, 8), -ELOOP);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_FOLDER(what_is_mounted_or_below_it_is_the_hosts),
                IN_FOLDER(a_partition_of_a_disk_in_use_is_the_hosts),
                IN_FOLDER(what_cannot_be_read_is_not_taken_for_free),
                IN_FOLDER(layers_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
