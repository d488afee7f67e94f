/*
 * The machine under a host's daemon, as files
 *
 * The first boot makes them; later boots keep them, so that a test that changed the type files or took a card
 * out meets its change again. Only boot_id is new each time.
 */

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/base/uuid.h"
#include "tests/lab/hardware.h"
#include "tests/lab/machine.h"
#include "tests/lab/process.h"

#define FILE_MAX (16u << 20)

static int copy_file(const char *from, const char *to) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(from, FILE_MAX, &data, &size);
        return r < 0 ? r : file_write_atomic(to, data, size, 0644);
}

typedef int (*EntryVisitor)(const char *path, const char *name, void *userdata);

static int each_entry(const char *folder, EntryVisitor visitor, void *userdata) {
        struct dirent *entry;
        DIR *d = opendir(folder);
        int r = 0;

        if (!d)
                return -errno;
        while (r >= 0 && (entry = readdir(d))) {
                _cleanup_free_ char *path = NULL;

                if (entry->d_name[0] == '.')
                        continue;
                path = path_join(folder, entry->d_name);
                r = path ? visitor(path, entry->d_name, userdata) : -ENOMEM;
        }
        closedir(d);
        return r;
}

static int copy_tree(const char *from, const char *to);

static int copy_entry(const char *path, const char *name, void *userdata) {
        _cleanup_free_ char *to = path_join(userdata, name);
        struct stat st;

        if (!to)
                return -ENOMEM;
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? copy_tree(path, to) : copy_file(path, to);
}

static int copy_tree(const char *from, const char *to) {
        int r = mkdir_parents(to, 0755);

        return r < 0 ? r : each_entry(from, copy_entry, (void *) to);
}

/* libpci wants slots/ beside devices/; a recording that has none gets an empty one. */
static int prepare_recorded_tree(const LabHost *host, const char *sysfs) {
        _cleanup_free_ char *slots = path_join(sysfs, "slots");
        int r;

        if (!slots)
                return -ENOMEM;
        r = copy_tree(host->spec.recorded, sysfs);
        return r < 0 ? r : mkdir_parents(slots, 0755);
}

static int prepare_hardware(const LabHost *host) {
        _cleanup_free_ char *sysfs = path_join(host->folder, "sysfs"),
                            *dump = path_join(host->folder, "pci.dump");

        if (!sysfs || !dump)
                return -ENOMEM;
        if (access(sysfs, F_OK) == 0 || access(dump, F_OK) == 0)
                return 0;
        if (host->spec.recorded)
                return host->spec.recorded_tree ? prepare_recorded_tree(host, sysfs)
                                                : copy_file(host->spec.recorded, dump);
        return hardware_write(sysfs, host->spec.cards, host->spec.n_cards);
}

/* Where hostd of a lab host looks for a file of this name, below types/; NULL: for none. */
static const char *type_place(const char *name) {
        const char *dot = strrchr(name, '.');

        if (dot && streq(dot, ".conf"))
                return "vgx/";
        if (dot && streq(dot, ".xml"))
                return "vgpuConfig.xml";
        if (strstr(name, "gvt"))
                return "gvt-g-whitelist";
        if (strstr(name, "sriov"))
                return "sriov-types";
        if (strstr(name, "mxgpu"))
                return "mxgpu-whitelist";
        return NULL;
}

static int copy_type_file(const char *path, const char *name, void *userdata) {
        const char *types = userdata, *place = type_place(name);
        _cleanup_free_ char *to = NULL;
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return each_entry(path, copy_type_file, userdata);
        if (!place)
                return 0;
        if (asprintf(&to, "%s/%s%s", types, place, streq(place, "vgx/") ? name : "") < 0)
                return -ENOMEM;
        return copy_file(path, to);
}

