#pragma once

/*
 * The hardware, and which types a PGPU may run
 *
 * The store keeps what an administrator disabled; what is enabled is worked out from it each time the
 * hardware is read or a change is stored, and kept in the PGPU.
 */

#include "hostd/core/enablement.h"
#include "hostd/edge/host-store.h"
#include "hostd/edge/settings.h"

typedef enum PgpuProperty {
        PGPU_PROPERTY_SUPPORTED_TYPES,
        PGPU_PROPERTY_ENABLED_TYPES,
        PGPU_PROPERTY_RESIDENT_VGPUS,
        PGPU_PROPERTY_NAMES,
        PGPU_PROPERTY_DRIVER,
        PGPU_PROPERTY_DISPLAY,
        PGPU_PROPERTY_DIVISION,
        PGPU_PROPERTY_HEALTH,
        _PGPU_PROPERTY_MAX,
        _PGPU_PROPERTY_INVALID = -EINVAL,
} PgpuProperty;

typedef struct PgpuListener {
        void (*added)(const PciAddress *address, void *userdata);
        void (*removed)(const PciAddress *address, void *userdata); /* it is no longer found */
        void (*changed)(const PciAddress *address, PgpuProperty property, void *userdata);
} PgpuListener;

/* Where the hardware is read, where that is not this machine. */
typedef struct HardwareSource {
        int (*scan)(const HardwareSettings *settings, Hardware *ret, void *userdata);
        bool (*is_lost)(const PciAddress *address, void *userdata);
        void *userdata;
} HardwareSource;

typedef struct Gpus {
        const HostSettings *settings;
        const HardwareSource *source; /* or NULL */
        const char *runtime;          /* the folder with notes of divisions; or NULL */
        HostStore *store;
        const PgpuListener *listener; /* or NULL: nobody listens yet */
        void *userdata;
        Hardware hardware;
} Gpus;

/* Reads hardware and type files again; problems are logged. used: functions that VMs have, NULL-terminated. */
int gpus_rescan(Gpus *g, const char *const *used);

Pgpu *gpus_find(const Gpus *g, const PciAddress *address);
/* The one that the function is, goes along with, or is a virtual function of; or NULL. */
const Pgpu *gpus_find_by_function(const Gpus *g, const PciAddress *address);

/* Looks again how they are divided and which functions are suspect, which the program of a VM may have changed.
 * 1: something has; 0; -ENOMEM. */
int gpus_look_at_divisions(Gpus *g, const char *const *used);

/* One that does not answer any more since it was read: 1 when it is lost now, 0 when it answers, -ENOMEM. */
int gpus_look_for_lost(Gpus *g, Pgpu *p);

/* A change by an administrator. wanted: identifiers or unique model names; busy: types in use there. Stored before it returns:
 * 1 when something has changed. Refusals: those of enablement_change(). */
int gpus_change_types(Gpus *g, Pgpu *p, EnablementChange change, const char *const *wanted,
        const char *const *busy, Refusal *ret);
