#pragma once

/*
 * The machine under a host's daemon, as files
 *
 * sysfs/ or pci.dump (what the PCI bus shows), types/ (type files), sim/host.json (memory, processors,
 * networks, storage), boot_id. Errors are printed.
 */

#include "tests/lab/lab.h"

/* For a boot: files that are there stay as a test has changed them; the run folder and the domains of an
 * earlier boot go. */
int machine_prepare(const LabHost *host);

/* Replaces the type files by one file (put where its kind belongs) or by a folder's. */
int machine_set_types(const LabHost *host, const char *path);
