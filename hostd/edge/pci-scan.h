#pragma once

/*
 * PGPUs through libpci
 *
 * One source: sysfs of the running host, a recorded tree of the same shape (devices/<bdf>/…, where
 * `driver.link` and `realpath` hold what the links said), or a bare `lspci -D -nn -xxx` listing. libpci ends the process on an error by default; here it comes back as -EIO or -EBADMSG and a
 * problem.
 */

#include "hostd/core/pgpu.h"
#include "hostd/core/problem.h"

typedef struct PciScanSettings {
        const char *sysfs_path;  /* libpci's sysfs.path; NULL: /sys/bus/pci */
        const char *listing;     /* a file to read instead; NULL: none */
        const char *pci_ids;     /* NULL: the system's */
        const char *nvidia_gpus; /* "/proc/driver/nvidia/gpus"; NULL: no uuids of NVIDIA's driver */
        const char *vga_arbiter; /* "/dev/vga_arbiter"; NULL: boot_vga decides */
        const char *runtime;     /* hostd's runtime folder, with notes of divisions (hostd/run/division.h); NULL: no notes */
        bool keeps_divisions;    /* every division is fixed: none is ours */
        const char *const *used; /* functions that VMs have, NULL-terminated; NULL: none. Such a one is not suspect yet */
        char *const *accelerators; /* of class 1200, that are GPUs: see pgpu_is_candidate() */
} PciScanSettings;

/* Sorted by address; supported and enabled are left NULL. -ENOENT: no such source; -EBADMSG: not one device
 * in it could be read. */
int pci_scan(const PciScanSettings *settings, const ProblemSink *problems, Pgpu **ret, size_t *ret_n,
        char ***ret_others); /* the addresses of what else Xen can be told of: no bridges, no displays, nothing of a PGPU; an idset */
/* How the PGPU is divided now, and which of its functions are suspect. The program of a VM may divide it at any moment. -ENOMEM. */
int pci_scan_division(const PciScanSettings *settings, Pgpu *p);
/* Forgets how hostd divided it, where somebody else took all functions back since: those that somebody makes later are not ours. */
int pci_forget_stale_division(const PciScanSettings *settings, const Pgpu *p);
/* The physical function of a virtual one, as it stands now; -ENOENT: it is none, or this is a listing. */
int pci_find_physical(const PciScanSettings *settings, const PciAddress *address, PciAddress *ret);
/* Whether a function that was there does not answer now. A listing does not change. */
bool pci_is_lost(const PciScanSettings *settings, const PciAddress *address);
Pgpu *pgpus_free(Pgpu *pgpus, size_t n);
