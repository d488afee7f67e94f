#pragma once

/*
 * The link to one host's hostd
 *
 * A link dials the host's D-Bus address, subscribes to hostd's signals, reads Epoch and ClaimedBy, asks its
 * owner which epoch to claim with, claims, and hands over the inventory; then it passes events in order until
 * the connection is lost. It reconnects by itself with a growing, jittered delay (250 ms to 30 s, at once
 * when the host's daemon reappears on its bus). Nothing blocks: connecting, authenticating and ssh happen in
 * the event loop.
 *
 * Addresses: "unix:path=…" and other local transports as D-Bus spells them, "" or "system" for the system
 * bus, and "ssh:USER@HOST[:PORT]" (ssh is spawned with BatchMode, running systemd-stdio-bridge; what it says
 * on stderr and how it ends become the reason while offline, with what helps: failure.h). "tcp:" and
 * "unixexec:" are refused by link_check_address() with why.
 *
 * Events older than the claim's inventory are dropped here. A record that does not decode is logged by the
 * owner and closes the link with that reason, after which a new claim gives a fresh inventory: nothing is
 * half-applied.
 */

#include <systemd/sd-event.h>

#include "common/base/uuid.h"
#include "policyd/link/logins.h"
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
 * stale() is told when hostd refuses the claim or an order with StaleEpoch, or says that a higher epoch is in
 * force. lost() comes once per lost connection and once per attempt that failed (each time with the reason of
 * the day), after every call that may have left was answered with LINK_UNKNOWN and every call that had not
 * was answered with LINK_REFUSED. The owner may free or reset the link in any of these.
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

/* Deadlines and such; link_settings_default() fills what an operator need not think about. */
typedef struct LinkSettings {
        uint64_t
                connect_usec; /* from dialling (of a login by ssh: from its start) to the bus's Hello: 10 s */
        uint64_t call_usec;   /* each call: 20 s, less than the 25 s that a D-Bus client waits for us */
        uint64_t ping_usec;   /* silence before a ping, and the ping's own deadline: 10 s */
        unsigned pings_missed;   /* that many in a row and the host is lost: 2 */
        uint64_t retry_min_usec; /* 250 ms, doubled with each failure */
        uint64_t retry_max_usec; /* 30 s */
        const char *ssh_program; /* "ssh", looked up in $PATH */
        Logins *logins;          /* where logins by ssh wait for their turn; NULL: they start at once */
} LinkSettings;
void link_settings_default(LinkSettings *ret);

/* ERROR_NONE when the address may be dialled; else ERROR_INVALID_ADDRESS with a sentence. */
ErrorCode link_check_address(const char *address, char **ret_message);

int link_new(sd_event *event, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret);
int link_configure(HostLink *link,
        const LinkSettings *settings); /* before link_start(); copied; 0 or NULL takes the default */
HostLink *link_free(HostLink *link);   /* outstanding calls are dropped without an answer */
DEFINE_CLEANUP(HostLink *, link_free)
int link_start(HostLink *link); /* dials now */
int link_claim(HostLink *link,
        const LinkClaim *claim); /* after greeted() returned 0, or again with a higher epoch: then calls that
                                    wait to be sent are refused with HostOffline */
bool link_is_claimed(const HostLink *link);
/* Where the connection does not stand: dial now; one that waits for its turn to log in keeps its place. The
 * next pauses are short again. */
void link_dial_now(HostLink *link);
/* Close and dial again later, with this very reason. */
void link_reset(HostLink *link, const char *reason);

typedef enum LinkOutcome {
        LINK_DONE,    /* hostd acknowledged: the order is stored there */
        LINK_REFUSED, /* hostd said no, or the call never left: code and message say why; nothing was begun */
        LINK_UNKNOWN, /* delivered perhaps: no answer within the deadline, or the connection was lost. The
                       * link is closed after it, so that the inventory of the next claim, made under a new
                       * bus name, settles what became of the call */
} LinkOutcome;

typedef void (*LinkReply)(
        HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata);

/* At most 64 calls are outstanding on a link; more wait in order. -ENOTCONN when not claimed (nothing was
 * sent, reply is not called), -ENOBUFS past 1,024 waiting. */
int link_start_vm(HostLink *link, const char *order, LinkReply reply, void *userdata);
int link_stop_vm(HostLink *link, const char *order, LinkReply reply, void *userdata);
int link_set_enabled_types(HostLink *link, const PciAddress *pgpu, const char *const *identifiers,
        LinkReply reply, void *userdata);
int link_release(HostLink *link, LinkReply reply, void *userdata);
/* Takes back the call that was made with userdata, where it still waits to be sent: true, and it is never
 * answered. */
bool link_withdraw(HostLink *link, const void *userdata);
