#pragma once

/*
 * One VM's domain, from its order to its end
 *
 * Reads order.json in the run folder, does what the state machine says (hostd/domain/domain-state.h), and
 * keeps domain.json. The event loop ends with 0 once the record says "halted".
 */

#include <systemd/sd-event.h>

#include "hostd/hypervisor/hypervisor.h"
#include "hostd/run/program.h"

typedef struct Domain Domain;

/* Takes the hypervisor over. The program's texts must outlive the domain. */
int domain_new(sd_event *event, const DomainProgram *program, Hypervisor *hypervisor, Domain **ret);
Domain *domain_free(Domain *d); /* what runs goes on */
DEFINE_CLEANUP(Domain *, domain_free)

/* The host goes down, or an administrator stops the unit: the guest is asked to power off, and ended by force
 * when it has not done so after a minute. */
void domain_wind_up(Domain *d);

/* Starts the VM, or goes on where domain.json says that an earlier instance was. */
int domain_begin(Domain *d);
