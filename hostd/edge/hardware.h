#pragma once

/*
 * The host's hardware in one reading: PGPUs, the types they support, and what was wrong on the way
 *
 * Problems are "path:line: reason". Types are unique by identifier; each PGPU's supported names them. enabled
 * is left NULL: the service fills it from the store (core/enablement.h).
 */

#include "hostd/edge/pci-scan.h"
#include "hostd/edge/type-files.h"
#include "protocol/inventory.h"

typedef struct HardwareSettings {
        PciScanSettings pci;
        TypeFileSettings files;
} HardwareSettings;

typedef struct Hardware {
        Pgpu *pgpus; /* sorted by address */
        size_t n_pgpus;
        HostType *types;
        size_t n_types;
        char **problems;     /* NULL-terminated */
        char **functions;    /* addresses that a VM's config may pass through, NULL-terminated; NULL: not known */
        bool source_is_bad; /* not one device could be read where PGPUs are looked for */
} Hardware;

/* A source that cannot be read gives no PGPUs and a problem; negative only for -ENOMEM. */
int hardware_scan(const HardwareSettings *settings, Hardware *ret);
void hardware_done(Hardware *h);

/* A PGPU of h that does not answer any more. -ENOMEM. */
int hardware_mark_lost(Hardware *h, const HardwareSettings *settings, Pgpu *p);

/* The records of the inventory borrow from t and p, and from what stands beside them: a type lists itself or none, as
 * a K1 or K2 type does. internal_config is the caller's to put. */
typedef struct PgpuIds {
        char text[4][5];
        char division[PGPU_DIVISION_MAX];
        char node[11];
} PgpuIds;

int hardware_type_record(const HostType *t, char *ret_itself[static 2], TypeRecord *ret);
InventoryPgpu hardware_pgpu_record(const Pgpu *p, PgpuIds *ids);
