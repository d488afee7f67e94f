#pragma once

/*
 * Which policyd commands, and whether its database is an old copy
 */

#include "policyd/service/hosts/peers.h"

int epoch_start(Hosts *hs);
int epoch_greeted(Peer *peer, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason);
void epoch_answered(Peer *peer);
void epoch_acknowledged(Hosts *hs);                 /* a host took the claim */
void epoch_refused(Hosts *hs, const char *message); /* by a host, in favour of another policyd */

/* old.c */
void old_loaded(Hosts *hs);                    /* at start */
void old_begin(Hosts *hs);                     /* into the batch that stores the new epoch */
void old_mark(Hosts *hs);                      /* writes what was found into the open batch */
void old_overtaken(Hosts *hs, uint64_t epoch); /* by another policyd of this pool */
void old_stored(Hosts *hs);
void old_rebuilt(Hosts *hs);
void old_check_greeting(Peer *peer, const LinkGreeting *greeting); /* of a host of this pool */
void old_check_refusal(Hosts *hs); /* of a claim, before any was taken: another policyd holds the host */
void old_check_inventory(Peer *peer, const Inventory *inventory);
void old_heard(Peer *peer, Host *h);
int old_check_start(
        const Hosts *hs, const Vm *vm, Refusal *refusal); /* HostOffline, with the hosts not heard */
int old_describe(const Hosts *hs, char **ret);            /* as policy_old_database() */
