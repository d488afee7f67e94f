/*
 * The driver of dom0 that a VGPU's function needs
 */

#include <limits.h>
#include <stdio.h>

#include "common/base/text.h"
#include "hostd/core/host-type.h"
#include "hostd/helper/native-driver.h"
#include "hostd/run/pci-function.h"

#define TIMEOUT (60 * UINT64_C(1000000))
#define FIRST_ADDRESS 4 /* among the arguments */

const char *native_driver_of(VgpuKind kind) {
        switch (kind) {
        case VGPU_KIND_NVIDIA:
                return host_type_driver(TYPE_NVIDIA);
        case VGPU_KIND_GVT_G:
                return host_type_driver(TYPE_GVT_G);
        case VGPU_KIND_SRIOV: /* that of the PGPU stays */
        case VGPU_KIND_MXGPU: /* gimtool takes care of its card's driver */
        case _VGPU_KIND_MAX:
        case _VGPU_KIND_INVALID:
                break;
        }
        return NULL;
}

bool native_driver_is_missing(const char *sysfs, const PciAddress *function, const char *driver) {
        return pci_function_is_there(sysfs, function) && !pci_function_has_driver(sysfs, function, driver) &&
               (pci_function_has_driver(sysfs, function, "pciback") || pci_driver_is_loaded(sysfs, driver));
}

bool native_driver_work(
        const char *sysfs, const VgpuRecord *vgpus, size_t n, bool leaves_pciback, HelperWork *ret) {
        const char *driver = n > 0 ? native_driver_of(vgpus[0].kind) : NULL;
        bool any = false;

        /* A bare listing of a PCI bus, in the lab, has no drivers. */
        if (!driver || !sysfs)
                return false;
        *ret = (HelperWork){
                .timeout = TIMEOUT,
                .late = "The driver of a VGPU's PCI function did not take it within 60 seconds: see the kernel's log.",
        };
        strlist_add(&ret->arguments, NATIVE_DRIVER_VERB);
        strlist_add(&ret->arguments, sysfs);
        strlist_add(&ret->arguments, driver);
        for (size_t i = 0; i < n; i++) {
                const PciAddress *function = &vgpus[i].physical_pci_address;

                if (!native_driver_is_missing(sysfs, function, driver) ||
                        (!leaves_pciback && pci_function_has_driver(sysfs, function, "pciback")))
                        continue;
                strlist_add(&ret->arguments, PCI_TEXT(function));
                any = true;
        }
        if (!any)
                helper_work_done(ret);
        return any;
}

static int take_over(const char *sysfs, const PciAddress *function, const char *driver, char **ret_error) {
        char path[PATH_MAX];
        int r;

        /* Otherwise the kernel binds it to no driver but the one that is named there. */
        (void) pci_function_write(sysfs, function, PCI_DRIVER_OVERRIDE, "\n");

        (void) snprintf(path, sizeof(path), "%s/drivers/%s/bind", sysfs, driver);
        r = kernel_write(path, PCI_TEXT(function));
        if (pci_function_has_driver(sysfs, function, driver))
                return 0; /* whoever did it */
        return text_refuse(ret_error, -EBUSY,
                "PCI function %s has no driver, and %s, which a VGPU on it needs, does not take it (%s): see the "
                "kernel's log; where a guest left the card in disorder, a restart of the host helps.",
                PCI_TEXT(function), driver, r < 0 ? strerror(-r) : "it gave no reason");
}

int native_driver_bind(const char *sysfs, const PciAddress *function, const char *driver, LeavePciback leave,
        char **ret_error) {
        char buf[PCI_DRIVER_SIZE];
        const char *now;
        int r;

        r = pci_function_has_driver(sysfs, function, "pciback") ? leave(function, ret_error) : 0;
        if (r < 0)
                return r;
        now = pci_function_driver(sysfs, function, buf);
        if (streq(now, driver))
                return 0;
        if (!isempty(now))
                return text_refuse(ret_error, -EBUSY,
                        "PCI function %s is held by the driver %s, but a VGPU on it needs %s: keep %s from it, "
                        "and write the address to %s/drivers/%s/unbind.",
                        PCI_TEXT(function), now, driver, now, sysfs, now);
        if (!pci_driver_is_loaded(sysfs, driver))
                return text_refuse(ret_error, -EBUSY,
                        "PCI function %s has no driver, and %s, which a VGPU on it needs, is not loaded: load it "
                        "(modprobe %s).",
                        PCI_TEXT(function), driver, driver);
        return take_over(sysfs, function, driver, ret_error);
}

int native_driver_main(int argc, char **argv, LeavePciback leave) {
        for (int i = FIRST_ADDRESS; i < argc; i++) {
                _cleanup_free_ char *error = NULL;
                PciAddress function;
                int r;

                r = pci_address_from_string(argv[i], &function);
                if (r >= 0)
                        r = native_driver_bind(argv[2], &function, argv[3], leave, &error);
                if (r < 0) {
                        (void) puts(error ? error : strerror(-r));
                        return EXIT_FAILURE;
                }
        }
        return EXIT_SUCCESS;
}
