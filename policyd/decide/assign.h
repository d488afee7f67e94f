#pragma once

/*
 * All of a VM's VGPUs on the PGPUs of one host, or none
 *
 * A Demand is what the VM asks for, with equal VGPUs counted as one kind. An Assigner holds the working
 * memory of the search, so that looking at many hosts allocates once.
 */

#include "policyd/decide/allocate.h"

#define DEMAND_VGPUS_MAX 21 /* devices 0..20 */

typedef struct DemandKind {
        const GpuGroup *group;
        const VgpuType *type;
        bool pinned;
        PciAddress pinned_pci;
        bool passthrough;
        bool reserved;  /* the start's reservation is of this group and type */
        uint32_t joins; /* bit j: a VGPU of kind j may join a PGPU on which one of this kind was placed */
        uint32_t count;
} DemandKind;

struct Demand {
        const Vm *vm;
        const Reservation *reservation;
        size_t n_vgpus, n_kinds;
        DemandKind kinds[DEMAND_VGPUS_MAX];
        uint8_t kind_of[DEMAND_VGPUS_MAX]; /* of each VGPU, in the order of devices */
        bool exclusive;                    /* no PGPU ever takes VGPUs of two kinds */
};

/* -EINVAL: more VGPUs than devices. */
int demand_init(Demand *d, const Vm *vm, const Reservation *reservation);
/* Whether VGPUs of the kind may go to p as far as group and pinning say. */
bool demand_kind_matches(const DemandKind *k, const Pgpu *p);

typedef struct Assigner Assigner;

Assigner *assigner_new(const Demand *d);
Assigner *assigner_free(Assigner *a);
DEFINE_CLEANUP(Assigner *, assigner_free)

/*
 * 1 and the PGPU of each VGPU when there is an assignment: the one that picks for each VGPU in turn the PGPU
 * that its group's algorithm likes best, among the picks that leave room for the rest. 0 when there is none.
 * -ENOMEM.
 */
int assigner_try(Assigner *a, const Host *h, Pgpu **ret_pgpus);
