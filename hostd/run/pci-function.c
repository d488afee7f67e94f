/*
 * PCI functions as the kernel shows them
 */

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common/base/strlist.h"
#include "common/io/command.h"
#include "common/io/file.h"
#include "hostd/run/pci-function.h"

static void file_of(const char *sysfs, const PciAddress *function, const char *name, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%s/devices/%s/%s", sysfs, PCI_TEXT(function), name);
}

static bool exists(const char *sysfs, const PciAddress *function, const char *name) {
        char path[PATH_MAX];

        file_of(sysfs, function, name, path);
        return access(path, F_OK) == 0;
}

/* What a link of the function's ends in; it is in buf. NULL without the link. */
static const char *read_link(
        const char *sysfs, const PciAddress *function, const char *name, char *buf, size_t size) {
        char path[PATH_MAX];
        ssize_t n;

        file_of(sysfs, function, name, path);
        n = readlink(path, buf, size - 1);
        if (n < 0)
                return NULL;
        buf[n] = '\0';
        return basename(buf);
}

const char *pci_function_driver(
        const char *sysfs, const PciAddress *function, char buf[static PCI_DRIVER_SIZE]) {
        return strempty(read_link(sysfs, function, "driver", buf, PCI_DRIVER_SIZE));
}

bool pci_function_has_driver(const char *sysfs, const PciAddress *function, const char *driver) {
        return streq(pci_function_driver(sysfs, function, (char[PCI_DRIVER_SIZE]){}), driver);
}

bool pci_driver_is_loaded(const char *sysfs, const char *driver) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/drivers/%s", sysfs, driver);
        return access(path, F_OK) == 0;
}

bool pci_function_is_there(const char *sysfs, const PciAddress *function) {
        return exists(sysfs, function, "");
}

bool pci_function_can_reset(const char *sysfs, const PciAddress *function) {
        return exists(sysfs, function, "reset");
}

int pci_function_read(const char *sysfs, const PciAddress *function, const char *name, char **ret) {
        char path[PATH_MAX];

        file_of(sysfs, function, name, path);
        return file_read_line(path, ret);
}

int kernel_write(const char *path, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int ask_actor(const char *actor, const PciAddress *function, const char *name, const char *value) {
        const char *const argv[] = { actor, PCI_TEXT(function), name, value, NULL };
        int r, status = 0;

        r = command_run(argv, /* timeout= */ 0, &status);
        if (r < 0)
                return r;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int pci_function_write(const char *sysfs, const PciAddress *function, const char *name, const char *value) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/actor", sysfs);
        if (!streq(sysfs, PCI_SYSFS) && access(path, X_OK) == 0)
                return ask_actor(path, function, name, value);
        file_of(sysfs, function, name, path);
        return kernel_write(path, value);
}

/* A link, or in a recorded tree a file with what the link said. */
int pci_function_physical(const char *sysfs, const PciAddress *function, PciAddress *ret) {
        _cleanup_free_ char *line = NULL;
        char buf[PATH_MAX];
        const char *name;

        name = read_link(sysfs, function, "physfn", buf, sizeof(buf));
        if (!name && pci_function_read(sysfs, function, "physfn.link", &line) >= 0)
                name = basename(line);
        return name ? pci_address_from_string(name, ret) : -ENOENT;
}

static int compare_addresses(const void *a, const void *b) {
        return pci_address_compare(a, b);
}

int pci_function_list_virtual(
        const char *sysfs, const PciAddress *physical, PciAddress *ret, size_t max, size_t *ret_n) {
        _cleanup_free_ char *folder = path_join(sysfs, "devices");
        _cleanup_(strv_freep) char **names = NULL;
        size_t n = 0;
        int r;

        r = folder ? folder_list(folder, &names) : -ENOMEM;
        if (r < 0)
                return r;
        for (char **name = names; *name && n < max; name++) {
                PciAddress own, other;

                if (pci_address_from_string(*name, &own) >= 0 && pci_function_physical(sysfs, &own, &other) >= 0 &&
                        pci_address_compare(&other, physical) == 0)
                        ret[n++] = own;
        }
        qsort(ret, n, sizeof(*ret), compare_addresses);
        *ret_n = n;
        return 0;
}

/* The bytes of its configuration space at an offset; -ENODATA: it has none there. */
static int read_config(const char *sysfs, const PciAddress *function, off_t offset, void *buf, size_t size) {
        _cleanup_close_ int fd = -1;
        char path[PATH_MAX];
        ssize_t n;

        file_of(sysfs, function, "config", path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = pread(fd, buf, size, offset);
        return n < 0 ? -errno : (size_t) n == size ? 0 : -ENODATA;
}

#define COMMAND_OFFSET 4

bool pci_function_answers(const char *sysfs, const PciAddress *function) {
        uint8_t command[2];

        return read_config(sysfs, function, COMMAND_OFFSET, command, sizeof(command)) >= 0 &&
               !(command[0] == 0xff && command[1] == 0xff);
}

#define EXTENDED_OFFSET 0x100
#define CAPABILITY_SRIOV 0x10
#define CAPABILITIES_MAX 480 /* as many as there is room for */
#define SRIOV_CONTROL 8
#define SRIOV_CONTROL_ENABLE 0x01

int pci_function_has_sriov_enabled(const char *sysfs, const PciAddress *function) {
        unsigned offset = EXTENDED_OFFSET;

        for (unsigned i = 0; i < CAPABILITIES_MAX && offset >= EXTENDED_OFFSET; i++) {
                uint8_t head[4], control;

                if (read_config(sysfs, function, offset, head, sizeof(head)) < 0)
                        return -ENOENT;
                if ((head[0] | head[1] << 8) == CAPABILITY_SRIOV)
                        return read_config(sysfs, function, offset + SRIOV_CONTROL, &control, 1) < 0
                                       ? -ENOENT
                                       : (control & SRIOV_CONTROL_ENABLE) != 0;
                offset = (unsigned) (head[2] >> 4 | head[3] << 4);
        }
        return -ENOENT;
}

/* No bridge, and no GPU: that has a booking of its own, of a driver with another class than a display's too. */
static bool is_part_of_a_card(const char *sysfs, const PciAddress *function) {
        _cleanup_free_ char *class = NULL;

        return pci_function_read(sysfs, function, "class", &class) >= 0 && !startswith(class, "0x06") &&
               !startswith(class, "0x03") && !startswith(class, "0x12");
}

static bool is_virtual(const char *sysfs, const PciAddress *function) {
        PciAddress physical;

        return pci_function_physical(sysfs, function, &physical) >= 0;
}

size_t pci_function_companions(
        const char *sysfs, const PciAddress *function, PciAddress ret[static SLOT_FUNCTIONS]) {
        PciAddress other = *function;
        size_t n = 0;

        if (is_virtual(sysfs, function))
                return 0;
        for (other.fn = 0; other.fn < SLOT_FUNCTIONS; other.fn++)
                if (other.fn != function->fn && is_part_of_a_card(sysfs, &other) && !is_virtual(sysfs, &other) &&
                        !exists(sysfs, &other, "sriov_totalvfs"))
                        ret[n++] = other;
        return n;
}
