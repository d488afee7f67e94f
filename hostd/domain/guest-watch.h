#pragma once

/*
 * How a guest ends by itself, and the death of its device model
 *
 * The hypervisor reports the guest's state, and a pidfd the end of its qemu. A command that destroys a domain
 * (xl destroy) ends its qemu first, and a guest may have ended already when its qemu ends: so the hypervisor is
 * asked before a qemu's end counts as a failure.
 */

#include "hostd/domain/domain-state.h"
#include "hostd/domain/domain.h"

typedef struct GuestWatch {
        /* in */
        const DomainWorld *world;
        const Uuid *vm;
        const char *name;             /* of the VM */
        const DomainMachine *machine; /* the stage to which the reports have led */
        GuestChanged changed;
        ProcessEnded lost; /* the device model died under its guest */
        void *userdata;
        ProcessId *qemu; /* the process, as the record has it; pid 0 once it has ended */

        /* private */
        ProcessWatch *device_model;
        int status;       /* of the device model that died */
        LoopTimer *doubt; /* runs while it is open whether it died by itself or the domain is being destroyed */
} GuestWatch;

int guest_watch_start(GuestWatch *g); /* again is fine */
void guest_watch_stop(GuestWatch *g);
void guest_watch_done(GuestWatch *g);
