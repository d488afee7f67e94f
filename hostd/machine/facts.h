#pragma once

/*
 * The host's facts: read at start and with each rescan, memory whenever it is asked for
 *
 * The host's identity does not change while hostd runs; what it has may. Domains that others start or end
 * change its free memory, and bridges and mounts come and go: the listener is called then.
 */

#include "common/base/loop.h"
#include "hostd/edge/kernel-watch.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/edge/ovs-bridges.h"
#include "hostd/edge/settings.h"

typedef struct FactsListener {
        void (*changed)(void *userdata); /* networks or storage have changed */
        void (*domains)(void *userdata); /* a domain came or went: read the free memory again */
} FactsListener;

typedef struct Facts {
        Loop *loop;
        sd_event *event; /* passed to what watches descriptors */
        const HostSettings *settings;
        const FactsListener *listener;
        void *userdata;

        MachineFactsSource *source; /* handed in, or opened as the settings say; closed with the rest */
        MachineFacts now; /* as last read; boot_id and hostname are not read again */
        OvsBridges *ovs;        /* or NULL */
        KernelWatch *kernel;    /* or NULL */
        LoopTimer *timer;       /* armed: networks or storage may have changed */
} Facts;

/* loop, event, settings, listener and userdata are set. Logs why it cannot. */
int facts_open(Facts *f);
void facts_close(Facts *f);

/* Reads all but hostname and boot id. True when networks or storage have changed. */
bool facts_reread(Facts *f);

/* From the hypervisor; 0 when it cannot be read, which is logged. */
uint64_t facts_memory_free(const Facts *f);
