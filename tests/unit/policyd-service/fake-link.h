#pragma once

/*
 * Simulated hosts behind the link's interface
 *
 * fake_links are handed to the policy. Each address belongs to a FakeHost, which behaves as a hostd
 * does: it holds a claim and an epoch, keeps VMs with their tokens, answers orders, numbers its events.
 * Nothing happens inside a call: what a link has to do is queued and done by fake_step(), so that callbacks
 * come when a real link's would.
 */

#include "policyd/link/links.h"
#include "protocol/order.h"

#define FAKE_VMS_MAX 64
#define FAKE_CARDS_MAX 8
#define FAKE_DOMAIN "11111111-2222-4333-8444-555555555555"

typedef struct FakeVm {
        Uuid uuid, token;
        VmState state;
        StartOrder order; /* empty for a VM that was put there by hand */
} FakeVm;

typedef struct FakeCard {
        char pci[16], vendor[5], device[5];
        const char *const *types; /* indexes of fake_types by name, NULL-terminated */
        const char *board, *identifiers; /* of cards whose host has files; JSON: "a","b" */
        bool gone;
        unsigned n_functions, n_suspect; /* virtual ones; 0: it is not divided */
        const char *lost;    /* why it does not answer any more, or NULL */
        bool broken; /* what is to start there fails before its guest runs */
        const char *held_by; /* a domain that is not of the pool, or NULL; orders for it are refused */
} FakeCard;

typedef struct FakeEnded {
        Uuid uuid, token;
        const char *reason, *error_name;
        bool before_unpause;
} FakeEnded;

typedef struct FakeHost {
        char name[32], address[64];
        Uuid uuid;
        char boot_id[40];
        bool down;   /* dialling fails */
        bool silent; /* dialling takes as long as this is so */
        uint64_t epoch, seq;
        uint64_t orders; /* number of the last order */
        bool counts_not; /* it is an older one */
        char claimed_by[UUID_TEXT_MAX];
        Uuid instance;
        uint64_t memory;
        const char *k100; /* what its files say of that type, a type's record; NULL: as everywhere */
        const char *k100_identifier; /* as it calls that type, as its record must; NULL: as everywhere */
        const char *files; /* instead of all of these, JSON: records of types; then cards have boards and identifiers */
        FakeCard cards[FAKE_CARDS_MAX];
        size_t n_cards;
        FakeVm vms[FAKE_VMS_MAX];
        size_t n_vms;
        bool has_domain; /* FAKE_DOMAIN, "by hand" (id 7), which it did not start */
        bool no_iommu, refuses_pcidevs;
        const char *const *allowed_config_keys; /* NULL-terminated; NULL: it does not tell, and allows all */
        const char *functions[4]; /* PCI functions that it may give, NULL-terminated; empty: it does not tell */
        bool has_no_functions;    /* and tells that */
        bool guards;              /* checks each order as hostd does, and counts those that it refuses */
        size_t n_refused;
        const char *problem; /* with its own facts, or NULL */
        FakeEnded ended[8];
        size_t n_ended;

        /* Behaviour */
        bool broken;              /* whatever is to start fails before its guest runs */
        bool manual;              /* accepts orders, but runs VMs only when told */
        bool stubborn;            /* its guests go on stopping when they are asked to; by force they end */
        bool mute;                /* takes the order and never answers; what comes of it is heard of later */
        bool busy;                /* orders wait in the link's queue */
        bool lose_claims;         /* they do not arrive */
        bool deaf;                /* orders do not arrive, and are never answered */
        ErrorCode refuse;         /* refuses every order with this */
        size_t n_claims;          /* that it took */
        size_t n_starts, n_stops; /* orders that arrived */
        size_t n_cleared;         /* calls of ClearHealth */
        bool last_force;
        LinkTypesChange types_change; /* as it was asked last */
        size_t n_types_named;
        char types_named[256]; /* with a blank behind each */
        char *last_order; /* text */
        HostLink *link;   /* of policyd, while there is one */
} FakeHost;

extern Links fake_links;
extern FakeHost fake_hosts[8];
extern size_t n_fake_hosts;

FakeHost *fake_host_add(const char *name);
void fake_card_add(
        FakeHost *h, const char *pci, const char *vendor, const char *device, const char *const *types);
void fake_k1_add(FakeHost *h); /* four PGPUs 10de:0ff2 from 0000:07:00.0 on */
void fake_k2_add(FakeHost *h); /* two PGPUs 10de:11bf from 0000:84:00.0 on */
void fake_reset(void);

/* What it says of itself now; the name by which the cards' lists call a type, by the id in its file. */
void fake_inventory(FakeHost *h, Inventory *ret);
const char *fake_type_name(const char *type_id);

/* Does the next queued thing; false when there is none. */
bool fake_step(void);

/* The host's side of the story. */
FakeVm *fake_vm(FakeHost *h, const Uuid *vm);
FakeVm *fake_vm_put(FakeHost *h, const Uuid *vm, const Uuid *token, VmState state);
/* Running, with a VGPU "k100" … or, type NULL, the whole PGPU, which nobody ordered. */
FakeVm *fake_vm_put_with(FakeHost *h, const Uuid *vm, const char *pci, const char *type_or_null);
void fake_vm_runs(FakeHost *h, const Uuid *vm); /* VGPU and VM events */
void fake_vm_progress(FakeHost *h, const Uuid *vm, const char *stage, double progress);
void fake_vm_ends(FakeHost *h, const Uuid *vm, const char *reason, const char *error_name); /* halted */
void fake_vm_fails(FakeHost *h, const Uuid *vm, const char *error_name); /* halted, and its guest never ran */
void fake_vm_event_with_token(FakeHost *h, const Uuid *vm, const Uuid *token, VmState state);
void fake_inventory_changed(FakeHost *h);
void fake_lose(FakeHost *h, const char *reason); /* the connection breaks; it is dialled again */
void fake_reboot(FakeHost *h);                   /* everything on it is gone */
void fake_stale(FakeHost *h);

/* fake-guard.c: whether the host, as it is, would refuse the order. */
bool fake_guard_refuses(const FakeHost *h, const StartOrder *order);
