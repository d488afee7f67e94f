/*
 * The driver of dom0 that a VGPU's function needs
 */

#include <stdarg.h>
#include <stdio.h>

#include "hostd/core/host-type.h"
#include "hostd/helper/assign.h"
#include "hostd/helper/native-driver.h"

#define PATH_SIZE 256
#define FIRST_ADDRESS 4 /* among the arguments */

const char *native_driver_of(VgpuKind kind) {
        switch (kind) {
        case VGPU_KIND_NVIDIA:
                return host_type_driver(HOST_TYPE_KIND_NVIDIA);
        case VGPU_KIND_GVT_G:
                return host_type_driver(HOST_TYPE_KIND_GVT_G);
        case VGPU_KIND_MXGPU: /* gimtool sees to its card's */
        case _VGPU_KIND_MAX:
        case _VGPU_KIND_INVALID:
                break;
        }
        return NULL;
}

static bool host_has(const char *sysfs, const char *driver) {
        char path[PATH_SIZE];

        (void) snprintf(path, sizeof(path), "%s/drivers/%s", sysfs, driver);
        return access(path, F_OK) == 0;
}

bool native_driver_is_missing(const char *sysfs, const PciAddress *function, const char *driver) {
        char path[PATH_SIZE];
        const char *now;

        (void) snprintf(path, sizeof(path), "%s/devices/%s", sysfs, PCI_TEXT(function));
        if (access(path, F_OK) < 0)
                return false;
        now = assign_read_driver(sysfs, function, (char[ASSIGN_DRIVER_SIZE]){});
        return !streq(now, driver) && (streq(now, "pciback") || host_has(sysfs, driver));
}

static _printf_(2, 3) int refuse(char **ret_error, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(ret_error, format, args);
        va_end(args);
        return n < 0 ? -ENOMEM : -EBUSY;
}

static int take_over(const char *sysfs, const PciAddress *function, const char *driver, char **ret_error) {
        char path[PATH_SIZE];
        int r;

        /* Or the kernel gives it to none but the driver that is named there. */
        (void) snprintf(path, sizeof(path), "%s/devices/%s/driver_override", sysfs, PCI_TEXT(function));
        (void) assign_write_value(path, "\n");

        (void) snprintf(path, sizeof(path), "%s/drivers/%s/bind", sysfs, driver);
        r = assign_write_value(path, PCI_TEXT(function));
        if (streq(assign_read_driver(sysfs, function, (char[ASSIGN_DRIVER_SIZE]){}), driver))
                return 0; /* whoever did it */
        return refuse(ret_error,
                "PCI function %s has no driver, and %s, which a VGPU on it needs, does not take it (%s): see the "
                "kernel's log; where a guest left the card in disorder, a restart of the host helps.",
                PCI_TEXT(function), driver, r < 0 ? strerror(-r) : "it gave no reason");
}

int native_driver_bind(const char *sysfs, const PciAddress *function, const char *driver, char **ret_error) {
        char buf[ASSIGN_DRIVER_SIZE];
        const char *now;
        int r;

        now = assign_read_driver(sysfs, function, buf);
        if (streq(now, "pciback")) {
                r = assign_leave_pciback(function, ret_error);
                if (r < 0)
                        return r;
                now = assign_read_driver(sysfs, function, buf);
        }
        if (streq(now, driver))
                return 0;
        if (!isempty(now))
                return refuse(ret_error,
                        "PCI function %s is held by the driver %s, but a VGPU on it needs %s: keep %s from it, "
                        "and write the address to %s/drivers/%s/unbind.",
                        PCI_TEXT(function), now, driver, now, sysfs, now);
        if (!host_has(sysfs, driver))
                return refuse(ret_error,
                        "PCI function %s has no driver, and %s, which a VGPU on it needs, is not loaded: load it "
                        "(modprobe %s).",
                        PCI_TEXT(function), driver, driver);
        return take_over(sysfs, function, driver, ret_error);
}

int native_driver_main(int argc, char **argv) {
        for (int i = FIRST_ADDRESS; i < argc; i++) {
                _cleanup_free_ char *error = NULL;
                PciAddress function;
                int r;

                r = pci_address_from_string(argv[i], &function);
                if (r >= 0)
                        r = native_driver_bind(argv[2], &function, argv[3], &error);
                if (r < 0) {
                        (void) puts(error ? error : strerror(-r));
                        return EXIT_FAILURE;
                }
        }
        return EXIT_SUCCESS;
}
