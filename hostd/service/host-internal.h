#pragma once

/*
 * What the files of hostd/service share
 *
 * One Host owns everything: store, hardware, facts, the claim, and the VMs by uuid. Nothing outside the
 * folder includes this.
 */

#include "common/base/hashmap.h"
#include "hostd/core/order-check.h"
#include "hostd/edge/hardware.h"
#include "hostd/edge/host-facts.h"
#include "hostd/edge/host-store.h"
#include "hostd/edge/kernel-watch.h"
#include "hostd/edge/ovs-bridges.h"
#include "hostd/service/host.h"
#include "hostd/vm/lease.h"

struct Host {
        sd_event *event;
        const HostSettings *settings;
        Systemd *systemd; /* NULL where units are plain processes */
        Units units;
        Lease *lease; /* on what monitors the GPUs */
        char *vm_dir; /* the run folders of the VMs, by uuid */
        char *state_dir; /* of the store */

        HostStore *store;
        HostFactsSource *facts_source;
        HostFacts facts; /* as last read; boot_id and hostname are not read again */
        sd_event_source *facts_watch;
        OvsBridges *ovs;              /* or NULL */
        KernelWatch *kernel;          /* or NULL */
        sd_event_source *facts_timer; /* armed: networks or storage may have changed */
        Hardware hardware;
        DomainFunction *strangers; /* GPUs that domains have which are not ours (strangers.h) */
        size_t n_strangers;
        Uuid *unread; /* VMs whose stored orders or run folders cannot be read, while their domains are there:
                         any GPU may be theirs */
        size_t n_unread;
        sd_event_source *strangers_timer; /* armed while there are any */

        HostClaim claim;
        char *claimer;      /* bus name, NULL when it is gone */
        uint64_t claim_seq; /* of the inventory that answered the claim */
        uint64_t read_seq;  /* of the last such inventory that its reader has acted upon */

        HashMap *vms;

        const HostListener *listener;
        void *listener_userdata;
        sd_event_source *turn_source; /* runs at the end of the loop's turn */
        bool inventory_changed;       /* tell it then, or when it is due */
        uint64_t inventory_due;       /* CLOCK_MONOTONIC µs; none is told before */
        sd_event_source *inventory_timer;
        uint64_t told_memory_free;
        uint64_t told_ended_seq; /* ends up to here stood in an InventoryChanged */
};

/* Lets the queue of VMs move on when the present turn of the loop is over; host_touch() also tells the
 * inventory then, once. */
void host_wake(Host *h);
void host_touch(Host *h);

int host_open_facts(Host *h);
void host_close_facts(Host *h);
/* All but who the host is. Whether its networks or storage are others now. */
bool host_reread_facts(Host *h);

/* One reading of hardware and type files, without what is enabled; problems are logged. */
int host_read_hardware(Host *h, Hardware *ret);

/* VMs that are resident or being started, as the order check wants them. The texts belong to the VMs; the
 * caller frees the array. */
int host_list_occupants(const Host *h, Occupant **ret, size_t *ret_n);

/* What the order check needs of a VGPU record; the texts belong to the record. */
OrderGpu order_gpu_from_record(const VgpuRecord *v);

/* With the ends after after_seq. *ret_told: the newest of them, or after_seq. */
int host_build_inventory(Host *h, uint64_t after_seq, uint64_t *ret_told, char **ret);

/* Orders in the store and run folders become VMs again. */
int host_recover(Host *h);
