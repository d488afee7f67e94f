/*
 * The facts of a real Xen host
 *
 * Memory, processors and what they can do come from Xen by hypercall, through libxl: that waits for no other
 * program, so hostd may ask from its loop. xenstore is needed twice, when the source is made: to connect, and
 * to watch domains come and go, which is when free memory changes. After that nothing here waits for it.
 * Domains that others started count like ours: free is what Xen says is free.
 *
 * Networks are the bridges of the kernel. Storage is what the settings name, and every file system of a disk
 * or a server that is mounted elsewhere than on the root.
 */

#include <stdio.h>
#include <sys/utsname.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/core/idset.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/run/libxl-log.h"
#include "hostd/run/xenstore.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define NET_FOLDER "/sys/class/net"
/* Of init: our own shows what our unit's sandbox binds. */
#define MOUNTINFO "/proc/1/mountinfo"
#define MOUNTINFO_SIZE_MAX (4u << 20)
#define PAGE_BYTES UINT64_C(4096)
#define BYTES_PER_KIB 1024

typedef struct LibxlHost {
        MachineFactsSource source; /* first */
        Libxl *xl;
        XenStore *xs;
        char *const *storage; /* the setting */
        libxl_pcitopology *topology; /* asked for once; nodes do not change */
        int n_topology;
        sd_event_source *watch;
        void (*changed)(void *userdata);
        void *userdata;
} LibxlHost;

static LibxlHost *host_of(MachineFactsSource *source) {
        return CONTAINER_OF(source, LibxlHost, source);
}

/* Networks and storage. */

int machine_facts_read_bridges(const char *folder, char ***ret) {
        _cleanup_(strv_freep) char **bridges = NULL, **names = NULL;
        int r;

        r = folder_list(folder, &names);
        for (char **name = names; r >= 0 && *name; name++) {
                _cleanup_free_ char *path = text_printf("%s/%s/bridge", folder, *name);

                if (!path)
                        r = -ENOMEM;
                else if (access(path, F_OK) == 0)
                        r = idset_add(&bridges, *name);
        }
        if (r < 0)
                return r;
        idset_sort(bridges);
        *ret = take_ptr(bridges);
        return 0;
}

