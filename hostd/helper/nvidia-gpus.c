/*
 * What NVIDIA's driver shows of its GPUs
 */

#include <dirent.h>

#include "common/io/file.h"
#include "hostd/helper/nvidia-gpus.h"

#define INFORMATION_SIZE_MAX 16384
#define BUS_LOCATION "Bus Location:"
#define BLANK " \t\r"

static void close_dirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

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

/* Its name says it, or else its file; what says neither is of no function. */
static bool is_of(const char *folder, const char *name, const PciAddress *function) {
        PciAddress address;

        if (read_address(name, &address) < 0 && read_location(folder, &address) < 0)
                return false;
        return pci_address_compare(&address, function) == 0;
}

int nvidia_gpus_find(const char *gpus, const PciAddress *function, char **ret) {
        _cleanup_(close_dirp) DIR *dir = opendir(gpus);
        const struct dirent *entry;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *folder = NULL;

                if (*entry->d_name == '.')
                        continue;
                folder = path_join(gpus, entry->d_name);
                if (!folder)
                        return -ENOMEM;
                if (is_of(folder, entry->d_name, function)) {
                        *ret = take_ptr(folder);
                        return 0;
                }
        }
        return -ENODEV;
}
