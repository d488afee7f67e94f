#pragma once

/*
 * One VM's domain, from its order to its end
 *
 * Reads the order, does what the state machine says (hostd/domain/domain-state.h), and keeps the run record. The loop
 * ends with 0 once the record says "halted".
 */

#include "common/base/loop.h"
#include "hostd/domain/run-folder.h"
#include "hostd/helper/processes.h"
#include "hostd/hypervisor/hypervisor.h"
#include "hostd/run/program.h"

/* Everything outside that a domain uses. Each must outlive the domain. */
typedef struct DomainWorld {
        const DomainProgram *program;
        ProcessId self; /* this process, which holds the domain */
        Loop *loop;
        Hypervisor *hypervisor;
        Processes *processes;
        RunFolder *folder;
} DomainWorld;

typedef struct Domain Domain;

int domain_new(const DomainWorld *world, Domain **ret);
Domain *domain_free(Domain *d); /* the VM runs on */
DEFINE_CLEANUP(Domain *, domain_free)

/* The host goes down, or an administrator stops the unit: the guest is asked to power off, and ended by force
 * when it has not done so after a minute. */
void domain_wind_up(Domain *d);

/* Starts the VM, or goes on where its record says that an earlier instance was. */
int domain_begin(Domain *d);
