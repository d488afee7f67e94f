#pragma once

/*
 * The checks of the self-test, in the order in which they are made
 *
 * Each reports one or more results; a later one may use what an earlier one found.
 */

#include "hostd/edge/machine-facts.h"
#include "hostd/selftest/report.h"
#include "hostd/selftest/selftest.h"

typedef struct Selftest {
        const HostSettings *host;
        const char *state_dir, *runtime_dir;
        bool simulated; /* the lab's hypervisor: nothing real is asked for */
        MachineFactsSource *facts_source;
        MachineFacts facts; /* where facts_known */
        bool facts_known;
        Hardware hardware;
        Report report;
} Selftest;

/* Xen, what it offers, memory, networks and storage. */
void check_hypervisor(Selftest *t);

/* PGPUs, their drivers, and the types of the type files. */
void check_hardware(Selftest *t);

/* Programs that a VM of the PGPUs' types needs. */
void check_programs(Selftest *t);

/* Bus, systemd, monitoring units, folders. */
void check_system(Selftest *t);

/* What the VMs that run would not be started with again. */
void check_configs(Selftest *t);

/* Whether a PGPU offers such a type. */
bool selftest_offers(const Selftest *t, VgpuImplementation implementation);
