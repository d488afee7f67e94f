#pragma once

/*
 * The host: hardware, types, claim, and the VMs that run on it
 *
 * What the bus shows and commands, without D-Bus. The nouns around it have headers of their own: claim.h (who
 * commands), vm-orders.h (starting and stopping VMs). Calls return 0 or a
 * negative errno; where a Refusal is given, 0 with a code other than ERROR_NONE means refused: a sentence
 * for the caller, and nothing was changed.
 *
 * The listener is called for changes as they become durable, in order. Texts are valid during the call.
 */

#include <systemd/sd-event.h>

#include "common/base/loop.h"
#include "common/base/uuid.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/machine/gpus.h"
#include "hostd/vm/programs.h"
#include "hostd/vm/units.h"

typedef struct Hostd Hostd;

typedef enum HostSignal {
        HOST_SIGNAL_VM_EVENT,
        HOST_SIGNAL_VGPU_EVENT,
        HOST_SIGNAL_PCI_EVENT,
        HOST_SIGNAL_INVENTORY_CHANGED,
        _HOST_SIGNAL_MAX,
        _HOST_SIGNAL_INVALID = -EINVAL,
} HostSignal;

typedef enum HostProperty {
        HOST_PROPERTY_CLAIM,  /* epoch, pool, claimer and number of orders */
        HOST_PROPERTY_ORDERS, /* the number of orders alone */
        HOST_PROPERTY_MEMORY_FREE,
        _HOST_PROPERTY_MAX,
        _HOST_PROPERTY_INVALID = -EINVAL,
} HostProperty;

typedef struct HostListener {
        void (*signal)(HostSignal signal, const char *json, void *userdata);
        void (*property)(HostProperty property, void *userdata);
        PgpuListener pgpu;
        /* host_describe() may say something else now. */
        void (*status)(void *userdata);
} HostListener;

/*
 * What a host is built on: the parts of this machine (parts.h), or others for a test or a simulator, with which many
 * hosts run in one process, without a bus, processes, sd-event or real time.
 */
typedef struct HostParts {
        Loop *loop;
        sd_event *event; /* for what descriptors tell; NULL where nothing is watched */
        const HostSettings *settings;
        const char *state_dir, *runtime_dir;
        HostStore *store;
        const HardwareSource *hardware; /* NULL: this machine's, as the settings say */
        MachineFactsSource *facts;         /* the same; the host closes it */
        Programs programs;
        Units units; /* with systemd, or NULL: nothing monitors the GPUs */
} HostParts;

/* Reads the hardware and the facts. Logs why it cannot. The parts must outlive the host. */
int host_open(const HostParts *parts, Hostd **ret);
/* The VMs run on. */
Hostd *host_close(Hostd *h);
DEFINE_CLEANUP(Hostd *, host_close)

/* From now on the listener is called; takes up the VMs that the store and the run folders name. */
int host_begin(Hostd *h, const HostListener *listener, void *userdata);

/* Reads hardware and type files again. */
int host_rescan(Hostd *h);

/* Which types a PGPU may run. wanted: identifiers or unique model names. Stored before it returns. Refusals: HOST_CLAIMED and
 * those of enablement_change(). */
int host_change_types(Hostd *h, const char *caller, const PciAddress *pgpu, EnablementChange change,
        const char *const *wanted, Refusal *ret);

/* An administrator says that the PGPU was looked after: its suspect functions get a second look (second-look.h). Refusals:
 * HOST_CLAIMED. */
int host_clear_health(Hostd *h, const char *caller, const PciAddress *pgpu, Refusal *ret);

/* What `systemctl status` shows: "4 PGPUs, 3 VMs running, claimed by epoch 7". */
#define HOST_DESCRIPTION_MAX 192
const char *host_describe(const Hostd *h, char buf[static HOST_DESCRIPTION_MAX]);

const Uuid *host_get_uuid(const Hostd *h);
const char *host_get_boot_id(const Hostd *h);
const char *host_get_hypervisor(const Hostd *h);
/* Memory for a new VM: what the hypervisor has free, less what VMs without a domain yet will take. */
uint64_t host_get_memory_free(const Hostd *h);

/* Sorted by address. */
const Pgpu *host_get_pgpus(const Hostd *h, size_t *ret_n);
const Pgpu *host_get_pgpu(const Hostd *h, const PciAddress *address);
/* Texts of the uuids; a VGPU that came without one shows as "<vm uuid>/<device>", a passthrough as "<vm
 * uuid>/<address>". */
int host_get_resident_vgpus(const Hostd *h, const PciAddress *pgpu, char ***ret);

/* protocol/inventory.h, as JSON text. */
int host_get_inventory(Hostd *h, char **ret);
