/*
 * What hostd takes for settings
 */

#include <sys/stat.h>

#include "common/io/file.h"
#include "tests/unit/hostd-service/world.h"

#define USABLE                                                                                               \
        "hypervisor=simulated", "units=process", "sim_dir=/tmp", "domain_program=/bin/true",                 \
                "dm_program=/bin/true"

static int load(const char *const *args) {
        HostSettings s = {};
        int r;

        r = host_settings_load("/nowhere/hostd.conf", args, &s);
        if (r >= 0)
                host_settings_done(&s);
        return r;
}

static void the_defaults_are_those_of_a_real_host(void **state) {
        HostSettings s = {};

        assert_int_equal(
                host_settings_load("/nowhere/hostd.conf", (const char *const[]){USABLE, NULL}, &s), 0);
        assert_string_equal(s.bus, "unix:path=/run/dbus/system_bus_socket");
        assert_string_equal(s.sysfs_path, "/sys/bus/pci");
        assert_string_equal(s.nvidia_conf_dir, "/usr/share/nvidia/vgx");
        assert_string_equal(s.qemu_vgpu_args, "-vgpu");
        assert_int_equal(s.emulator_timeout, 50 * 1000000);
        assert_string_equal(s.units, units_process.name);
        host_settings_done(&s);
}

static void a_real_host_needs_no_folder_of_a_simulated_one(void **state) {
        assert_int_equal(
                load((const char *const[]){USABLE, "hypervisor=libxl", "units=systemd", "sim_dir=", NULL}),
                0);
}

static void nonsense_is_refused(void **state) {
        assert_int_equal(load((const char *const[]){USABLE, "hypervisor=qnx", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "emulator_arguments=7.x", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "on_emulator_death=cry", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "dm_program=/nowhere", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "sim_dir=", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "concurrent_starts=0", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "accelerators=1002 0x8086", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "accelerators=1002:74a1:", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "accelerators=1002 1DA3:1020", NULL}), 0);
        assert_int_equal(load((const char *const[]){USABLE, "colour=red", NULL}), -EINVAL);
}

/* The reason of a start that fails must come before libxl's, which gives 60 s. */
static void the_emulator_gets_less_time_than_libxl_gives(void **state) {
        assert_int_equal(load((const char *const[]){USABLE, "hypervisor=libxl", "emulator_timeout=55", NULL}), 0);
        assert_int_equal(
                load((const char *const[]){USABLE, "hypervisor=libxl", "emulator_timeout=56", NULL}), -EINVAL);
        assert_int_equal(load((const char *const[]){USABLE, "emulator_timeout=90", NULL}), 0);
}

/* Who could write the file could choose what root runs. */
static void settings_that_are_not_roots_alone_are_not_taken(void **state) {
        char folder[] = "/tmp/xenvgpu-settings-XXXXXX";
        const char *const args[] = {"domain_program=/bin/true", "dm_program=/bin/true", NULL};
        _cleanup_free_ char *file = NULL;
        HostSettings s = {};

        if (geteuid() != 0)
                skip();
        assert_non_null(mkdtemp(folder));
        file = path_join(folder, "hostd.conf");
        assert_int_equal(file_write_atomic(file, "[hostd]\n", 8, 0644), 0);
        assert_int_equal(host_settings_load(file, args, &s), 0);
        host_settings_done(&s);

        assert_int_equal(chmod(file, 0666), 0);
        assert_int_equal(host_settings_load(file, args, &s), -EPERM);
        assert_int_equal(chmod(file, 0644), 0);
        assert_int_equal(chown(file, 12345, 12345), 0);
        assert_int_equal(host_settings_load(file, args, &s), -EPERM);
        assert_int_equal(chown(file, 0, 0), 0);
        assert_int_equal(chown(folder, 12345, 12345), 0);
        assert_int_equal(host_settings_load(file, args, &s), -EPERM);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(host_settings_load(file, args, &s), -EPERM);
        assert_int_equal(chown(folder, 0, 0), 0);
        assert_int_equal(chmod(folder, 0770), 0);
        assert_int_equal(host_settings_load(file, args, &s), 0);
        host_settings_done(&s);
        assert_int_equal(remove_tree(folder), 0);
}

static void every_setting_is_explained(void **state) {
        for (size_t i = 0; i < host_n_settings; i++) {
                assert_false(isempty(host_setting_table[i].help));
                assert_non_null(host_setting_table[i].fallback);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_defaults_are_those_of_a_real_host),
                cmocka_unit_test(a_real_host_needs_no_folder_of_a_simulated_one),
                cmocka_unit_test(nonsense_is_refused),
                cmocka_unit_test(the_emulator_gets_less_time_than_libxl_gives),
                cmocka_unit_test(settings_that_are_not_roots_alone_are_not_taken),
                cmocka_unit_test(every_setting_is_explained),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
