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
#include "common/base/parse.h"
#include "hostd/edge/host-facts.h"
#include "hostd/run/json-file.h"
#include "protocol/record.h"
#include "protocol/vm-record.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

typedef struct SimulatedHost {
        HostFactsSource source;
        char *dir;
} SimulatedHost;

/* host.json */
typedef struct HostFile {
        uint64_t memory_total, dom0_memory;
        uint32_t cpus;
        bool iommu, hvm;
        char **networks, **storage;
        char *hostname, *boot_id_file;
} HostFile;

static const HostFile host_file_defaults = {.cpus = 1, .iommu = true, .hvm = true};

static const RecordField host_file_fields[] = {
        FIELD(HostFile, memory_total, REQUIRED, U64),
        FIELD(HostFile, dom0_memory, OPTIONAL, U64),
        FIELD(HostFile, cpus, OPTIONAL, U32),
        FIELD(HostFile, iommu, OPTIONAL, BOOL),
        FIELD(HostFile, hvm, OPTIONAL, BOOL),
        FIELD(HostFile, networks, OPTIONAL, STRV),
        FIELD(HostFile, storage, OPTIONAL, STRV),
        FIELD(HostFile, hostname, IF_SET, TEXT),
        FIELD(HostFile, boot_id_file, IF_SET, TEXT),
};
static const RecordTable host_file_table =
        RECORD_TABLE(HostFile, host_file_fields, .defaults = &host_file_defaults);

static void host_file_done(HostFile *f) {
        record_done(&host_file_table, f);
}

static int load_host(const SimulatedHost *host, HostFile *ret) {
        _cleanup_free_ char *path = path_join(host->dir, "host.json");
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        if (!path)
                return -ENOMEM;
        r = json_file_read(&reader, path, JSON_SIZE_MAX, &o);
        if (r >= 0)
                r = record_parse(&host_file_table, &reader, o, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

static int read_config(const char *dir, const char *domid, struct json_object **ret) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/dom/%s/config.json", dir, domid) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return json_file_read(&(JsonReader){}, path, JSON_SIZE_MAX, ret);
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

/* Memory. */

/* A domain whose config is just being written or removed takes nothing yet or any more. */
static int add_memory(const char *dir, const char *domid, void *userdata) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        _cleanup_json_ struct json_object *config = NULL;
        uint64_t *sum = userdata;
        int r;

        r = read_config(dir, domid, &config);
        if (r >= 0)
                r = vm_config_needs(&(JsonReader){}, config, /* has_vgpu= */ false, &needs);
        if (r >= 0 && __builtin_add_overflow(*sum, needs.memory, sum))
                *sum = UINT64_MAX;
        return r == -ENOMEM ? r : 0;
}

static int count_free(const SimulatedHost *host, const HostFile *file, uint64_t *ret) {
        uint64_t taken = 0;
        int r;

        r = each_folder(host->dir, add_memory, &taken);
        if (r < 0)
                return r;
        if (__builtin_add_overflow(taken, file->dom0_memory, &taken))
                taken = UINT64_MAX;
        *ret = file->memory_total > taken ? file->memory_total - taken : 0;
        return 0;
}

static int simulated_memory_free(HostFactsSource *source, uint64_t *ret) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        _cleanup_(host_file_done) HostFile file = {};
        int r;

        r = load_host(host, &file);
        return r < 0 ? r : count_free(host, &file, ret);
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

static int simulated_read(HostFactsSource *source, HostFacts *ret) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        _cleanup_(host_file_done) HostFile file = {};
        struct utsname uts = {};
        HostFacts f;
        int r;

        r = load_host(host, &file);
        if (r < 0)
                return r;
        f = (HostFacts){
                .memory_total = file.memory_total,
                .cpus = file.cpus,
                .iommu = file.iommu,
                .hvm = file.hvm,
                .networks = take_ptr(file.networks),
                .storage = take_ptr(file.storage),
        };
        (void) uname(&uts);
        f.hostname = strdup(file.hostname ?: uts.nodename);
        r = f.hostname ? file_read_line(file.boot_id_file ?: BOOT_ID_FILE, &f.boot_id) : -ENOMEM;
        if (r >= 0)
                r = count_free(host, &file, &f.memory_free);
        if (r < 0) {
                host_facts_done(&f);
                return r;
        }

        *ret = f;
        return 0;
}

static char *simulated_describe(HostFactsSource *source) {
        return strdup("a simulated hypervisor");
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