/* The kernel writes blanks, and its own mark, as three octal digits. */
static void unescape(char *text) {
        char *to = text;

        for (const char *from = text; *from; to++) {
                if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
                        *to = (char) ((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
                        from += 4;
                } else
                        *to = *from++;
        }
        *to = '\0';
}

/* "36 35 98:0 /root /mount/point options - type source super": of a disk or a server when the source is a
 * path or has a colon. */
static int add_mount(char *line, char ***list) {
        char *point = line, *source = strstr(line, " - ");

        for (int i = 0; i < 4 && point; i++) {
                point = strchr(point, ' ');
                point = point ? point + 1 : NULL;
        }
        if (!point || !source)
                return 0;
        point[strcspn(point, " ")] = '\0';
        source = strchr(source + 3, ' ');
        if (!source)
                return 0;
        source++;
        source[strcspn(source, " ")] = '\0';

        unescape(point);
        if (streq(point, "/") || (source[0] != '/' && !strchr(source, ':')))
                return 0;
        return idset_add(list, point);
}

int machine_facts_read_storage(const char *named, const char *mountinfo, char ***ret) {
        _cleanup_strlist_ StrList names = {}, lines = {};
        _cleanup_(strv_freep) char **list = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read(mountinfo, MOUNTINFO_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r;
        strlist_add_split(&names, named, " \t");
        strlist_add_split(&lines, text, "\n");
        r = names.error ?: lines.error;
        for (size_t i = 0; r >= 0 && i < names.n; i++)
                r = idset_add(&list, names.items[i]);
        for (size_t i = 0; r >= 0 && i < lines.n; i++)
                r = add_mount(lines.items[i], &list);
        if (r < 0)
                return r;
        idset_sort(list);
        *ret = take_ptr(list);
        return 0;
}

/* What Xen says. */

static int read_xen(LibxlHost *host, MachineFacts *f) {
        libxl_physinfo info;
        int rc;

        libxl_physinfo_init(&info);
        rc = libxl_get_physinfo(host->xl->ctx, &info);
        if (rc == 0) {
                f->memory_total = info.total_pages * PAGE_BYTES;
                f->cpus = info.nr_cpus;
                f->hvm = info.cap_hvm;
                f->iommu = info.cap_hvm_directio;
        }
        libxl_physinfo_dispose(&info);
        return libxl_error_to_errno(rc);
}

static int libxl_memory_free(MachineFactsSource *source, uint64_t *ret) {
        uint64_t kib;
        int rc;

        rc = libxl_get_free_memory(host_of(source)->xl->ctx, &kib);
        if (rc == 0)
                *ret = kib * BYTES_PER_KIB;
        return libxl_error_to_errno(rc);
}

static int read_names(MachineFacts *f) {
        struct utsname uts;

        f->hostname = strdup(uname(&uts) < 0 ? "" : uts.nodename);
        return f->hostname ? file_read_line(BOOT_ID_FILE, &f->boot_id) : -ENOMEM;
}

static int libxl_read(MachineFactsSource *source, MachineFacts *ret) {
        LibxlHost *host = host_of(source);
        _cleanup_(machine_facts_done) MachineFacts f = {};
        int r;

        r = read_xen(host, &f);
        if (r >= 0)
                r = libxl_memory_free(source, &f.memory_free);
        if (r >= 0)
                r = machine_facts_read_bridges(NET_FOLDER, &f.networks);
        if (r >= 0)
                r = machine_facts_read_storage(*host->storage, MOUNTINFO, &f.storage);
        if (r >= 0)
                r = read_names(&f);
        if (r < 0)
                return r;
        *ret = take_struct(f);
        return 0;
}

/* Who has which function. */

static int visit_with_functions(LibxlHost *host, HostDomain *domain, HostDomainVisitor visitor, void *userdata) {
        _cleanup_free_ PciAddress *functions = NULL;
        _cleanup_free_ char *name = NULL;
        libxl_device_pci *pcis;
        int n = 0;

        pcis = libxl_device_pci_list(host->xl->ctx, domain->domid, &n);
        if (n > 0)
                name = libxl_domid_to_name(host->xl->ctx, domain->domid);
        functions = calloc((size_t) n + 1, sizeof(*functions));
        for (int i = 0; functions && i < n; i++)
                functions[i] = (PciAddress){(uint32_t) pcis[i].domain, pcis[i].bus, pcis[i].dev, pcis[i].func};
        libxl_device_pci_list_free(pcis, n);
        if (!functions)
                return -ENOMEM;
        domain->name = strempty(name);
        domain->functions = functions;
        domain->n_functions = (size_t) n;
        return visitor(domain, userdata);
}

static int libxl_each_domain(MachineFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata) {
        LibxlHost *host = host_of(source);
        libxl_dominfo *list;
        int n = 0, r = 0;

        list = libxl_list_domain(host->xl->ctx, &n);
        if (!list)
                return -EIO;
        for (int i = 0; i < n && r == 0; i++) {
                HostDomain domain = {.domid = list[i].domid, .name = ""};

                if (domain.domid == 0)
                        continue;
                (void) memcpy(domain.uuid.bytes, list[i].uuid.uuid, sizeof(domain.uuid.bytes));
                r = functions ? visit_with_functions(host, &domain, visitor, userdata) : visitor(&domain, userdata);
        }
        libxl_dominfo_list_free(list, n);
        return r;
}

static bool libxl_node(MachineFactsSource *source, const PciAddress *function, uint32_t *ret) {
        LibxlHost *host = host_of(source);

        if (!host->topology)
                host->topology = libxl_get_pci_topology(host->xl->ctx, &host->n_topology);
        for (int i = 0; host->topology && i < host->n_topology; i++) {
                const libxl_pcitopology *t = &host->topology[i];

                if (t->seg != function->domain || t->bus != function->bus || t->devfn != (function->dev << 3 | function->fn))
                        continue;
                *ret = t->node;
                return t->node != LIBXL_PCITOPOLOGY_INVALID_ENTRY;
        }
        return false;
}

static char *libxl_describe(MachineFactsSource *source) {
        const libxl_version_info *v = libxl_get_version_info(host_of(source)->xl->ctx);

        return !v ? NULL : text_printf("Xen %d.%d%s", v->xen_version_major, v->xen_version_minor,
                                   strempty(v->xen_version_extra));
}

/* When it changes. */

static int on_domains_changed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        LibxlHost *host = userdata;
        int r;

        r = xenstore_drain(host->xs);
        if (r < 0) {
                (void) log_errno(r, "xenstore is gone: what others start is not told any more");
                host->watch = sd_event_source_disable_unref(host->watch);
        }
        host->changed(host->userdata);
        return 0;
}

static int libxl_watch(
        MachineFactsSource *source, sd_event *event, void (*changed)(void *userdata), void *userdata) {
        LibxlHost *host = host_of(source);

        host->changed = changed;
        host->userdata = userdata;
        return sd_event_add_io(event, &host->watch, xenstore_fd(host->xs), EPOLLIN, on_domains_changed, host);
}

static MachineFactsSource *libxl_free(MachineFactsSource *source) {
        LibxlHost *host = host_of(source);

        sd_event_source_disable_unref(host->watch);
        if (host->topology)
                libxl_pcitopology_list_free(host->topology, host->n_topology);
        (void) xenstore_close(host->xs);
        libxl_close(host->xl);
        free(host);
        return NULL;
}

static const MachineFactsOps libxl_ops = {
        .hypervisor = "xen",
        .read = libxl_read,
        .memory_free = libxl_memory_free,
        .each_domain = libxl_each_domain,
        .node = libxl_node,
        .describe = libxl_describe,
        .watch = libxl_watch,
        .free = libxl_free,
};

static int watch_domains(LibxlHost *host) {
        int r;

        r = xenstore_open(&host->xs);
        if (r >= 0)
                r = xenstore_watch(host->xs, "@introduceDomain");
        if (r >= 0)
                r = xenstore_watch(host->xs, "@releaseDomain");
        return r;
}

int machine_facts_libxl_new(char *const *storage, MachineFactsSource **ret) {
        LibxlHost *host;
        int r;

        host = calloc(1, sizeof(*host));
        if (!host)
                return -ENOMEM;
        host->source.ops = &libxl_ops;
        host->storage = storage;
        r = libxl_open(&host->xl);
        if (r >= 0)
                r = watch_domains(host);
        if (r < 0) {
                (void) libxl_free(&host->source);
                return r;
        }
        *ret = &host->source;
        return 0;
}
