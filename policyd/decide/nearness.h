#pragma once

/*
 * How near PGPUs of one host are to each other
 *
 * GPUs behind one PCI switch reach each other without the processor, and those of one NUMA node without the link between processors. A
 * place here is a switch on a node, or, for PGPUs behind no switch, the node itself. Hosts that tell neither have one place.
 */

#include "policyd/pool/pool.h"

#define PLACES_MAX 32 /* of one host; more are not told apart */

typedef struct PciPlaces {
        const Pgpu *first[PLACES_MAX]; /* one PGPU of each */
        size_t n;
} PciPlaces;

/* The number of p's place, which is added when it is new. */
size_t places_find(PciPlaces *places, const Pgpu *p);
/* Of some places, one bit for each: how far apart they are. Fewer nodes are nearer, then fewer places. */
uint32_t places_spread(const PciPlaces *places, uint32_t set);
/* The same of PGPUs; 0: there are fewer than two VGPUs. */
uint32_t pgpus_spread(Pgpu *const *pgpus, size_t n);
/* The next of the sets of places that are worth a try, in no order: all where there are few places, else single places and nodes.
 * *at is 0 at first; 0: no more. */
uint32_t places_next_set(const PciPlaces *places, uint32_t *at);
