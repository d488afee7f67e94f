/*
 * The facts of a simulated host
 *
 * Its memory is what host.json says, less dom0's, less that of each domain whose config stands in the folder:
 * as on a real host, what is free follows from what runs, and a restart of hostd changes nothing.
 */

#include <dirent.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "hostd/edge/host-facts.h"
#include "protocol/vm-record.h"

#define HOST_FILE "host.json"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define CONFIG_SIZE_MAX JSON_SIZE_MAX

typedef struct SimulatedHost {
        HostFactsSource source;
        char *dir;
} SimulatedHost;

static int read_json(const char *path, struct json_object **ret) {
        _cleanup_free_ char *data = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_read(path, CONFIG_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = json_parse_cleaned(&reader, data, size, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

static int read_config(const char *dir, const char *domid, struct json_object **ret) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/dom/%s/config.json", dir, domid) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return read_json(path, ret);
}

/* A domain whose config is just being written or removed takes nothing yet or any more. */
static int read_domain_memory(const char *dir, const char *domid, uint64_t *ret) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        _cleanup_json_ struct json_object *config = NULL;
        JsonReader reader = {};
        int r;

        *ret = 0;
        r = read_config(dir, domid, &config);
        if (r >= 0)
                r = vm_config_needs(&reader, config, /* has_vgpu= */ false, &needs);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                *ret = needs.memory;
        return 0;
}

typedef int (*FolderVisitor)(const char *dir, const char *domid, void *userdata);

static int each_folder(const char *dir, FolderVisitor visitor, void *userdata) {
        _cleanup_free_ char *folder = NULL;
        struct dirent *entry;
        int r = 0;
        DIR *d;

        folder = path_join(dir, "dom");
        if (!folder)
                return -ENOMEM;
        d = opendir(folder);
        if (!d)
                return errno == ENOMEM ? -ENOMEM : 0;
        while (r == 0 && (entry = readdir(d))) {
                uint32_t domid;

                if (parse_u32(entry->d_name, &domid) >= 0)
                        r = visitor(dir, entry->d_name, userdata);
        }
        closedir(d);
        return r;
}

static int add_memory(const char *dir, const char *domid, void *userdata) {
        uint64_t *sum = userdata, memory;
        int r;

        r = read_domain_memory(dir, domid, &memory);
        if (r < 0)
                return r;
        *sum = *sum + memory < *sum ? UINT64_MAX : *sum + memory;
        return 0;
}

static int sum_domains(const char *dir, uint64_t *ret) {
        uint64_t sum = 0;
        int r;

        r = each_folder(dir, add_memory, &sum);
        if (r < 0)
                return r;
        *ret = sum;
        return 0;
}

/* The domains. */

typedef struct DomainVisit {
        HostDomainVisitor visitor;
        void *userdata;
} DomainVisit;

static uint32_t read_number(struct json_object *o, const char *member) {
        struct json_object *value = NULL;

        /* libxl leaves out what is 0. */
        (void) json_object_object_get_ex(o, member, &value);
        return (uint32_t) json_object_get_int(value);
}

/* One without a config that can be read is being made, or ends. */
static int visit_domain(const char *dir, const char *domid, void *userdata) {
        _cleanup_json_ struct json_object *config = NULL;
        _cleanup_free_ PciAddress *functions = NULL;
        struct json_object *c_info = NULL, *pcidevs = NULL;
        const DomainVisit *visit = userdata;
        HostDomain domain = {.name = ""};
        JsonReader reader = {};
        int r;

        r = read_config(dir, domid, &config);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (json_opt_object(&reader, config, "c_info", &c_info) < 0 || !c_info ||
                json_opt_uuid(&reader, c_info, "uuid", &domain.uuid) < 0 ||
                parse_u32(domid, &domain.domid) < 0)
                return 0;
        if (json_opt_string(&reader, c_info, "name", &domain.name) >= 0 &&
                json_opt_array(&reader, config, "pcidevs", &pcidevs) >= 0 && pcidevs)
                domain.n_functions = json_object_array_length(pcidevs);
        functions = calloc(domain.n_functions + 1, sizeof(*functions));
        if (!functions)
                return -ENOMEM;
        for (size_t i = 0; i < domain.n_functions; i++) {
                struct json_object *pci = json_object_array_get_idx(pcidevs, i);

                functions[i] = (PciAddress){read_number(pci, "domain"), (uint8_t) read_number(pci, "bus"),
                        (uint8_t) read_number(pci, "dev"), (uint8_t) read_number(pci, "func")};
        }
        domain.functions = functions;
        return visit->visitor(&domain, visit->userdata);
}

static int simulated_each_domain(
        HostFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);

        return each_folder(host->dir, visit_domain, &(DomainVisit){visitor, userdata});
}

