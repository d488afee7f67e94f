/*
 * Moving PCI functions between dom0's drivers and guests
 */

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include <libxl.h>

#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/helper/assign.h"
#include "hostd/libxl/libxl-config.h"
#include "hostd/helper/nvidia-gpus.h"
#include "hostd/run/libxl-log.h"

#define SYSFS "/sys/bus/pci"
#define NVIDIA_GPUS "/proc/driver/nvidia/gpus"
#define SRIOV_MANAGE "/usr/lib/nvidia/sriov-manage"
#define PATH_SIZE 256
#define FIRST_ADDRESS 3 /* among the arguments */

const char *assign_read_driver(
        const char *sysfs, const PciAddress *function, char buf[static ASSIGN_DRIVER_SIZE]) {
        char path[PATH_SIZE];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "%s/devices/%s/driver", sysfs, PCI_TEXT(function));
        n = readlink(path, buf, ASSIGN_DRIVER_SIZE - 1);
        if (n < 0)
                return "";
        buf[n] = '\0';
        return basename(buf);
}

bool assign_is_assignable(const PciAddress *function) {
        return streq(assign_read_driver(SYSFS, function, (char[ASSIGN_DRIVER_SIZE]){}), "pciback");
}

static bool is_there(const char *sysfs, const PciAddress *function) {
        char path[PATH_SIZE];

        (void) snprintf(path, sizeof(path), "%s/devices/%s", sysfs, PCI_TEXT(function));
        return access(path, F_OK) == 0;
}

AssignReturn assign_how_to_return(const char *sysfs, const PciAddress *function) {
        char buf[ASSIGN_DRIVER_SIZE];
        const char *driver;

        if (!is_there(sysfs, function))
                return ASSIGN_RETURN_NOTHING;
        driver = assign_read_driver(sysfs, function, buf);
        if (isempty(driver))
                return ASSIGN_RETURN_RETAKE;
        return streq(driver, "pciback") ? ASSIGN_RETURN_REMOVE : ASSIGN_RETURN_NOTHING;
}

static bool is_bridge(const char *sysfs, const PciAddress *function) {
        _cleanup_free_ char *class = NULL;
        char path[PATH_SIZE];

        (void) snprintf(path, sizeof(path), "%s/devices/%s/class", sysfs, PCI_TEXT(function));
        return file_read_line(path, &class) < 0 || startswith(class, "0x06");
}

/* An SR-IOV function is a device by itself: those beside it in its slot are other VMs'. */
static bool is_virtual(const char *sysfs, const PciAddress *function) {
        char path[PATH_SIZE];

        (void) snprintf(path, sizeof(path), "%s/devices/%s/physfn", sysfs, PCI_TEXT(function));
        return access(path, F_OK) == 0;
}

size_t assign_list_companions(
        const char *sysfs, const PciAddress *function, PciAddress ret[static SLOT_FUNCTIONS]) {
        PciAddress other = *function;
        size_t n = 0;

        if (is_virtual(sysfs, function))
                return 0;
        for (other.fn = 0; other.fn < SLOT_FUNCTIONS; other.fn++)
                if (other.fn != function->fn && is_there(sysfs, &other) && !is_bridge(sysfs, &other) &&
                        !is_virtual(sysfs, &other))
                        ret[n++] = other;
        return n;
}

/* Runs a program and waits. -ENOENT: it is not there; -EIO: it failed. What it prints goes to the log: our
 * own stdout is for one sentence. */
