/*
 * Facts of a PCI function that libpci does not tell, from its folder in sysfs
 */

#include <limits.h>
#include <stdio.h>

#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/text.h"
#include "hostd/edge/sysfs-facts.h"

#define RESOURCE_SIZE_MAX 4096
#define BAR_FRAMEBUFFER 2

void sysfs_facts_done(SysfsFacts *f) {
        free(f->driver);
        free(f->bridge);
        free(f->pci_switch);
        free(f->unique_id);
        *f = (SysfsFacts){};
}

/* What a file of the folder holds, or its first line; NULL in *ret where it cannot be read. */
static int read_if_there(const char *folder, const char *name, bool line, char **ret) {
        _cleanup_free_ char *path = path_join(folder, name);
        int r;

        *ret = NULL;
        r = !path ? -ENOMEM : line ? file_read_line(path, ret) : file_read(path, RESOURCE_SIZE_MAX, ret, NULL);
        return r == -ENOMEM ? r : 0;
}

/* The target of the link <folder>/<name>, or what the file <folder>/<name>.link says of it; NULL in *ret for
 * neither. */
static int read_link(const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = path_join(folder, name), *recorded = NULL;
        char target[PATH_MAX];
        ssize_t n;

        if (!path || asprintf(&recorded, "%s.link", name) < 0)
                return -ENOMEM;
        n = readlink(path, target, sizeof(target) - 1);
        if (n <= 0)
                return read_if_there(folder, recorded, /* line= */ true, ret);
        *ret = strndup(target, (size_t) n);
        return *ret ? 0 : -ENOMEM;
}

/* The last element of what a link says, or its text. */
static const char *last_element(const char *target) {
        const char *slash = strrchr(target, '/');

        return slash ? slash + 1 : target;
}

static int read_driver(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *target = NULL;
        const char *name = "";
        int r;

        r = read_link(folder, "driver", &target);
        if (r < 0)
                return r;
        if (target) {
                name = last_element(target);
                if (!text_is_name(name, strlen(name)))
                        name = "";
        }

        f->driver = strdup(name);
        return f->driver ? 0 : -ENOMEM;
}

/* Cuts the last element off the path; the address that it ends with then, or "". */
static char *parent_in_path(char *path) {
        PciAddress parent;
        const char *before;
        char *last;

        last = strrchr(path, '/');
        if (!last)
                return strdup("");
        *last = '\0';
        before = last_element(path);
        return pci_address_from_string(before, &parent) < 0 ? strdup("") : strdup(PCI_TEXT(&parent));
}

/* "…/0000:00:03.0/0000:81:00.0/0000:82:08.0/0000:83:00.0": a function hangs on a switch by one of its downstream ports, and these on its
 * upstream port. A root port hangs on the root bus, which is no address. */
static int read_bridge(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = read_if_there(folder, "realpath", /* line= */ true, &path);
        if (r < 0)
                return r;
        if (!path)
                path = realpath(folder, NULL);

        f->bridge = path ? parent_in_path(path) : strdup("");
        f->pci_switch = path && f->bridge && *f->bridge ? parent_in_path(path) : strdup("");
        return f->bridge && f->pci_switch ? 0 : -ENOMEM;
}

static int read_unique_id(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_if_there(folder, "unique_id", /* line= */ true, &text);
        if (r < 0)
                return r;
        f->unique_id = strdup(text && text_is_name(text, strlen(text)) && strspn(text, "0") < strlen(text) ? text : "");
        return f->unique_id ? 0 : -ENOMEM;
}

/* -1: the kernel does not know; under Xen it does not (machine_facts_node()). */
static int read_node(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_if_there(folder, "numa_node", /* line= */ true, &text);
        f->node_known = text && parse_u32(text, &f->numa_node) >= 0;
        return r;
}

static int read_boot_vga(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_if_there(folder, "boot_vga", /* line= */ true, &text);
        f->boot_vga_known = text && parse_boolean(text, &f->boot_vga) >= 0;
        return r;
}

int sysfs_resource_size(const char *text, unsigned region, uint64_t *ret) {
        unsigned long long start, end, flags;

        for (unsigned i = 0; i < region && text; i++) {
                text = strchr(text, '\n');
                text = text ? text + 1 : NULL;
        }
        if (!text || sscanf(text, "%llx %llx %llx", &start, &end, &flags) != 3)
                return -EBADMSG;

        /* An unused region is 0 to 0; one over the whole of 64 bits is no size at all. */
        if (end > start && end - start == UINT64_MAX)
                return -EBADMSG;
        *ret = end > start ? end - start + 1 : 0;
        return 0;
}

static int read_sriov(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *physfn = NULL, *total = NULL;
        int r;

        r = read_link(folder, "physfn", &physfn);
        if (r >= 0)
                r = read_if_there(folder, "sriov_totalvfs", /* line= */ true, &total);
        f->is_virtual_function = physfn != NULL;
        if (physfn)
                (void) pci_address_from_string(last_element(physfn), &f->physical);
        if (total)
                (void) parse_u32(total, &f->total_functions);
        return r;
}

static int read_bars(const char *folder, SysfsFacts *f) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_if_there(folder, "resource", /* line= */ false, &text);
        f->bars_known = text && sysfs_resource_size(text, BAR_FRAMEBUFFER, &f->bar2_size) >= 0;
        return r;
}

int sysfs_facts_read(const char *folder, SysfsFacts *ret) {
        _cleanup_(sysfs_facts_done) SysfsFacts f = {};
        int r;

        r = read_sriov(folder, &f);
        if (r >= 0)
                r = read_driver(folder, &f);
        if (r >= 0)
                r = read_bridge(folder, &f);
        if (r >= 0)
                r = read_unique_id(folder, &f);
        if (r >= 0)
                r = read_node(folder, &f);
        if (r >= 0)
                r = read_boot_vga(folder, &f);
        if (r >= 0)
                r = read_bars(folder, &f);
        if (r < 0)
                return r;

        *ret = take_struct(f);
        return 0;
}
