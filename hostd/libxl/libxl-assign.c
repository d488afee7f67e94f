/*
 * Moving PCI functions between dom0's drivers and guests
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/io/command.h"
#include "hostd/helper/nvidia-gpu.h"
#include "hostd/helper/passthrough.h"
#include "hostd/libxl/libxl-assign.h"
#include "hostd/libxl/libxl-config.h"
#include "hostd/run/libxl-log.h"

#define FIRST_ADDRESS 3 /* among the arguments */

AssignReturn assign_how_to_return(const char *sysfs, const PciAddress *function) {
        char buf[PCI_DRIVER_SIZE];
        const char *driver;

        if (!pci_function_is_there(sysfs, function))
                return ASSIGN_RETURN_NOTHING;
        driver = pci_function_driver(sysfs, function, buf);
        /* Where xen-pciback is not loaded, nothing was taken: the helper loads it first. */
        if (isempty(driver))
                return pci_driver_is_loaded(sysfs, "pciback") ? ASSIGN_RETURN_RETAKE : ASSIGN_RETURN_NOTHING;
        return streq(driver, "pciback") ? ASSIGN_RETURN_REMOVE : ASSIGN_RETURN_NOTHING;
}

/* The helper. */

static int fail(const char *what, const PciAddress *function, const char *why) {
        (void) printf("PCI function %s cannot be %s: %s.\n", PCI_TEXT(function), what, why);
        return -EIO;
}

static const char *reason(const Libxl *xl) {
        return isempty(xl->first_error) ? "see the log" : xl->first_error;
}

/* Both remember, and use, the driver that had the function. */
static int move(Libxl *xl, int (*call)(libxl_ctx *, libxl_device_pci *, int), const PciAddress *function) {
        libxl_device_pci pci;
        int rc;

        libxl_forget_error(xl);
        libxl_config_init_function(&pci, function);
        rc = call(xl->ctx, &pci, /* rebind= */ 1);
        libxl_device_pci_dispose(&pci);
        return rc ? -EIO : 0;
}

static int bind_pciback(Libxl *xl, const PciAddress *function) {
        return move(xl, libxl_device_pci_assignable_add, function);
}

static int unbind_pciback(Libxl *xl, const PciAddress *function) {
        return move(xl, libxl_device_pci_assignable_remove, function);
}

static void set_override(const PciAddress *function, const char *driver_or_null) {
        int r = pci_function_write(PCI_SYSFS, function, PCI_DRIVER_OVERRIDE, driver_or_null ? driver_or_null : "\n");

        if (r < 0)
                (void) log_errno(r, "Cannot set the driver_override of PCI function %s to %s, ignoring",
                        PCI_TEXT(function), driver_or_null ? driver_or_null : "none");
}

static int take(Libxl *xl, const PciAddress *function, const char *override) {
        _cleanup_free_ char *error = NULL;
        PciAddress virtual;
        size_t n = 0;
        int r;

        if (pci_function_list_virtual(PCI_SYSFS, function, &virtual, 1, &n) >= 0 && n > 0) {
                (void) printf("PCI function %s is not taken from its driver: it has virtual functions, such as %s.\n",
                        PCI_TEXT(function), PCI_TEXT(&virtual));
                return -EBUSY;
        }
        if (pci_function_has_driver(PCI_SYSFS, function, "pciback"))
                return 0;
        r = nvidia_gpu_release(PCI_SYSFS, NVIDIA_GPUS, function, &error);
        if (r < 0) {
                (void) puts(error ? error : strerror(-r));
                return r;
        }
        if (override)
                set_override(function, NULL);
        return bind_pciback(xl, function) < 0 ? fail("taken for a guest", function, reason(xl)) : 0;
}

/* pciback does not take what no guest has: then the kernel looks for a driver, and whether it finds one is no VM's concern. */
static void leave_to_kernel(const PciAddress *function) {
        char buf[PCI_DRIVER_SIZE];
        const char *driver;
        int r;

        r = kernel_write(PCI_SYSFS "/drivers_probe", PCI_TEXT(function));
        driver = pci_function_driver(PCI_SYSFS, function, buf);
        if (isempty(driver))
                (void) log_errno(r < 0 ? r : -ENODEV, "PCI function %s is left without a driver", PCI_TEXT(function));
        else
                log_info("PCI function %s is with the driver %s again.", PCI_TEXT(function), driver);
}

