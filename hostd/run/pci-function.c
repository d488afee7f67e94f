/*
 * PCI functions as the kernel shows them
 */

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>

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

int pci_function_read(const char *sysfs, const PciAddress *function, const char *name, char **ret) {
        char path[PATH_MAX];

        file_of(sysfs, function, name, path);
        return file_read_line(path, ret);
}

int kernel_write(const char *path, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int pci_function_write(const char *sysfs, const PciAddress *function, const char *name, const char *value) {
        char path[PATH_MAX];

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
