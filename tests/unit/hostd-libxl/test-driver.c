/*
 * Drivers that VGPUs need: when one is missing, and what is said where it does not come
 *
 * The kernel is a folder. Nothing binds there, so that whoever writes to "bind" finds the function as it was.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/helper/native-driver.h"

static const PciAddress card = { .bus = 0x84 };

typedef struct Machine {
        char sysfs[64];
} Machine;

static void make_folder(const Machine *m, const char *name) {
        _cleanup_free_ char *path = path_join(m->sysfs, name);

        assert_int_equal(mkdir_parents(path, 0755), 0);
}

static void write_text(const Machine *m, const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(m->sysfs, name);

        assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void assert_text(const Machine *m, const char *name, const char *wanted) {
        _cleanup_free_ char *path = path_join(m->sysfs, name), *text = NULL;

        assert_int_equal(file_read_line(path, &text), 0);
        assert_string_equal(text, wanted);
}

/* The card, with a driver or "". */
static void make_machine(Machine *m, const char *driver) {
        _cleanup_free_ char *link = NULL, *target = NULL;

        (void) strcpy(m->sysfs, "/tmp/xenvgpu-test-XXXXXX");
        assert_non_null(mkdtemp(m->sysfs));
        make_folder(m, "devices/0000:84:00.0");
        if (!*driver)
                return;
        link = path_join(m->sysfs, "devices/0000:84:00.0/driver");
        target = path_join("../../drivers", driver);
        assert_int_equal(symlink(target, link), 0);
}

static void end_machine(const Machine *m) {
        assert_int_equal(remove_tree(m->sysfs), 0);
}

static void assert_missing(const char *driver, bool host_has_nvidia, bool missing) {
        Machine m;

        make_machine(&m, driver);
        if (host_has_nvidia)
                make_folder(&m, "drivers/nvidia");
        assert_int_equal(native_driver_is_missing(m.sysfs, &card, "nvidia"), missing);
        end_machine(&m);
}

static void a_function_needs_the_driver_that_the_host_has(void **state) {
        assert_string_equal(native_driver_of(VGPU_KIND_NVIDIA), "nvidia");
        assert_string_equal(native_driver_of(VGPU_KIND_GVT_G), "i915");
        assert_null(native_driver_of(VGPU_KIND_MXGPU));

        assert_missing("nvidia", true, false);
        assert_missing("", true, true);
        assert_missing("nouveau", true, true);
        assert_missing("pciback", true, true);
        assert_missing("pciback", false, true);
        assert_missing("", false, false);
        assert_missing("nouveau", false, false);
}

static void a_function_that_is_not_there_is_not_asked_for(void **state) {
        const PciAddress other = { .bus = 0x85 };
        Machine m;

        make_machine(&m, "");
        make_folder(&m, "drivers/nvidia");
        assert_false(native_driver_is_missing(m.sysfs, &other, "nvidia"));
        end_machine(&m);
}

static void a_function_that_has_it_is_left_alone(void **state) {
        _cleanup_free_ char *error = NULL;
        Machine m;

        make_machine(&m, "nvidia");
        write_text(&m, "bind", "");
        assert_int_equal(native_driver_bind(m.sysfs, &card, "nvidia", NULL, &error), 0);
        assert_null(error);
        end_machine(&m);
}

static void assert_refused(const Machine *m, const char *wanted, const char *helps) {
        _cleanup_free_ char *error = NULL;

        assert_int_equal(native_driver_bind(m->sysfs, &card, wanted, NULL, &error), -EBUSY);
        assert_non_null(strstr(error, "0000:84:00.0"));
        assert_non_null(strstr(error, wanted));
        if (!strstr(error, helps))
                fail_msg("%s", error);
}

static void a_driver_is_told_to_take_it(void **state) {
        Machine m;

        make_machine(&m, "");
        make_folder(&m, "drivers/nvidia");
        write_text(&m, "drivers/nvidia/bind", "");
        write_text(&m, "devices/0000:84:00.0/driver_override", "vfio-pci");
        assert_refused(&m, "nvidia", "kernel's log");
        assert_text(&m, "drivers/nvidia/bind", "0000:84:00.0");
        end_machine(&m);
}

static void what_would_help_is_said(void **state) {
        Machine m;

        make_machine(&m, "nouveau");
        make_folder(&m, "drivers/nvidia");
        assert_refused(&m, "nvidia", "drivers/nouveau/unbind");
        end_machine(&m);

        make_machine(&m, "");
        assert_refused(&m, "i915", "modprobe i915");
        end_machine(&m);

        /* A driver whose "bind" takes no writing. */
        make_machine(&m, "");
        make_folder(&m, "drivers/nvidia/bind");
        assert_refused(&m, "nvidia", "Is a directory");
        end_machine(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_function_needs_the_driver_that_the_host_has),
                cmocka_unit_test(a_function_that_is_not_there_is_not_asked_for),
                cmocka_unit_test(a_function_that_has_it_is_left_alone),
                cmocka_unit_test(a_driver_is_told_to_take_it),
                cmocka_unit_test(what_would_help_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
