#pragma once

/*
 * How a domain ends
 *
 * The emulator ends before qemu; then the domain with its device model; then the emulator once more, for xenvgpu-dm may
 * have started it while we were looking, and qemu, which holds the disks and may not have reacted when a failed create
 * told it to end. What else was taken from the host (PCI functions) is given back, and a virtual function is reset and
 * looked at, unless the guest reboots. Only then nothing of the VM is left. A step that fails is tried again without
 * limit: as long as the domain may be there, the VM has not halted. The reset alone is not: a function that fails it is
 * suspect, and keeps no VM from its end; where that cannot be noted it is tried again a few times, and then left to hostd
 * (remove_folder in hostd/vm/programs.h). One that takes long is told when that is known, and when it is over.
 */

#include "hostd/domain/domain-state.h"
#include "hostd/domain/domain.h"

typedef struct Takedown {
        /* in */
        const DomainWorld *world;
        const char *name;             /* of the VM */
        const DomainMachine *machine; /* whether the guest reboots is looked up when it matters */
        const RunRecord *record;      /* the processes, as far as dm.json does not say them */
        const StartOrder *order;
        void (*done)(void *userdata);
        void *userdata;
        bool owned; /* a domain of this VM in the hypervisor is ours to destroy */

        /* private */
        ProcessWatch *ending;
        HelperProcess *release;
        unsigned n_releases; /* tries */
        LoopTimer *retry;
        LoopTimer *patience; /* until it is said that giving back takes long */
        uint64_t giving_since; /* monotonic µs */
        bool takes_long;
} Takedown;

void takedown_start(Takedown *t);
void takedown_done(Takedown *t);
