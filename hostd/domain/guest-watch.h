#pragma once

/*
 * How a guest ends by itself, and the death of its device model
 *
 * The hypervisor tells of the guest, a pidfd of its qemu. Whoever destroys a domain (xl destroy) ends its qemu
 * first, and a guest may be gone already when its qemu leaves: so a qemu's death is what it seems only once the
 * hypervisor was asked.
 */

#include "hostd/domain/domain-state.h"
#include "hostd/domain/domain.h"

typedef struct GuestWatch {
        /* in */
        const DomainWorld *world;
        const Uuid *vm;
        const char *name;             /* of the VM */
        const DomainMachine *machine; /* where it came to by what was told */
        GuestChanged changed;
        ProcessEnded lost; /* the device model died under its guest */
        void *userdata;
        ProcessId *qemu; /* where it is noted; pid 0 once it has ended */

        /* private */
        ProcessWatch *device_model;
        int status;       /* of the device model that died */
        LoopTimer *doubt; /* whether it died of itself or someone destroys the domain */
} GuestWatch;

int guest_watch_start(GuestWatch *g); /* again is fine */
void guest_watch_stop(GuestWatch *g);
void guest_watch_done(GuestWatch *g);
