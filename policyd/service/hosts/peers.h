#pragma once

/*
 * The hosts of the pool as policyd commands them: one peer for each, and what is known of all together
 *
 * The layer above is called through HostsListener, which policy.c sets.
 */

#include <sys/queue.h>

#include "policyd/decide/place-health.h"
#include "policyd/pool/pool.h"
#include "policyd/service/base/batch.h"

typedef struct Peer Peer;
typedef struct Call Call;

/* Called for a VM that is booked on the reporting host, under a token of the VM. */
typedef struct HostsListener {
        /* It is in this state, or has ended. What it holds was booked already. */
        void (*vm_event)(Vm *vm, Host *h, const VmEvent *event, void *userdata);
        /* The host answered for the VM; true while a job of it runs. */
        bool (*vm_mentioned)(Vm *vm, void *userdata);
        void (*vm_missing)(
                Vm *vm, Host *h, void *userdata); /* its host does not have it any more, or never had */
        void (*vm_adopted)(Vm *vm, const char *message, void *userdata); /* its job is of no more use */
        void (*vm_still_runs)(Vm *vm,
                void *userdata); /* after the host was claimed again: an order to stop it may be lost */
        void (*host_lost)(Host *h, void *userdata);
        void (*stale)(const char *message, void *userdata); /* another policyd commands */
} HostsListener;

typedef struct Hosts {
        Batch *batch;
        Links *links;
        const HostsListener *listener;
        void *userdata;
        HashMap *peers; /* host uuid → Peer */

        /* epoch.c */
        uint64_t epoch;      /* durable, the one to claim with; 0 while gathering */
        bool commands;       /* a claim was acknowledged */
        bool stale;          /* another policyd commands */
        uint64_t began;      /* the epoch when this one began to; later ones are for hosts that joined */
        uint64_t gone_epoch; /* the highest that a host holds which was removed while it was away */
        Uuid instance;       /* of this process */
        LoopTimer *gather_timer, *gather_soon;

        /* old.c */
        StoreMeta loaded;     /* as this process found it */
        uint64_t loaded_keys; /* keys below were given out before this process */
        OldReason old_found;  /* the database is an old copy, and not all of that is on disk yet */
        bool old_marked;      /* … but in the open batch */

        /* places.c */
        PlaceHealth *health;     /* of hosts and PGPUs; written to the pool from here */
        LoopTimer *health_timer; /* a place comes last no more */

        /* problems.c */
        Uuid *troubled; /* VMs that a host runs and the pool does not have there; some have a problem */
        size_t n_troubled;
} Hosts;

int hosts_init(Hosts *hs, Batch *batch, const HostsListener *listener, void *userdata);
void hosts_done(Hosts *hs);

/* One request to hostd that has not been answered. owner: whose it is. */
typedef void (*CallDone)(
        void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message);

struct Call {
        Peer *peer;
        LIST_ENTRY(Call) others; /* of the peer */
        CallDone done;
        void *owner;
        Uuid object, token; /* what it is about: a VM and its order's token, or a PGPU */
        Uuid *types;        /* whose enabling changes */
        size_t n_types;
        LinkTypesChange types_change;
        PolicyCommitted committed;
        void *userdata;
};

struct Peer {
        Hosts *hosts;
        Uuid host;
        HostLink *link;
        bool answered; /* gathering: greeted, or failed once */
        bool claimed;  /* its inventory was taken over, and it is connected since */
        bool touched;  /* the open batch holds a change that it reported */
        bool ask_again; /* after a commit that failed: what it reported was lost, or an order did not leave, which was not stored yet */
        bool parting;  /* its host was removed; it is freed when hostd has answered the release */
        bool waits;    /* greeted, and not claimed yet */
        bool known; /* what runs there is known: by its inventory under a claim of this process, or it is dead
                     */
        uint64_t epoch_held; /* by its greeting */
        uint64_t epoch;      /* that it was claimed with last, to order with; 0: not by this process */
        char *logged;        /* the reason that was last logged for its being offline */
        uint64_t logged_at;    /* monotonic µs */
        LIST_HEAD(, Call) calls;
        size_t n_strays;  /* VMs of the report that the pool does not have there, … */
        Inventory report; /* what the host said last: its problems, and its VMs, of which the pool may come to
                             know one */
};

Peer *peer_of(const Hosts *hs, const Host *h);
Host *peer_host(const Peer *peer);
/* For greeted() and claimed() of its link: -ECONNREFUSED, with the reason. */
int peer_refuse(char **ret_reason, const char *format, ...) _printf_(2, 3);
Peer *peer_free(Peer *peer);
void peer_touch(Peer *peer);                         /* the batch holds something that this host said */
void peer_drop_reported(Peer *peer, const Uuid *vm); /* the host says that it has it no more */
/* Whether the pool does not know a VM of the host's report, or has it elsewhere. */
bool report_is_stray(const Hosts *hs, const Host *h, const InventoryVm *report);
bool peer_has_call(const Peer *peer, const Uuid *token);
bool peer_is_asked_of(const Peer *peer, const Uuid *object); /* a VM or a PGPU */
bool peer_withdraw_call(Peer *peer, const Uuid *token); /* where it still waits to be sent */
int call_new(Peer *peer, CallDone done, void *owner, const Uuid *object, const Uuid *token, Call **ret);
Call *call_free(Call *call);
/* send: one of the links' functions. */
int peer_send_order(Peer *peer, int (*send)(HostLink *, const char *, LinkReply, void *), const char *order,
        CallDone done, void *owner, const Uuid *object, const Uuid *token);
bool peer_obeys(const Peer *peer_or_null); /* it is claimed, and nobody else commands */
void call_replied(HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *call);

/* Of the model. */
Pgpu *host_find_pgpu(const Host *h, const PciAddress *pci);
Vgpu *vm_find_vgpu(Vm *vm, const Uuid *id, const char *device_or_null);

/* Where it is resident, else scheduled, or NULL. */
static inline Host *vm_host(const Vm *vm) {
        return vm->resident_on ?: vm->scheduled_on;
}

/* HostOffline, where it cannot be asked now. what: "cancelling the start". */
int host_check_reachable(const Host *h, const char *what, Refusal *refusal);
