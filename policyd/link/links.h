#pragma once

/*
 * Links as policyd's use cases see them
 *
 * A struct of functions that is handed in from above: what a host reports over its link, and what it can be
 * asked. In the daemon these are links over D-Bus (link.h); tests and simulators put hosts of their own
 * behind it.
 */

#include "common/base/uuid.h"
#include "protocol/errors.h"
#include "protocol/event.h"
#include "protocol/inventory.h"

typedef struct HostLink HostLink;

/* What the host says of itself before the claim. */
typedef struct LinkGreeting {
        Uuid host_uuid;
        uint64_t epoch;         /* that it holds */
        uint64_t orders;        /* number of the last order that it knows of its holder; 0: none, or it does not count */
        const char *claimed_by; /* pool uuid of the holder, "" when free */
        const char *boot_id;
} LinkGreeting;

typedef struct LinkClaim {
        uint64_t epoch;
        uint64_t orders; /* given so far; told to a host that counts */
        Uuid pool, instance;
} LinkClaim;

/*
 * The owner's side. greeted() fills the claim and returns 1 to claim now, 0 to wait (the owner calls
 * link_claim() later), or negative to close with *ret_reason (a sentence; allocated by the owner, freed by
 * the link). claimed() takes the inventory (it may steal members) and returns 0, or negative to close.
 * stale() is called when hostd refuses the claim or an order with StaleEpoch, or says that a higher epoch is
 * in force. lost() is called once for each lost connection and once for each failed attempt, with the current
 * reason. Before that, every call that may have been sent is answered with LINK_UNKNOWN, and every call that
 * was not sent with LINK_REFUSED. The owner may free or reset the link in any of these.
 */
typedef struct LinkOwner {
        int (*greeted)(HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason,
                void *userdata);
        int (*claimed)(
                HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata);
        void (*inventory)(HostLink *link, Inventory *inventory, void *userdata);
        void (*vm_event)(HostLink *link, VmEvent *event, void *userdata);
        void (*vgpu_event)(HostLink *link, VgpuEvent *event, void *userdata);
        void (*pci_event)(HostLink *link, PciEvent *event, void *userdata);
        void (*stale)(HostLink *link, const char *message, void *userdata);
        void (*lost)(HostLink *link, const char *reason, void *userdata);
} LinkOwner;

typedef enum LinkOutcome {
        LINK_DONE,    /* hostd acknowledged: the order is stored there */
        LINK_REFUSED, /* hostd said no, or the call never left: code and message say why; nothing was begun */
        LINK_UNKNOWN, /* delivered perhaps: no answer within the deadline, or the connection was lost. The
                       * link is closed after it, so that the inventory of the next claim, made under a new
                       * bus name, settles what became of the call */
} LinkOutcome;

typedef void (*LinkReply)(
        HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata);

/* Of the enabled types of a PGPU: the whole list, or these alone and the host decides by what it has now. */
typedef enum LinkTypesChange {
        LINK_TYPES_SET,
        LINK_TYPES_ADD,
        LINK_TYPES_REMOVE,
        _LINK_TYPES_CHANGE_MAX,
} LinkTypesChange;

typedef struct Links Links;

/* Each function is explained at that of the same name in link.h. */
struct Links {
        ErrorCode (*check_address)(const char *address, char **ret_message);
        int (*read_key)(Links *links, char **ret);
        /* It does not dial before start(). */
        int (*make)(Links *links, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret);
        HostLink *(*free)(HostLink *link);
        int (*start)(HostLink *link);
        int (*set_fingerprint)(HostLink *link, const char *fingerprint);
        void (*forget_key)(HostLink *link);
        int (*claim)(HostLink *link, const LinkClaim *claim);
        void (*dial_now)(HostLink *link);
        void (*reset)(HostLink *link, const char *reason);
        int (*start_vm)(HostLink *link, const char *order, LinkReply reply, void *userdata);
        int (*stop_vm)(HostLink *link, const char *order, LinkReply reply, void *userdata);
        int (*change_types)(HostLink *link, const PciAddress *pgpu, LinkTypesChange change,
                const char *const *identifiers, LinkReply reply, void *userdata);
        int (*get_vm)(HostLink *link, const char *uuid, LinkReply reply, void *userdata);
        int (*end_vm)(HostLink *link, const char *order, LinkReply reply, void *userdata);
        int (*clear_health)(HostLink *link, const PciAddress *pgpu, LinkReply reply, void *userdata);
        int (*release)(HostLink *link, LinkReply reply, void *userdata);
        bool (*withdraw)(HostLink *link, const void *userdata);
};
