/*
 * The facts of a simulated host: what stands in its folder, so that a restart of hostd changes nothing
 */

#include <sys/utsname.h>

#include "common/base/parse.h"
#include "common/io/file.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/run/sim-host.h"
#include "protocol/vm-record.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

typedef struct SimulatedHost {
        MachineFactsSource source;
        char *dir;
} SimulatedHost;

static int simulated_memory_free(MachineFactsSource *source, uint64_t *ret) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        _cleanup_(sim_host_done) SimHost file = {};
        int r;

        r = sim_host_read(host->dir, &file);
        return r < 0 ? r : sim_host_free_memory(host->dir, &file, ret);
}

/* The domains. */

/* One without a config that can be read is being made, or ends. */
static int visit_domain(const char *dir, const char *domid, HostDomainVisitor visitor, void *userdata) {
        _cleanup_json_ struct json_object *config = NULL;
        _cleanup_free_ PciAddress *functions = NULL;
        struct json_object *pcidevs;
        HostDomain domain = {};
        const char *uuid;
        int r;

        r = sim_host_config(dir, domid, &config);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        uuid = json_object_get_string(JSON_AT(config, "c_info", "uuid"));
        if (uuid_from_string(strempty(uuid), &domain.uuid) < 0 || parse_u32(domid, &domain.domid) < 0)
                return 0;
        domain.name = strempty(json_object_get_string(JSON_AT(config, "c_info", "name")));
        pcidevs = vm_config_functions(config, &domain.n_functions);
        functions = calloc(domain.n_functions + 1, sizeof(*functions));
        if (!functions)
                return -ENOMEM;
        for (size_t i = 0; i < domain.n_functions; i++)
                (void) vm_config_function(json_object_array_get_idx(pcidevs, i), &functions[i]);
        domain.functions = functions;
        return visitor(&domain, userdata);
}

static int simulated_each_domain(
        MachineFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        _cleanup_(strv_freep) char **domids = NULL;
        int r;

        r = sim_host_domains(host->dir, &domids);
        for (char **domid = domids; r == 0 && *domid; domid++)
                r = visit_domain(host->dir, *domid, visitor, userdata);
        return r;
}

static int simulated_read(MachineFactsSource *source, MachineFacts *ret) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);
        _cleanup_(sim_host_done) SimHost file = {};
        struct utsname uts = {};
        _cleanup_(machine_facts_done) MachineFacts f = {};
        int r;

        r = sim_host_read(host->dir, &file);
        if (r < 0)
                return r;
        f = (MachineFacts){
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
                r = sim_host_free_memory(host->dir, &file, &f.memory_free);
        if (r < 0)
                return r;
        *ret = take_struct(f);
        return 0;
}

static char *simulated_describe(MachineFactsSource *source) {
        return strdup("a simulated hypervisor");
}

static MachineFactsSource *simulated_free(MachineFactsSource *source) {
        SimulatedHost *host = CONTAINER_OF(source, SimulatedHost, source);

        free(host->dir);
        free(host);
        return NULL;
}

static const MachineFactsOps simulated_ops = {
        .hypervisor = "simulated",
        .read = simulated_read,
        .memory_free = simulated_memory_free,
        .each_domain = simulated_each_domain,
        .describe = simulated_describe,
        .free = simulated_free,
};

int machine_facts_simulated_new(const char *dir, MachineFactsSource **ret) {
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
