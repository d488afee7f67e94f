/*
 * Bridges and storage as the kernel lists them
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "hostd/edge/machine-facts.h"

static char *make_folder(void) {
        char *folder = strdup("/tmp/xenvgpu-test-XXXXXX");

        assert_non_null(folder);
        assert_non_null(mkdtemp(folder));
        return folder;
}

static void make_device(const char *folder, const char *path) {
        _cleanup_free_ char *full = path_join(folder, path);

        assert_int_equal(mkdir_parents(full, 0755), 0);
}

static void networks_are_the_bridges(void **state) {
        _cleanup_(strv_freep) char **bridges = NULL;
        _cleanup_free_ char *folder = make_folder();

        make_device(folder, "xenbr1/bridge");
        make_device(folder, "xenbr0/bridge");
        make_device(folder, "eth0/device");
        make_device(folder, "lo");
        assert_int_equal(machine_facts_read_bridges(folder, &bridges), 0);
        assert_string_equal(bridges[0], "xenbr0");
        assert_string_equal(bridges[1], "xenbr1");
        assert_null(bridges[2]);
        assert_int_equal(remove_tree(folder), 0);
}

static void no_networks_at_all_is_an_answer(void **state) {
        _cleanup_(strv_freep) char **bridges = NULL;
        _cleanup_free_ char *folder = make_folder();

        assert_int_equal(machine_facts_read_bridges(folder, &bridges), 0);
        assert_int_equal(strv_count(bridges), 0);
        assert_int_equal(remove_tree(folder), 0);
        assert_int_equal(machine_facts_read_bridges(folder, &bridges), -ENOENT);
}

static void storage_is_what_is_named_and_what_is_mounted(void **state) {
        static const char mounts[] =
                "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
                "23 22 0:21 / /proc rw,nosuid - proc proc rw\n"
                "24 22 0:22 / /run rw,nosuid shared:4 - tmpfs tmpfs rw\n"
                "25 22 254:16 / /mnt/big\\040disks rw - xfs /dev/mapper/big rw\n"
                "26 22 0:44 / /mnt/nfs rw shared:9 master:2 - nfs4 filer.example:/vms rw\n"
                "27 22 254:16 /part /mnt/nfs rw - xfs /dev/mapper/big rw\n"
                "nonsense\n"
                "28 22 - x\n";
        _cleanup_(strv_freep) char **storage = NULL;
        _cleanup_free_ char *folder = make_folder(), *path = path_join(folder, "mountinfo");

        assert_int_equal(file_write_atomic(path, mounts, strlen(mounts), 0600), 0);
        assert_int_equal(machine_facts_read_storage("/dev  /srv", path, &storage), 0);
        assert_string_equal(storage[0], "/dev");
        assert_string_equal(storage[1], "/mnt/big disks");
        assert_string_equal(storage[2], "/mnt/nfs");
        assert_string_equal(storage[3], "/srv");
        assert_null(storage[4]);
        assert_int_equal(remove_tree(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(networks_are_the_bridges),
                cmocka_unit_test(no_networks_at_all_is_an_answer),
                cmocka_unit_test(storage_is_what_is_named_and_what_is_mounted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
