#pragma once

/*
 * Former cards: what the pool keeps of a PGPU that left it
 *
 * A card that is out for a boot, or whose host is removed and added again, is the PGPU that it was. So when a PGPU leaves the pool,
 * what makes it again is kept, by the machine in which it stood. It is no object and is shown nowhere. The newest FORMER_CARDS_MAX
 * are kept.
 */

#include "policyd/pool/pool.h"

#define FORMER_CARDS_MAX 1000

struct FormerCard {
        uint64_t number;                    /* grows with those of objects: the key of its row */
        Uuid id, group;                     /* its PGPU's; group: null for none */
        Uuid machine, host;                 /* Host.host_uuid, and the host in the pool, which may have left it */
        PciAddress pci;
        char *vendor_id, *device_id, *subsystem_vendor_id, *subsystem_device_id;
        char *serial_number, *other_config; /* NULL: none */
        char **supported, **enabled;        /* identifiers, as its host called the types */
};

/* It has a number, and is in no pool yet; -ENOMEM. */
int former_card_new(Pool *pool, const Pgpu *p, FormerCard **ret);
FormerCard *former_card_free(FormerCard *f);
DEFINE_CLEANUP(FormerCard *, former_card_free)

/* The pool has it then, as its newest; -ENOMEM. */
int pool_add_former(Pool *pool, FormerCard *f);
void pool_remove_former(Pool *pool, FormerCard *f); /* and frees it */