static int run_program(const char *const *argv) {
        posix_spawn_file_actions_t actions;
        pid_t pid;
        int r, status;

        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -r;
        if (waitpid(pid, &status, 0) != pid)
                return -errno;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return -ENOENT;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int assign_write_value(const char *path, const char *value) {
        _cleanup_close_ int fd = -1;

        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* NVIDIA: virtual functions go first, then whatever holds the device open, then the lock. */

static void switch_off_sriov(const char *sysfs, const PciAddress *function) {
        const char *const manage[] = { SRIOV_MANAGE, "-d", PCI_TEXT(function), NULL };
        _cleanup_free_ char *count = NULL;
        char path[PATH_SIZE];
        int r;

        (void) snprintf(path, sizeof(path), "%s/devices/%s/sriov_numvfs", sysfs, PCI_TEXT(function));
        if (file_read_line(path, &count) < 0 || streq(count, "0"))
                return;
        r = access(SRIOV_MANAGE, X_OK) == 0 ? run_program(manage) : assign_write_value(path, "0");
        if (r < 0)
                (void) log_errno(
                        r, "Cannot switch off the virtual functions of %s, ignoring", PCI_TEXT(function));
}

static void switch_off_persistence(const PciAddress *function) {
        char id[32];
        const char *const argv[] = { "nvidia-smi", id, "--persistence-mode=0", NULL };
        int r;

        (void) snprintf(id, sizeof(id), "--id=%s", PCI_TEXT(function));
        r = run_program(argv);
        if (r < 0 && r != -ENOENT)
                (void) log_errno(r, "Cannot switch off persistence of %s, ignoring", PCI_TEXT(function));
}

/* The lock's path, NULL where there is none: drivers before it was invented let go without it. */
static int find_unbind_lock(const char *gpus, const PciAddress *function, char **ret) {
        _cleanup_free_ char *folder = NULL, *path = NULL;
        int r;

        r = nvidia_gpus_find(gpus, function, &folder);
        if (r == -ENODEV)
                log_warning("NVIDIA's driver holds %s, but shows no GPU of this address in %s; unbinding it without "
                            "its lock.",
                        PCI_TEXT(function), gpus);
        if (r == -ENOENT || r == -ENODEV) {
                *ret = NULL;
                return 0;
        }
        if (r < 0)
                return r;
        path = path_join(folder, "unbindLock");
        if (!path)
                return -ENOMEM;
        *ret = access(path, F_OK) == 0 ? take_ptr(path) : NULL;
        return 0;
}

static int take_unbind_lock(const char *gpus, const PciAddress *function, char **ret_error) {
        _cleanup_free_ char *path = NULL, *value = NULL;
        int r;

        r = find_unbind_lock(gpus, function, &path);
        if (r < 0 || !path)
                return r;

        r = assign_write_value(path, "1");
        if (r >= 0)
                r = file_read_line(path, &value);
        if (r >= 0 && streq(value, "1"))
                return 0;
        if (asprintf(ret_error,
                    "NVIDIA's driver does not let go of %s: something in dom0 uses it; stop what monitors or "
                    "uses the card.",
                    PCI_TEXT(function)) < 0)
                return -ENOMEM;
        return -EBUSY;
}

int assign_release_nvidia(
        const char *sysfs, const char *gpus, const PciAddress *function, char **ret_error) {
        if (!streq(assign_read_driver(sysfs, function, (char[ASSIGN_DRIVER_SIZE]){}), "nvidia"))
                return 0;
        switch_off_sriov(sysfs, function);
        switch_off_persistence(function);
        return take_unbind_lock(gpus, function, ret_error);
}

/* The helper. */

typedef struct Helper {
        LibxlLog *log;
        libxl_ctx *ctx;
} Helper;

static int fail(const char *what, const PciAddress *function, const char *why) {
        (void) printf("PCI function %s cannot be %s: %s.\n", PCI_TEXT(function), what, why);
        return -EIO;
}

static const char *reason(Helper *h) {
        const char *why = libxl_log_first_error(h->log);

        return isempty(why) ? "see the log" : why;
}

static void fill_device(libxl_device_pci *pci, const PciAddress *function) {
        libxl_device_pci_init(pci);
        pci->domain = (int) function->domain;
        pci->bus = function->bus;
        pci->dev = function->dev;
        pci->func = function->fn;
}

static int bind_pciback(Helper *h, const PciAddress *function) {
        libxl_device_pci pci;
        int rc;

        libxl_log_reset(h->log);
        fill_device(&pci, function);
        rc = libxl_device_pci_assignable_add(h->ctx, &pci, /* rebind= */ 1);
        libxl_device_pci_dispose(&pci);
        return rc ? -EIO : 0;
}

static int unbind_pciback(Helper *h, const PciAddress *function) {
        libxl_device_pci pci;
        int rc;

        libxl_log_reset(h->log);
        fill_device(&pci, function);
        rc = libxl_device_pci_assignable_remove(h->ctx, &pci, /* rebind= */ 1);
        libxl_device_pci_dispose(&pci);
        return rc ? -EIO : 0;
}

static int take(Helper *h, const PciAddress *function) {
        _cleanup_free_ char *error = NULL;
        int r;

        if (assign_is_assignable(function))
                return 0;
        r = assign_release_nvidia(SYSFS, NVIDIA_GPUS, function, &error);
        if (r < 0) {
                (void) puts(error ? error : strerror(-r));
                return r;
        }
        return bind_pciback(h, function) < 0 ? fail("taken for a guest", function, reason(h)) : 0;
}

static int give_back(Helper *h, const PciAddress *function) {
        switch (assign_how_to_return(SYSFS, function)) {
        case ASSIGN_RETURN_NOTHING:
                return 0;
        case ASSIGN_RETURN_REMOVE:
                if (unbind_pciback(h, function) >= 0)
                        return 0;
                /* Bound and not yet quarantined, when it was cut off. */
                break;
        case ASSIGN_RETURN_RETAKE:
                break;
        }
        if (bind_pciback(h, function) < 0 || unbind_pciback(h, function) < 0)
                return fail("given back to dom0", function, reason(h));
        return 0;
}

/* A function back from pciback, outside of any VM's life. */

static int find_holder(Helper *h, const PciAddress *function, uint32_t *ret) {
        libxl_dominfo *domains;
        int n = 0, r = -ENOENT;

        domains = libxl_list_domain(h->ctx, &n);
        if (!domains)
                return -EIO;
        for (int i = 0; i < n && r == -ENOENT; i++) {
                int n_pcis = 0;
                libxl_device_pci *pcis = libxl_device_pci_list(h->ctx, domains[i].domid, &n_pcis);

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

static int leave_pciback(Helper *h, const PciAddress *function, char **ret_error) {
        uint32_t domid = 0;
        int r, n;

        r = find_holder(h, function, &domid);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r >= 0)
                n = asprintf(ret_error,
                        "PCI function %s belongs to domain %" PRIu32 ": end that before a VGPU starts on it.",
                        PCI_TEXT(function), domid);
        else if (unbind_pciback(h, function) < 0)
                n = asprintf(ret_error, "PCI function %s cannot be taken from xen-pciback for a VGPU: %s.",
                        PCI_TEXT(function), reason(h));
        else
                return 0;
        return n < 0 ? -ENOMEM : -EBUSY;
}

int assign_leave_pciback(const PciAddress *function, char **ret_error) {
        Helper h = {};
        int r;

        r = libxl_log_new(&h.log);
        if (r >= 0 && libxl_ctx_alloc(&h.ctx, LIBXL_VERSION, 0, libxl_log_get(h.log)) != 0)
                r = -EIO;
        if (r >= 0)
                r = leave_pciback(&h, function, ret_error);
        (void) libxl_ctx_free(h.ctx);
        (void) libxl_log_free(h.log);
        return r;
}

static int load_pciback(void) {
        static const char *const modprobe[] = { "modprobe", "xen-pciback", NULL };

        if (access(SYSFS "/drivers/pciback", F_OK) == 0 || run_program(modprobe) >= 0)
                return 0;
        (void) puts("The module xen-pciback cannot be loaded, without which no PCI function can go to a guest.");
        return -EIO;
}

static int work(Helper *h, bool taking, int n, char **functions) {
        int r = 0, first = 0;

        for (int i = 0; i < n; i++) {
                PciAddress function;

                r = pci_address_from_string(functions[i], &function);
                if (r < 0)
                        (void) printf("'%s' is no address of a PCI function.\n", functions[i]);
                else
                        r = taking ? take(h, &function) : give_back(h, &function);
                /* The others may still be given back. */
                if (r < 0 && taking)
                        return r;
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}

/* Waits for the one before us; whoever started us knows how long. */
static int lock_functions(const char *folder, int *ret) {
        _cleanup_free_ char *path = path_join(folder, "functions.lock");

        return path ? file_lock(path, ret) : -ENOMEM;
}

int assign_main(int argc, char **argv) {
        bool taking = streq(argv[1], ASSIGN_TAKE);
        _cleanup_close_ int lock = -1;
        Helper h = {};
        int r;

        if (argc <= FIRST_ADDRESS)
                return EXIT_SUCCESS;
        r = lock_functions(argv[2], &lock);
        if (r < 0)
                (void) printf("The lock in %s cannot be taken: %s.\n", argv[2], strerror(-r));
        if (r >= 0 && taking)
                r = load_pciback();
        if (r >= 0)
                r = libxl_log_new(&h.log);
        if (r >= 0 && libxl_ctx_alloc(&h.ctx, LIBXL_VERSION, 0, libxl_log_get(h.log)) != 0) {
                (void) puts("libxl cannot be used here: see the log.");
                r = -EIO;
        }
        if (r >= 0)
                r = work(&h, taking, argc - FIRST_ADDRESS, argv + FIRST_ADDRESS);

        (void) libxl_ctx_free(h.ctx);
        (void) libxl_log_free(h.log);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
