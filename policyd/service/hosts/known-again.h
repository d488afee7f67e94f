#pragma once

/*
 * Cards known again: which PGPU each card of a report is, and those that left the pool
 *
 * A PGPU leaves the pool when its card vanished and nobody set it up, or when its host is removed. What makes it again is kept by its
 * machine (pool/former-card.h), in the commit that removes it. A card that its machine reports later, under whatever name and address the
 * machine is in the pool then, is that PGPU (decide/known-cards.h): its uuid, group and notes are back, in the commit that takes
 * the report over.
 */

#include "policyd/service/hosts/peers.h"

/* Of each card of a report. Borrowed from the pool. */
typedef struct CardMatch {
        Pgpu **pgpus;         /* NULL: a new one, or … */
        FormerCard **formers; /* … one that left the pool */
} CardMatch;

int cards_find(const Pool *pool, const Host *h, const Inventory *inventory, CardMatch *ret);
void card_match_done(CardMatch *m);

/* The PGPU is about to leave the pool. */
int former_keep(Batch *b, const Pgpu *pgpu);
/* It is of the pool again, in its slot of then, and its host has not reported it; -ENOMEM. */
int former_revive(Hosts *hs, Host *h, FormerCard *f, Pgpu **ret);
/* Those of a machine that is in the pool again which somebody had set up: they are lost until their cards come. */
int former_revive_set_up(Hosts *hs, Host *h);

int pgpu_join_group(Hosts *hs, Pgpu *pgpu); /* that of its kind, which is made where there is none */
bool pgpu_is_set_up(const Pool *pool, const Pgpu *pgpu); /* in a group of one's own, or with notes */
int types_identifiers(const Host *h, const PtrArray *types, char ***ret); /* as the host calls them */

/* VMs whose affinity is this name or uuid of a host have it to what the host is called now. */
int affinities_follow(Batch *b, const char *from, const char *to);
