#pragma once

/*
 * Strangers: domains that have a GPU of this host and that hostd did not start
 *
 * They are looked for before a start with GPUs, when the host begins and with each rescan; while there are any, every few
 * seconds. Changes are reported to the listener.
 *
 * A VM whose stored order or run folder cannot be read is one of them: as long as its domain is there, every GPU counts as in
 * use by it.
 */

#include "common/base/loop.h"
#include "hostd/edge/hardware.h"
#include "hostd/edge/machine-facts.h"

typedef struct StrangersListener {
        bool (*is_ours)(const Uuid *vm, void *userdata);
        bool (*is_of_gpu)(const PciAddress *function, void *userdata); /* also a virtual one, in whichever slot */
        void (*changed)(void *userdata);
        /* The domain of an unread VM is gone. Negative: that could not be stored, so it counts as there until the next look. */
        int (*gone)(const Uuid *vm, void *userdata);
} StrangersListener;

typedef struct Strangers {
        Loop *loop;
        MachineFactsSource *source;
        const Hardware *hardware;
        const StrangersListener *listener;
        void *userdata;

        DomainFunction *list; /* GPUs that domains have which are not ours */
        size_t n;
        Uuid *unread;
        size_t n_unread;
        LoopTimer *timer; /* armed while there are any */
} Strangers;

void strangers_done(Strangers *s);

/* Negative when the hypervisor cannot be asked; the list is then left as it was. */
int strangers_look(Strangers *s);

int strangers_add_unread(Strangers *s, const Uuid *vm);
bool strangers_is_unread(const Strangers *s, const Uuid *vm);

/* One that has a function in the slot of the GPU, which a function that is passed through takes along; or NULL. */
const DomainFunction *strangers_find(const Strangers *s, const PciAddress *gpu);
const DomainFunction *strangers_find_domain(const Strangers *s, const Uuid *uuid); /* the first of its functions, or NULL */
/* "domain 'by hand' (id 7)"; allocated, "" where there is none. NULL: -ENOMEM. */
char *strangers_describe(const Strangers *s, const PciAddress *gpu);
