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

typedef struct HostFacts {
        uint64_t memory_total, memory_free;
        uint32_t cpus;
        bool iommu, hvm;
        char **networks; /* bridges */
        char **storage;  /* folders and devices that disks may stand on */
        char *hostname, *boot_id;
} HostFacts;

void host_facts_done(HostFacts *f);

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

typedef struct HostFactsSource HostFactsSource;

typedef struct HostFactsOps {
        const char *hypervisor; /* "xen", "simulated" */
        int (*read)(HostFactsSource *source, HostFacts *ret);
        int (*memory_free)(HostFactsSource *source, uint64_t *ret);
        /* All but dom0; functions: with name and functions. */
        int (*each_domain)(HostFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata);
        char *(*describe)(HostFactsSource *source); /* "Xen 4.17.3"; the caller frees; NULL: it does not say */
        /* changed() is called when free memory may have changed without us. NULL: it changes by our own doing only. */
        int (*watch)(HostFactsSource *source, sd_event *event, void (*changed)(void *userdata), void *userdata);
        HostFactsSource *(*free)(HostFactsSource *source);
} HostFactsOps;

/* The first member of each implementation. */
struct HostFactsSource {
        const HostFactsOps *ops;
};

/* -EBADMSG: the source says something impossible; -ENOENT: it is not there. */
int host_facts_read(HostFactsSource *source, HostFacts *ret);
int host_facts_memory_free(HostFactsSource *source, uint64_t *ret);
/* The domain with that uuid; -ENOENT: there is none. */
int host_facts_find_domain(HostFactsSource *source, const Uuid *uuid, uint32_t *ret_domid);
int host_facts_list_functions(HostFactsSource *source, DomainFunction **ret, size_t *ret_n);
HostFactsSource *host_facts_source_free(HostFactsSource *source);
DEFINE_CLEANUP(HostFactsSource *, host_facts_source_free)

/*
 * The simulated host: <dir>/host.json is
 *
 *   {"memory_total":bytes,"dom0_memory":bytes,"cpus":n,"iommu":bool,"hvm":bool,"networks":[…],"storage":[…],
 *    "hostname":"…","boot_id_file":"…"}
 *
 * where all but memory_total may be absent; each <dir>/dom/<domid>/config.json is the libxl config of a domain,
 * whose memory is not free.
 */
int host_facts_simulated_new(const char *dir, HostFactsSource **ret);

/* A real Xen host. storage: blank-separated folders. -EIO: not root in dom0, or xenstore does not answer; the log says more. */
int host_facts_libxl_new(const char *storage, HostFactsSource **ret);

/* The lists as they are read from folders, for the tests: "/sys/class/net", "/proc/1/mountinfo". Sorted. */
int host_facts_read_bridges(const char *folder, char ***ret);
int host_facts_read_storage(const char *named, const char *mountinfo, char ***ret);
