#pragma once

/*
 * What the files of hostd/service share: the host, made of its parts
 *
 * host.c assembles them; what stands below (hostd/machine, hostd/vm) knows none of this. Nothing outside the
 * folder includes this.
 */

#include "common/base/hashmap.h"
#include "hostd/machine/facts.h"
#include "hostd/machine/strangers.h"
#include "hostd/service/host.h"
#include "hostd/service/notifier.h"

/* Who commands (claim.h). */
typedef struct Command {
        HostClaim claim;
        char *claimer;      /* bus name, NULL when it is gone */
        uint64_t claim_seq; /* of the inventory that answered the claim */
        uint64_t read_seq;  /* of the last such inventory that its reader has acted upon */
} Command;

struct Hostd {
        const HostParts *parts;
        Loop *loop; /* of the parts, as the two that follow */
        const HostSettings *settings;
        HostStore *store;

        Facts facts;
        Gpus gpus;
        Strangers strangers;
        HashMap *vms;
        VmContext vm_context;
        Command command;
        Notifier notifier;
        struct SecondLook *looks; /* under way */
        struct DomainEnd *ends;   /* the same */

        uint64_t inventory_due; /* CLOCK_MONOTONIC µs; none is sent before */
        LoopTimer *inventory_timer;
        uint64_t told_memory_free;
        uint64_t told_ended_seq; /* ends up to here stood in an InventoryChanged */
};

/* What the order check needs of a VGPU record; the texts belong to the record. */
OrderGpu order_gpu_from_record(const VgpuRecord *v);

/* With the ends after after_seq. *ret_told: the newest of them, or after_seq. */
int host_build_inventory(Hostd *h, uint64_t after_seq, uint64_t *ret_told, char **ret);

/* Orders in the store and run folders become VMs again. */
int host_recover(Hostd *h);