static int read_hostname(JsonReader *reader, struct json_object *o, char **ret) {
        const char *name = NULL;
        struct utsname uts;
        int r;

        r = json_opt_string(reader, o, "hostname", &name);
        if (r < 0)
                return r;
        if (!name)
                name = uname(&uts) < 0 ? "" : uts.nodename;

        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}

static int read_boot_id(JsonReader *reader, struct json_object *o, char **ret) {
        const char *path = BOOT_ID_FILE;
        int r;

        r = json_opt_string(reader, o, "boot_id_file", &path);
        return r < 0 ? r : file_read_line(path, ret);
}

static int read_lists(JsonReader *reader, struct json_object *o, HostFacts *f) {
        int r;

        r = json_opt_strv(reader, o, "networks", &f->networks);
        if (r >= 0)
                r = json_opt_strv(reader, o, "storage", &f->storage);
        if (r >= 0 && !f->networks)
                f->networks = calloc(1, sizeof(char *));
        if (r >= 0 && !f->storage)
                f->storage = calloc(1, sizeof(char *));
        if (r >= 0 && (!f->networks || !f->storage))
                return -ENOMEM;
        return r;
}

static int read_memory(JsonReader *reader, struct json_object *o, const char *dir, HostFacts *f) {
        uint64_t dom0 = 0, domains;
        int r;

        r = json_get_u64(reader, o, "memory_total", &f->memory_total);
        if (r >= 0)
                r = json_opt_u64(reader, o, "dom0_memory", &dom0);
        if (r >= 0)
                r = sum_domains(dir, &domains);
        if (r < 0)
                return r;

        f->memory_free = f->memory_total > dom0 ? f->memory_total - dom0 : 0;
        f->memory_free = f->memory_free > domains ? f->memory_free - domains : 0;
        return 0;
}

static int load_host(const SimulatedHost *host, struct json_object **ret) {
        _cleanup_free_ char *path = NULL;

        path = path_join(host->dir, HOST_FILE);
        return path ? read_json(path, ret) : -ENOMEM;
}

static int simulated_read(HostFactsSource *source, HostFacts *ret) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        HostFacts f = { .cpus = 1, .iommu = true, .hvm = true };
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = load_host(host, &o);
        if (r < 0)
                return r;

        r = read_memory(&reader, o, host->dir, &f);
        if (r >= 0)
                r = json_opt_u32(&reader, o, "cpus", &f.cpus);
        if (r >= 0)
                r = json_opt_bool(&reader, o, "iommu", &f.iommu);
        if (r >= 0)
                r = json_opt_bool(&reader, o, "hvm", &f.hvm);
        if (r >= 0)
                r = read_lists(&reader, o, &f);
        if (r >= 0)
                r = read_hostname(&reader, o, &f.hostname);
        if (r >= 0)
                r = read_boot_id(&reader, o, &f.boot_id);
        if (r < 0) {
                host_facts_done(&f);
                return r == -EINVAL ? -EBADMSG : r;
        }

        *ret = f;
        return 0;
}

static char *simulated_describe(HostFactsSource *source) {
        return strdup("a simulated hypervisor");
}

static int simulated_memory_free(HostFactsSource *source, uint64_t *ret) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        HostFacts f = {};
        int r;

        r = load_host(host, &o);
        if (r >= 0)
                r = read_memory(&reader, o, host->dir, &f);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;

        *ret = f.memory_free;
        return 0;
}

static HostFactsSource *simulated_free(HostFactsSource *source) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);

        free(host->dir);
        free(host);
        return NULL;
}

static const HostFactsOps simulated_ops = {
        .hypervisor = "simulated",
        .read = simulated_read,
        .memory_free = simulated_memory_free,
        .each_domain = simulated_each_domain,
        .describe = simulated_describe,
        .free = simulated_free,
};

int host_facts_simulated_new(const char *dir, HostFactsSource **ret) {
        _cleanup_free_ SimulatedHost *host = NULL;

        host = calloc(1, sizeof(*host));
        if (!host)
                return -ENOMEM;
        host->source.ops = &simulated_ops;
        host->dir = strdup(dir);
        if (!host->dir)
                return -ENOMEM;

        *ret = &take_ptr(host)->source;
        return 0;
}
