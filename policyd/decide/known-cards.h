#pragma once

/*
 * Cards known again: which of a host's cards are those that the pool has
 *
 * Buses are numbered anew after a change of the firmware, and cards move to other slots. A card that is reported is one that the pool
 * has, in this order:
 *
 *   1. both have the same serial number, which no other of either side has;
 *   2. it stands where that one stood;
 *   3. of those that are left, there are as many absent ones of its model as new ones: then in the order of their addresses. If there
 *      are more absent ones, or fewer, it is looked at once more without those that left the pool (former); then it cannot be told
 *      which it is, unless they are all alike to their users: the caller asks.
 *
 * Never is a card one of another model (vendor, device and subsystem), nor one with another serial number of the same kind. Pure.
 */

#include "common/base/macros.h"
#include "common/base/pci-address.h"

typedef struct KnownCard {
        PciAddress pci;
        const char *model;  /* all ids in one text */
        const char *serial; /* "dsn-…": the kind before the dash; "" or NULL: unknown */
        bool former;        /* of the known: it left the pool. They stand behind those that did not */
} KnownCard;

#define CARD_NEW SIZE_MAX

/* ret[i]: the index of the known card that found[i] is, or CARD_NEW. ret_asks[i]: it is new, or one of several absent ones. */
void cards_match(const KnownCard *known, size_t n_known, const KnownCard *found, size_t n_found, size_t *ret, bool *ret_asks);
