#pragma once

/*
 * Facts of the host beside its GPUs
 *
 * Behind a small ops struct: the hypervisor knows memory, processors and the IOMMU, the kernel the rest.
 * Memory in bytes.
 */

#include <systemd/sd-event.h>

#include "common/base/pci-address.h"
#include "common/base/uuid.h"

typedef struct MachineFacts {
        uint64_t memory_total, memory_free;
        uint32_t cpus;
        bool iommu, hvm;
        char **networks; /* bridges */
        char **storage;  /* folders and devices that disks may stand on */
        char *hostname, *boot_id;
} MachineFacts;

void machine_facts_done(MachineFacts *f);

/* A PCI function that a domain has, whoever started it. */
typedef struct DomainFunction {
        PciAddress address;
        uint32_t domid;
        Uuid uuid;  /* of the domain */
        char *name; /* of the domain; "" when it has none */
} DomainFunction;

void domain_functions_free(DomainFunction *list, size_t n);

/* A domain, valid during the visit. Anything but 0 ends the walk and is returned. */
typedef struct HostDomain {
        uint32_t domid;
        Uuid uuid;
        const char *name; /* "" when it has none */
        const PciAddress *functions;
        size_t n_functions;
} HostDomain;

typedef int (*HostDomainVisitor)(const HostDomain *domain, void *userdata);

typedef struct MachineFactsSource MachineFactsSource;

typedef struct MachineFactsOps {
        const char *hypervisor; /* "xen", "simulated" */
        int (*read)(MachineFactsSource *source, MachineFacts *ret);
        int (*memory_free)(MachineFactsSource *source, uint64_t *ret);
        /* All but dom0; functions: with name and functions. */
        int (*each_domain)(MachineFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata);
        /* The NUMA node of a PCI function; false: it does not know. NULL: it never does. */
        bool (*node)(MachineFactsSource *source, const PciAddress *function, uint32_t *ret);
        char *(*describe)(MachineFactsSource *source); /* "Xen 4.17.3"; the caller frees; NULL: it does not say */
        /* changed() is called when free memory may have changed without us. NULL: it changes by our own doing only. */
        int (*watch)(MachineFactsSource *source, sd_event *event, void (*changed)(void *userdata), void *userdata);
        MachineFactsSource *(*free)(MachineFactsSource *source);
} MachineFactsOps;

/* The first member of each implementation. */
struct MachineFactsSource {
        const MachineFactsOps *ops;
};

/* -EBADMSG: the source says something impossible; -ENOENT: it is not there. */
int machine_facts_read(MachineFactsSource *source, MachineFacts *ret);
int machine_facts_memory_free(MachineFactsSource *source, uint64_t *ret);
/* The domain with that uuid; -ENOENT: there is none. */
int machine_facts_find_domain(MachineFactsSource *source, const Uuid *uuid, uint32_t *ret_domid);
int machine_facts_list_functions(MachineFactsSource *source, DomainFunction **ret, size_t *ret_n);
/* Under Xen the kernel of dom0 does not know of nodes, but the hypervisor does. */
bool machine_facts_node(MachineFactsSource *source, const PciAddress *function, uint32_t *ret);
MachineFactsSource *machine_facts_source_free(MachineFactsSource *source);
DEFINE_CLEANUP(MachineFactsSource *, machine_facts_source_free)

/*
 * The simulated host: <dir>/host.json is
 *
 *   {"memory_total":bytes,"dom0_memory":bytes,"cpus":n,"iommu":bool,"hvm":bool,"networks":[…],"storage":[…],
 *    "hostname":"…","boot_id_file":"…"}
 *
 * where all but memory_total may be absent; each <dir>/dom/<domid>/config.json is the libxl config of a domain,
 * whose memory is not free.
 */
int machine_facts_simulated_new(const char *dir, MachineFactsSource **ret);

/* A real Xen host. storage: blank-separated folders. -EIO: not root in dom0, or xenstore does not answer; the log says more. */
/* storage: the setting, which a reload may change. */
int machine_facts_libxl_new(char *const *storage, MachineFactsSource **ret);

/* The lists as they are read from folders, for the tests: "/sys/class/net", "/proc/1/mountinfo". Sorted. */
int machine_facts_read_bridges(const char *folder, char ***ret);
int machine_facts_read_storage(const char *named, const char *mountinfo, char ***ret);
