#pragma once

/*
 * What failed starts say of the places where they failed
 *
 * A place is a host or a PGPU; a start that fails fails at its host and at the PGPUs that it was given.
 * Whether the place or the VM is to blame shows later, so a failure is noted first and counts
 *
 *   - when the same VM then starts elsewhere, or
 *   - when a second VM fails there too.
 *
 * A place where failures count comes last for a while after the last of them. One at which three VMs failed is suspect, until an
 * administrator says that it is repaired; a host only if they failed on different PGPUs of it, else the PGPU is suspect. A VM that failed
 * on several hosts, and started on none since, does not make one suspect: several VMs of one bad template would take good hosts away. A VM
 * that fails everywhere says nothing of any place: its failures are forgotten. So is everything noted of a place when a VM starts there,
 * and when an administrator clears it.
 *
 * Pure: times come from the caller, in µs. Nothing is stored: after a restart all places are good.
 */

#include "policyd/pool/pool.h"

#define PLACE_SUSPECT_VMS 3

typedef struct PlaceHealth PlaceHealth;

/* Where a start was: its host, and the PGPUs of its VGPUs, perhaps none, each perhaps several times. */
typedef struct StartPlaces {
        Uuid host;
        const Uuid *pgpus;
        size_t n_pgpus;
} StartPlaces;

/* How a place stands, and why. */
typedef struct PlaceReport {
        PlaceStanding standing;
        size_t n_vms;      /* distinct ones that failed there and count */
        uint64_t until;    /* it comes last until then; UINT64_MAX while it is suspect */
        const char *words; /* what was said of the last failure; NULL while it is good */
} PlaceReport;

PlaceHealth *place_health_new(uint64_t last_for_usec);
PlaceHealth *place_health_free(PlaceHealth *health);
DEFINE_CLEANUP(PlaceHealth *, place_health_free)

/* 0 or -ENOMEM: nothing was noted. */
int place_health_failed(
        PlaceHealth *h, const Uuid *vm, const StartPlaces *where, const char *words, uint64_t now);
/* The VM runs there: what is noted of these places is forgotten, and what the VM failed at elsewhere counts.
 */
void place_health_started(PlaceHealth *h, const Uuid *vm, const StartPlaces *where, uint64_t now);
void place_health_failed_everywhere(PlaceHealth *h, const Uuid *vm);
/* Forgets what is noted of a place: an administrator says that it is repaired, or it was removed. */
void place_health_clear(PlaceHealth *h, const Uuid *place);

PlaceStanding place_health_of(const PlaceHealth *h, const Uuid *place, uint64_t now, PlaceReport *ret);
bool place_health_is_empty(const PlaceHealth *h);
/* Hosts of which something is noted, or of a PGPU of theirs, perhaps several times; *i: 0 at first. NULL: no more. */
const Uuid *place_health_next_host(const PlaceHealth *h, size_t *i);
/* When a place next stops coming last; UINT64_MAX: none does. */
uint64_t place_health_next(const PlaceHealth *h, uint64_t now);
