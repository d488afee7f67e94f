#pragma once

/*
 * A PGPU: a GPU of the host that VMs may use
 *
 * A PCI function of class 0300, 0302 or 0380 that is no SR-IOV virtual function; or of class 1200 (processing
 * accelerators, which NPUs are too) where the setting accelerators names its vendor or device. Plain values, filled by
 * the edge; what the source cannot tell (a bare listing has no BAR sizes, drivers or display flag) has its known flag
 * false.
 */

#include "common/base/macros.h"
#include "common/base/pci-address.h"
#include "hostd/core/host-type.h"

#define PCI_VENDOR_NVIDIA 0x10de
#define PCI_VENDOR_INTEL 0x8086
#define PCI_VENDOR_AMD 0x1002

typedef struct Pgpu {
        PciAddress address;
        uint16_t vendor_id, device_id;
        uint16_t subsystem_vendor_id, subsystem_device_id;
        bool subsystem_known;
        uint16_t pci_class;              /* 0x0300 */
        char *vendor_name, *device_name; /* from pci.ids, "Device 0ff2" where it lacks it; never NULL */
        char *driver;                    /* "" for none or unknown; never NULL */
        bool driver_known;
        char *bridge; /* address of the parent bridge, "" when unknown */
        char *pci_switch; /* of the PCI switch that it hangs on: its upstream port; "" for none, or unknown */
        char *serial; /* of the card, wherever it stands: "dsn-…" or "amdgpu-…"; "" when unknown; never NULL */
        uint32_t numa_node;
        bool node_known;
        bool is_system_display_device, display_known;
        uint64_t bar2_size; /* bytes */
        bool bars_known;
        bool is_lost; /* its configuration reads all ones: it has left the bus */
        uint32_t total_functions; /* virtual ones that it can have; 0: it cannot be divided */
        uint32_t n_functions;     /* that it has */
        bool division_is_ours;    /* hostd made them, and may take them back */
        uint32_t n_suspect;       /* of those, that are given to no VM */
        char *suspicion;          /* which and why, a sentence; NULL: none */
        PciAddress *companions; /* other functions of its slot, passed through with it */
        size_t n_companions;
        char **supported, **enabled; /* identifiers; the service fills enabled (enablement.h) */
} Pgpu;

void pgpu_done(Pgpu *p);

/* Whether a function that is no virtual one is a GPU. pci_class is base class and subclass: 0x0300. accelerators:
 * "VVVV" or "VVVV:DDDD", NULL-terminated; NULL: none. */
bool pgpu_is_candidate(uint16_t pci_class, uint16_t vendor, uint16_t device, char *const *accelerators);

/* What is said of a lost one. */
#define PGPU_LOST_REASON "Its PCI configuration reads all ones: it has fallen off the bus or has no power."
#define PGPU_LOST_HELP                                                                                                    \
        " A cold start of the host, or a look at its slot and power, may bring it back; the next rescan (`systemctl reload " \
        "xenvgpu-hostd` there) then finds it well."

/* All its virtual functions are suspect, or it is lost: nothing is started there. */
bool pgpu_offers_nothing(const Pgpu *p);

/* "lost", "suspect" or "good"; and why, a sentence, "" where it is good. */
const char *pgpu_condition(const Pgpu *p);
const char *pgpu_condition_reason(const Pgpu *p);

/* Held by a driver that keeps the device away from dom0 (pciback, vfio-pci). */
bool pgpu_is_hidden_from_dom0(const Pgpu *p);

/* "none", "ours N" or "fixed N"; it is in buf. */
#define PGPU_DIVISION_MAX 24
const char *pgpu_division(const Pgpu *p, char buf[static PGPU_DIVISION_MAX]);

/* It has virtual functions that hostd did not make: it is never undivided, passed through, reset or unbound. */
static inline _unused_ bool pgpu_division_is_fixed(const Pgpu *p) {
        return p->n_functions > 0 && !p->division_is_ours;
}

/* Passthrough is offered unless the PGPU is the system display device and dom0 uses it, stands in a domain that Xen cannot
 * be told of, or has virtual functions that hostd did not make. */
bool pgpu_offers_passthrough(const Pgpu *p);

const Pgpu *pgpu_find(const Pgpu *pgpus, size_t n, const PciAddress *address);
/* The PGPU whose own address or companion this is, or NULL. */
const Pgpu *pgpu_find_by_function(const Pgpu *pgpus, size_t n, const PciAddress *address);

bool pgpu_supports(const Pgpu *p, const char *identifier);
bool pgpu_enables(const Pgpu *p, const char *identifier);
