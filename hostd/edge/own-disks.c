/*
 * Block devices that this host itself uses
 *
 * Two lists of the kernel say what is in use, and sysfs says which device lies on which: a partition is a
 * folder of its disk, and the volumes, arrays and encrypted devices upon a device are its holders.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/io/file.h"
#include "common/base/macros.h"
#include "hostd/edge/own-disks.h"

#define LIST_SIZE_MAX (4u << 20)
#define USED_MAX 4096
/* Partition, array, encryption, volume group, snapshot, and as many again. */
#define LAYERS_MAX 10

typedef struct Used {
        dev_t *devices;
        size_t n;
        const char *block;
} Used;

static void used_done(Used *u) {
        free(u->devices);
}

static void add(Used *u, dev_t device) {
        if (u->n < USED_MAX && device != 0)
                u->devices[u->n++] = device;
}

static void add_node(Used *u, const char *path) {
        struct stat st;

        if (startswith(path, "/dev/") && stat(path, &st) >= 0 && S_ISBLK(st.st_mode))
                add(u, st.st_rdev);
}

static bool is_used(const Used *u, dev_t device) {
        for (size_t i = 0; i < u->n; i++)
                if (u->devices[i] == device)
                        return true;
        return false;
}

/* "36 35 98:0 /root /mount options - type source super". Of btrfs and others the numbers name no device, but
 * the source does. */
static void add_mount(Used *u, char *line) {
        char *source = strstr(line, " - ");
        unsigned major, minor;

        if (sscanf(line, "%*u %*u %u:%u", &major, &minor) == 2 && major != 0)
                add(u, makedev(major, minor));
        source = source ? strchr(source + 3, ' ') : NULL;
        if (source) {
                source[1 + strcspn(source + 1, " ")] = '\0';
                add_node(u, source + 1);
        }
}

/* "/dev/sda2 partition 1000 0 -2" */
static void add_swap(Used *u, char *line) {
        line[strcspn(line, " \t")] = '\0';
        add_node(u, line);
}

static int add_lines(Used *u, const char *path, void (*each)(Used *, char *)) {
        _cleanup_strlist_ StrList lines = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read(path, LIST_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r;
        strlist_add_split(&lines, text, "\n");
        for (size_t i = 0; i < lines.n; i++)
                each(u, lines.items[i]);
        return lines.error;
}

/* The numbers in the file dev of a folder of sysfs; 0 when it has none. */
static dev_t device_of(const char *folder) {
        _cleanup_free_ char *path = path_join(folder, "dev"), *text = NULL;
        unsigned major, minor;

        if (!path || file_read_line(path, &text) < 0 || sscanf(text, "%u:%u", &major, &minor) != 2)
                return 0;
        return makedev(major, minor);
}

static bool has_file(const char *folder, const char *name) {
        _cleanup_free_ char *path = path_join(folder, name);

        return path && access(path, F_OK) == 0;
}

static int stands_on(const Used *u, dev_t device, unsigned layer);

/* Each folder in it that is a device; partitions only, or all. */
static int any_stands_on(const Used *u, const char *folder, bool partitions, unsigned layer) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = folder_list(folder, &names);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char **name = names; r == 0 && *name; name++) {
                _cleanup_free_ char *path = path_join(folder, *name);

                if (path && (!partitions || has_file(path, "partition")))
                        r = stands_on(u, device_of(path), layer + 1);
        }
        return r;
}

static int stands_on(const Used *u, dev_t device, unsigned layer) {
        _cleanup_free_ char *folder = NULL, *holders = NULL;
        int r;

        if (device == 0)
                return 0;
        if (is_used(u, device))
                return 1;
        if (layer > LAYERS_MAX)
                return -ELOOP;
        if (asprintf(&folder, "%s/%u:%u", u->block, major(device), minor(device)) < 0)
                return -ENOMEM;
        holders = path_join(folder, "holders");
        r = holders ? any_stands_on(u, holders, /* partitions= */ false, layer) : -ENOMEM;
        return r != 0 ? r : any_stands_on(u, folder, /* partitions= */ true, layer);
}

/* A partition that is not mounted may be what the host starts from, on the disk of those that are. */
static int disk_is_used(const Used *u, dev_t device) {
        _cleanup_free_ char *folder = NULL, *disk = NULL;

        if (asprintf(&folder, "%s/%u:%u", u->block, major(device), minor(device)) < 0)
                return -ENOMEM;
        if (!has_file(folder, "partition"))
                return 0;
        disk = path_join(folder, "..");
        return disk ? stands_on(u, device_of(disk), 0) : -ENOMEM;
}

int own_disk_find(const OwnDiskPaths *paths, dev_t device) {
        _cleanup_(used_done) Used u = {
                .devices = calloc(USED_MAX, sizeof(dev_t)),
                .block = paths->block ?: "/sys/dev/block",
        };
        int r;

        if (!u.devices)
                return -ENOMEM;
        r = add_lines(&u, paths->mountinfo ?: "/proc/1/mountinfo", add_mount);
        if (r < 0)
                return r;
        r = add_lines(&u, paths->swaps ?: "/proc/swaps", add_swap);
        if (r < 0 && r != -ENOENT) /* a kernel without swap */
                return r;
        r = stands_on(&u, device, 0);
        return r != 0 ? r : disk_is_used(&u, device);
}
