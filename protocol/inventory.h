#pragma once

/*
 * Inventory: what a host is and what runs on it
 *
 *   {"version":1,"seq":41,"host_uuid":…,"boot_id":…,"hostname":…,"hypervisor":"xen"|"simulated","epoch":7,
 *    "memory_total":…,"memory_free":…,"cpus":2,"iommu":true,"hvm":true,"networks":["xenbr0"],"storage":["/var/lib/xen/images"],
 *    "functions":["0000:03:00.0"],
 *    "types":[TypeRecord…],
 *    "pgpus":[{"pci_id":"0000:84:00.0","vendor_id":"10de","device_id":"0ff2","subsystem_vendor_id":"10de",
 *              "subsystem_device_id":"1012","vendor_name":…,"device_name":…,"driver":"","bridge":"0000:80:01.0",
 *              "pci_switch":"0000:7f:00.0","numa_node":"1","serial_number":"dsn-0002c90300112233",
 *              "is_system_display_device":false,"supported":["<identifier>"…],"enabled":["<identifier>"…],
 *              "held_by":"domain 'by hand' (id 7)","health":"lost","health_reason":"Its PCI configuration
 * reads all ones."}],
 *    "vms":[{"uuid":…,"token":…,"name_label":…,"state":"starting"|"running"|"paused"|"stopping","stage":…,"progress":0.5,
 *            "domid":3,"memory":bytes,"vgpus":[{"id":[…],"uuid":…,"pgpu":"0000:84:00.0","identifier":…,"state":{…}}],
 *            "pcis":[{"id":[…],"address":"0000:84:00.0","state":{"plugged":true}}],
 *            "functions":["0000:03:00.0"]}],
 *    "domains":[{"uuid":…,"domid":7,"name":"by hand"}],
 *    "ended":[{VMEvent of a VM that ended, kept until policyd's next claim has read it}],
 *    "problems":["/usr/share/nvidia/vgx/grid_k100.conf:3: …"],"orders":13}
 *
 * allowed_config_keys: as in that setting of the host's; absent where hostd is of an older version, which does not tell.
 * refuses_pcidevs: true, or absent: a config with pcidevs is refused there (setting allowed_config_keys).
 * functions: PCI functions that a VM's config (pcidevs) may pass through: no bridges, no displays, nothing of
 * a PGPU's slot; absent where hostd is of an older version that found none. held_by: a domain that has the PGPU and is not of this pool, absent where there is none;
 * nothing is started on such a PGPU. division: "ours 4" or "fixed 4" for a PGPU that has virtual functions, absent
 * for others. health: "lost" for a PGPU that does not answer any more, "suspect" for one of whose virtual functions as many
 * as suspect_functions says are given to no VM, absent for a good one; nothing is started on a lost one, or where all functions
 * are suspect. orders is the highest number of an order that the host took, or that a claim told it, of the pool that has it claimed. vms: one whose stored order or run folder the host cannot read has
 * its own uuid as the token and names no GPU; it runs as far as anybody knows. domains: those that have a GPU of the
 * host and that its hostd did not start; absent where there are none. Memory in bytes. seq is the
 * number of the last event that the inventory includes. A token that stands in neither vms nor ended does not
 * run on this host: policyd may release what it booked for it.
 */

#include "protocol/event.h"
#include "protocol/type-record.h"

typedef struct InventoryPgpu {
        PciAddress pci_id;
        char *vendor_id, *device_id, *subsystem_vendor_id, *subsystem_device_id; /* four hex digits; subsystem "" when unknown */
        char *vendor_name, *device_name, *driver, *bridge;                      /* "" when unknown */
        char *serial_number; /* of the card, in whichever slot it stands; "" or NULL: unknown */
        char *pci_switch, *numa_node; /* upstream port of the switch that it hangs on, a number; "" or NULL: none, or unknown */
        bool is_system_display_device;
        char **supported, **enabled; /* identifiers */
        char *held_by;               /* "" or NULL: nobody that is not of the pool */
        char *division;               /* "ours N" or "fixed N" virtual functions; "" or NULL: none */
        char *health, *health_reason; /* "lost" or "suspect" and why, a sentence; "" or NULL: good */
        uint32_t suspect_functions;   /* virtual functions that are given to no VM */
} InventoryPgpu;

typedef VgpuReport InventoryVgpu;
typedef PciReport InventoryPci;

typedef struct InventoryVm {
        Uuid uuid, token;
        char *name_label;
        VmState state;
        char *stage;
        double progress;
        uint32_t domid;
        uint64_t memory;
        InventoryVgpu *vgpus;
        size_t n_vgpus;
        InventoryPci *pcis;
        size_t n_pcis;
        char **functions; /* that its config passes through */
} InventoryVm;

/* A domain that hostd did not start. */
typedef struct InventoryDomain {
        Uuid uuid;
        uint32_t domid;
        char *name; /* "" when it has none */
} InventoryDomain;

typedef struct Inventory {
        uint64_t seq, epoch;
        uint64_t orders;
        Uuid host_uuid;
        char *boot_id, *hostname, *hypervisor;
        uint64_t memory_total, memory_free;
        uint32_t cpus;
        bool iommu, hvm;
        bool refuses_pcidevs; /* its administrator lets no config pass a PCI function through */
        char **allowed_config_keys; /* NULL: not told */
        char **networks, **storage;
        char **functions; /* PCI functions that a VM's config may pass through; NULL: not told */
        TypeRecord *types;
        size_t n_types;
        InventoryPgpu *pgpus;
        size_t n_pgpus;
        InventoryVm *vms;
        size_t n_vms;
        InventoryDomain *domains;
        size_t n_domains;
        VmEvent *ended;
        size_t n_ended;
        char **problems;
} Inventory;

int inventory_parse(JsonReader *r, struct json_object *o, Inventory *ret);
void inventory_write(const Inventory *i, StrBuf *b);
void inventory_done(Inventory *i);