static int copy_types(const char *from, const char *types) {
        _cleanup_free_ char *vgx = path_join(types, "vgx");
        struct stat st;
        int r;

        if (!vgx)
                return -ENOMEM;
        r = mkdir_parents(vgx, 0755);
        if (r < 0)
                return r;
        if (stat(from, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? each_entry(from, copy_type_file, (void *) types)
                                   : copy_type_file(from, strrchr(from, '/') ? strrchr(from, '/') + 1 : from,
                                             (void *) types);
}

/* The type files of the lab's cards: $XENVGPU_LAB_TYPES, beside an installed xenvgpu-lab, or in the source
 * tree. */
static int find_fixtures(char **ret) {
        const char *wish = getenv("XENVGPU_LAB_TYPES");
        char self[PATH_MAX], path[PATH_MAX + 64];
        ssize_t n;

        if (!isempty(wish)) {
                *ret = realpath(wish, NULL);
                return *ret ? 0 : lab_fail(-errno, "XENVGPU_LAB_TYPES names '%s': %s", wish, strerror(errno));
        }
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n > 0) {
                self[n] = 0;
                *strrchr(self, '/') = 0;
                snprintf(path, sizeof(path), "%s/../share/xenvgpu-lab/types", self);
                *ret = realpath(path, NULL);
                if (*ret)
                        return 0;
        }
        *ret = realpath(LAB_TYPES_FOLDER, NULL);
        return *ret ? 0
                    : lab_fail(-ENOENT, "the type files of the lab's cards are in neither %s nor %s", path,
                              LAB_TYPES_FOLDER);
}

static int prepare_types(const LabHost *host) {
        _cleanup_free_ char *types = path_join(host->folder, "types"), *from = NULL;
        int r;

        if (!types)
                return -ENOMEM;
        if (access(types, F_OK) == 0)
                return 0;
        r = find_fixtures(&from);
        return r < 0 ? r : copy_types(from, types);
}

int machine_set_types(const LabHost *host, const char *path) {
        _cleanup_free_ char *types = path_join(host->folder, "types");
        struct stat st;
        int r;

        if (!types)
                return lab_fail(-ENOMEM, "out of memory");
        if (stat(path, &st) < 0)
                return lab_fail(-errno, "cannot read the type files '%s': %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode) && !type_place(path))
                return lab_fail(-EINVAL,
                        "'%s' is no type file; there are *.conf, *.xml, and names with gvt or mxgpu", path);

        r = S_ISDIR(st.st_mode) ? remove_tree(types) : 0;
        if (r >= 0)
                r = copy_types(path, types);
        return r < 0 ? lab_fail(r, "cannot take the type files '%s': %s", path, strerror(-r)) : 0;
}

static int write_json(const char *path, struct json_object *o) {
        _cleanup_free_ char *text = json_to_text(o);

        return text ? file_write_atomic(path, text, strlen(text), 0644) : -ENOMEM;
}

static int prepare_facts(const LabHost *host, const char *boot_id_file) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *path = path_join(host->folder, "sim/host.json");
        const HostSpec *spec = &host->spec;

        if (!o || !path)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return 0;
        if (json_add_u64(o, "memory_total", spec->memory) < 0 ||
                json_add_u64(o, "dom0_memory", spec->dom0_memory) < 0 ||
                json_add_u64(o, "cpus", spec->cpus) < 0 || json_add_bool(o, "iommu", spec->iommu) < 0 ||
                json_add_strv(o, "networks", (const char *const *) spec->networks) < 0 ||
                json_add_strv(o, "storage", (const char *const *) spec->storage) < 0 ||
                json_add_string(o, "boot_id_file", boot_id_file) < 0 ||
                json_add_string(o, "hostname", spec->name) < 0)
                return -ENOMEM;
        return write_json(path, o);
}

static int new_boot_id(const char *path) {
        char text[UUID_TEXT_MAX + 1];
        Uuid id;
        int r;

        r = uuid_generate(&id);
        if (r < 0)
                return r;
        uuid_to_string(&id, text);
        strcat(text, "\n");
        return file_write_atomic(path, text, strlen(text), 0644);
}

/* What a real boot starts without: /run and domains. */
static int sweep(const LabHost *host) {
        _cleanup_free_ char *domains = path_join(host->folder, "sim/dom");
        int r;

        if (!domains)
                return -ENOMEM;
        r = remove_tree(domains);
        if (r >= 0)
                r = mkdir_parents(domains, 0755);
        if (r >= 0)
                r = remove_tree(host->run);
        return r < 0 ? r : mkdir_parents(host->run, 0755);
}

/* The stand-in for AMD's gimtool divides the machine that it is called in, so each host has a name of its own for
 * it. A bare listing has no functions to make. */
static int prepare_gimtool(const LabHost *host) {
        _cleanup_free_ char *link = path_join(host->folder, "gimtool"), *program = NULL;
        int r;

        if (!link)
                return -ENOMEM;
        if (host->spec.recorded && !host->spec.recorded_tree)
                return 0;
        r = program_find("xenvgpu-lab-gimtool", &program);
        if (r < 0)
                return r;
        /* Another build may have stood here. */
        if (unlink(link) < 0 && errno != ENOENT)
                return -errno;
        return symlink(program, link) < 0 ? -errno : 0;
}

/* The stand-in for the kernel stands in the machine that it is the kernel of. */
static int prepare_kernel(const LabHost *host) {
        _cleanup_free_ char *link = path_join(host->folder, "sysfs/actor"), *program = NULL;
        int r;

        if (!link)
                return -ENOMEM;
        if (host->spec.recorded)
                return 0;
        r = program_find("xenvgpu-lab-kernel", &program);
        if (r < 0)
                return r;
        if (unlink(link) < 0 && errno != ENOENT)
                return -errno;
        return symlink(program, link) < 0 ? -errno : 0;
}

/* No division survives a boot. */
static int undivide(const char *path, const char *name, void *userdata) {
        _cleanup_free_ char *physical = path_join(path, "physfn.link"), *number = path_join(path, "sriov_numvfs");

        if (!physical || !number)
                return -ENOMEM;
        if (access(physical, F_OK) == 0)
                return remove_tree(path);
        return access(number, F_OK) == 0 ? file_write_atomic(number, "0\n", 2, 0644) : 0;
}

static int boot_hardware(const LabHost *host) {
        _cleanup_free_ char *devices = path_join(host->folder, "sysfs/devices");

        if (!devices)
                return -ENOMEM;
        return host->spec.recorded ? 0 : each_entry(devices, undivide, NULL);
}

int machine_prepare(const LabHost *host) {
        _cleanup_free_ char *boot_id = path_join(host->folder, "boot_id");
        int r;

        r = boot_id ? sweep(host) : -ENOMEM;
        if (r >= 0)
                r = prepare_hardware(host);
        if (r >= 0)
                r = prepare_types(host);
        if (r >= 0)
                r = prepare_facts(host, boot_id);
        if (r >= 0)
                r = prepare_gimtool(host);
        if (r >= 0)
                r = prepare_kernel(host);
        if (r >= 0)
                r = boot_hardware(host);
        if (r >= 0)
                r = new_boot_id(boot_id);
        return r < 0 ? lab_fail(r, "cannot make the machine of host '%s': %s", host->spec.name, strerror(-r))
                     : 0;
}
