/*
 * How NVIDIA's driver lets go of a GPU
 *
 * First its virtual functions are switched off, then persistence, which holds the device open, then the lock is taken.
 */

#include <stdio.h>
#include <sys/wait.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/io/command.h"
#include "hostd/helper/nvidia-gpu.h"
#include "hostd/run/pci-function.h"

#define INFORMATION_SIZE_MAX 16384
#define BUS_LOCATION "Bus Location:"
#define BLANK " \t\r"
#define SRIOV_MANAGE "/usr/lib/nvidia/sriov-manage"

/* Xen and Linux know domains of four digits, which is what is left of NVIDIA's eight. */
static int read_address(const char *text, PciAddress *ret) {
        const char *narrow = startswith(text, "0000");

        if (narrow && strchr(narrow, ':') == narrow + 4 && pci_address_from_string(narrow, ret) >= 0)
                return 0;
        return pci_address_from_string(text, ret);
}

static int read_location(const char *folder, PciAddress *ret) {
        _cleanup_free_ char *path = path_join(folder, "information"), *text = NULL;
        char *location;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, INFORMATION_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        location = strstr(text, BUS_LOCATION);
        if (!location)
                return -EINVAL;
        location += strlen(BUS_LOCATION);
        location += strspn(location, BLANK);
        location[strcspn(location, BLANK "\n")] = '\0';
        return read_address(location, ret);
}

/* Whether the folder is that of the function, by its name or else by its file. */
static bool is_of(const char *folder, const char *name, const PciAddress *function) {
        PciAddress address;

        if (read_address(name, &address) < 0 && read_location(folder, &address) < 0)
                return false;
        return pci_address_compare(&address, function) == 0;
}

/* The folder of one function; the caller frees. -ENOENT: there is no such place; -ENODEV: it has no folder of this
 * function. */
static int find_folder(const char *gpus, const PciAddress *function, char **ret) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = folder_list(gpus, &names);
        for (char **name = names; r >= 0 && *name; name++) {
                _cleanup_free_ char *folder = path_join(gpus, *name);

                if (!folder)
                        return -ENOMEM;
                if (is_of(folder, *name, function)) {
                        *ret = take_ptr(folder);
                        return 0;
                }
        }
        return r < 0 ? r : -ENODEV;
}

/* -ENOENT: the program is not there; -EIO: it failed. */
static int run_quietly(const char *const *argv) {
        int r, status;

        r = command_run(argv, /* timeout= */ 0, &status);
        if (r < 0)
                return r;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return -ENOENT;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static void switch_off_sriov(const char *sysfs, const PciAddress *function) {
        const char *const manage[] = { SRIOV_MANAGE, "-d", PCI_TEXT(function), NULL };
        _cleanup_free_ char *count = NULL;
        int r;

        if (pci_function_read(sysfs, function, "sriov_numvfs", &count) < 0 || streq(count, "0"))
                return;
        r = access(SRIOV_MANAGE, X_OK) == 0 ? run_quietly(manage)
                                            : pci_function_write(sysfs, function, "sriov_numvfs", "0");
        if (r < 0)
                (void) log_errno(
                        r, "Cannot switch off the virtual functions of %s, ignoring", PCI_TEXT(function));
}

static void switch_off_persistence(const PciAddress *function) {
        char id[32];
        const char *const argv[] = { "nvidia-smi", id, "--persistence-mode=0", NULL };
        int r;

        (void) snprintf(id, sizeof(id), "--id=%s", PCI_TEXT(function));
        r = run_quietly(argv);
        if (r < 0 && r != -ENOENT)
                (void) log_errno(r, "Cannot switch off persistence of %s, ignoring", PCI_TEXT(function));
}

/* 0 also where there is no lock: drivers before it was invented let go without it. */
static int take_unbind_lock(const char *gpus, const PciAddress *function, char **ret_error) {
        _cleanup_free_ char *folder = NULL, *path = NULL, *value = NULL;
        int r;

        r = find_folder(gpus, function, &folder);
        if (r == -ENODEV)
                log_warning("NVIDIA's driver holds %s, but shows no GPU of this address in %s; unbinding it without "
                            "its lock.",
                        PCI_TEXT(function), gpus);
        if (r < 0)
                return r == -ENODEV || r == -ENOENT ? 0 : r;
        path = path_join(folder, "unbindLock");
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0)
                return 0;
        r = kernel_write(path, "1");
        if (r >= 0)
                r = file_read_line(path, &value);
        if (r >= 0 && streq(value, "1"))
                return 0;
        return text_refuse(ret_error, -EBUSY,
                "NVIDIA's driver does not let go of %s: something in dom0 uses it; stop what monitors or uses the card.",
                PCI_TEXT(function));
}

int nvidia_gpu_release(
        const char *sysfs, const char *gpus, const PciAddress *function, char **ret_error) {
        if (!pci_function_has_driver(sysfs, function, "nvidia"))
                return 0;
        switch_off_sriov(sysfs, function);
        switch_off_persistence(function);
        return take_unbind_lock(gpus, function, ret_error);
}
