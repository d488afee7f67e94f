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

#include "policyd/link/links.h"
#include "policyd/link/logins.h"

/* Time limits and the like; link_settings_default() sets those that an operator need not know. */
typedef struct LinkSettings {
        uint64_t
                connect_usec; /* from dialling (of a login by ssh: from its start) to the bus's Hello: 10 s */
        uint64_t call_usec;   /* each call: 20 s, less than the 25 s that a D-Bus client waits for us */
        uint64_t ping_usec;   /* silence before a ping, and the ping's own deadline: 10 s */
        unsigned pings_missed;   /* that many in a row and the host is lost: 2 */
        uint64_t retry_min_usec; /* 250 ms, doubled with each failure */
        uint64_t retry_max_usec; /* 30 s */
        const char *ssh_program; /* "ssh", looked up in $PATH */
        const char *ssh_folder;  /* policyd's key, and the keys of hosts whose fingerprint was given; NULL: none */
        Logins *logins;          /* where logins by ssh wait for their turn; NULL: they start at once */
} LinkSettings;
void link_settings_default(LinkSettings *ret);

/* ERROR_NONE when the address may be dialled; else ERROR_INVALID_ADDRESS with a sentence. */
ErrorCode link_check_address(const char *address, char **ret_message);

/* event: for what descriptors and processes tell. The settings must outlive the link, and may change. An address that
 * link_check_address() refuses is never dialled: each attempt is lost with that reason, since the database may hold such a host, and
 * the others must be reached. */
int link_new(Loop *loop, sd_event *event, const char *address, const LinkSettings *settings, const LinkOwner *owner,
        void *userdata, HostLink **ret);
HostLink *link_free(HostLink *link);   /* outstanding calls are dropped without an answer */
DEFINE_CLEANUP(HostLink *, link_free)
int link_start(HostLink *link); /* dials now */
/* By ssh only the host's key with this fingerprint is accepted; "": those in ssh's known_hosts. A connection is ended,
 * and the host is dialled at once, so that its key is checked. */
int link_set_fingerprint(HostLink *link, const char *fingerprint);
/* Deletes the stored key of a host that leaves the pool, or has no fingerprint any more. A connection goes on. */
void link_forget_key(HostLink *link);
int link_claim(HostLink *link,
        const LinkClaim *claim); /* after greeted() returned 0, or again with a higher epoch: then calls that
                                    wait to be sent are refused with HostOffline */
bool link_is_claimed(const HostLink *link);
/* If there is no connection, connects now; a login that waits for its turn keeps its place. The next pauses
 * are short again. */
void link_dial_now(HostLink *link);
/* Close and dial again later, with this very reason. */
void link_reset(HostLink *link, const char *reason);

/* At most 64 calls are outstanding on a link; more wait in order. -ENOTCONN when not claimed (nothing was
 * sent, reply is not called), -ENOBUFS past 1,024 waiting. */
int link_start_vm(HostLink *link, const char *order, LinkReply reply, void *userdata);
int link_stop_vm(HostLink *link, const char *order, LinkReply reply, void *userdata);
/* Identifiers end with NULL; exactly one of them is added or removed. */
int link_change_types(HostLink *link, const PciAddress *pgpu, LinkTypesChange change,
        const char *const *identifiers, LinkReply reply, void *userdata);
/* The message of a call that is DONE is the VM's start order. */
int link_get_vm(HostLink *link, const char *uuid, LinkReply reply, void *userdata);
/* A stop order. The message of a call that is DONE is what else ends, or "". */
int link_end_vm(HostLink *link, const char *order, LinkReply reply, void *userdata);
int link_clear_health(HostLink *link, const PciAddress *pgpu, LinkReply reply, void *userdata);
int link_release(HostLink *link, LinkReply reply, void *userdata);
/* Takes back the call that was made with userdata if it was not sent yet. Then it returns true, and the call
 * is never answered. */
bool link_withdraw(HostLink *link, const void *userdata);

/*
 * The links of the daemon (links.h): over sd-bus, with these settings, whose texts must outlive them. At most
 * logins_max logins by ssh run at a time; 0: eight for each processor.
 */
int links_new(Loop *loop, sd_event *event, const LinkSettings *settings, uint64_t logins_max, Links **ret);
/* The public key with which policyd logs in to hosts, made if there is none: pool-key.h. The caller frees it. */
int links_read_key(Links *links, char **ret);
/* What is used from now on; logins_max and the folder stay as they are. */
void links_set(Links *links, const LinkSettings *settings);
Links *links_free(Links *links); /* after all of its links */