static int give_back(Libxl *xl, const PciAddress *function, const char *override) {
        AssignReturn how = assign_how_to_return(PCI_SYSFS, function);
        bool refused = false;

        if (how == ASSIGN_RETURN_RETAKE) {
                if (override)
                        set_override(function, NULL);
                refused = bind_pciback(xl, function) < 0;
        }
        /* Before it is unbound: the kernel looks at it as the driver is bound again. */
        if (override && pci_function_is_there(PCI_SYSFS, function))
                set_override(function, override);
        if (how == ASSIGN_RETURN_NOTHING)
                return 0;
        if (refused) {
                leave_to_kernel(function);
                return 0;
        }
        if (unbind_pciback(xl, function) >= 0)
                return 0;
        /* Bound and not yet quarantined, when it was cut off. */
        if (bind_pciback(xl, function) < 0 || unbind_pciback(xl, function) < 0)
                return fail("given back to dom0", function, reason(xl));
        return 0;
}

/* A function back from pciback, outside of any VM's life. */

static int find_holder(Libxl *xl, const PciAddress *function, uint32_t *ret) {
        libxl_dominfo *domains;
        int n = 0, r = -ENOENT;

        domains = libxl_list_domain(xl->ctx, &n);
        if (!domains)
                return -EIO;
        for (int i = 0; i < n && r == -ENOENT; i++) {
                int n_pcis = 0;
                libxl_device_pci *pcis = libxl_device_pci_list(xl->ctx, domains[i].domid, &n_pcis);

                for (int k = 0; k < n_pcis; k++) {
                        PciAddress held = libxl_config_function(&pcis[k]);

                        if (pci_address_compare(&held, function) == 0) {
                                *ret = domains[i].domid;
                                r = 0;
                        }
                }
                libxl_device_pci_list_free(pcis, n_pcis);
        }
        libxl_dominfo_list_free(domains, n);
        return r;
}

static int leave_pciback(Libxl *xl, const PciAddress *function, char **ret_error) {
        uint32_t domid = 0;
        int r;

        r = find_holder(xl, function, &domid);
        if (r >= 0)
                return text_refuse(ret_error, -EBUSY,
                        "PCI function %s belongs to domain %" PRIu32 ": end that before a VGPU starts on it.",
                        PCI_TEXT(function), domid);
        if (r != -ENOENT)
                return r;
        if (unbind_pciback(xl, function) < 0)
                return text_refuse(ret_error, -EBUSY,
                        "PCI function %s cannot be taken from xen-pciback for a VGPU: %s.", PCI_TEXT(function),
                        reason(xl));
        return 0;
}

int assign_leave_pciback(const PciAddress *function, char **ret_error) {
        _cleanup_(libxl_closep) Libxl *xl = NULL;
        int r;

        r = libxl_open(&xl);
        return r < 0 ? r : leave_pciback(xl, function, ret_error);
}

static int load_pciback(void) {
        static const char *const modprobe[] = { "modprobe", "xen-pciback", NULL };
        int status;

        if (pci_driver_is_loaded(PCI_SYSFS, "pciback") ||
                (command_run(modprobe, /* timeout= */ 0, &status) >= 0 && status == 0))
                return 0;
        (void) puts("The module xen-pciback cannot be loaded, without which no PCI function can go to a guest.");
        return -EIO;
}

static int work(Libxl *xl, bool taking, int n, char **functions) {
        int r = 0, first = 0;

        for (int i = 0; i < n; i++) {
                const char *override = strchr(functions[i], '=');
                PciAddress function;

                if (override)
                        functions[i][override++ - functions[i]] = '\0';
                r = pci_address_from_string(functions[i], &function);
                if (r < 0)
                        (void) printf("'%s' is no address of a PCI function.\n", functions[i]);
                else
                        r = taking ? take(xl, &function, override) : give_back(xl, &function, override);
                /* The others may still be given back. */
                if (r < 0 && taking)
                        return r;
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}

/* Waits for the helper before us; the program that started us limits the time. */
static int lock_functions(const char *folder, int *ret) {
        _cleanup_free_ char *path = path_join(folder, "functions.lock");

        return path ? file_lock(path, ret) : -ENOMEM;
}

int assign_main(int argc, char **argv) {
        bool taking = streq(argv[1], PASSTHROUGH_TAKE);
        _cleanup_close_ int lock = -1;
        _cleanup_(libxl_closep) Libxl *xl = NULL;
        int r;

        if (argc <= FIRST_ADDRESS)
                return EXIT_SUCCESS;
        r = lock_functions(argv[2], &lock);
        if (r < 0)
                (void) printf("The lock in %s cannot be taken: %s.\n", argv[2], strerror(-r));
        if (r >= 0 && taking)
                r = load_pciback();
        if (r >= 0) {
                r = libxl_open(&xl);
                if (r == -EIO)
                        (void) puts("libxl cannot be used here: see the log.");
        }
        if (r >= 0)
                r = work(xl, taking, argc - FIRST_ADDRESS, argv + FIRST_ADDRESS);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
