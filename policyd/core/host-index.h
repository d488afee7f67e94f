#pragma once

/*
 * The index of hosts
 *
 * For each group and type the usable hosts that have a PGPU of the group, in the order in which a start of
 * one such VGPU would try them: those that fit by score, most free memory and name; behind them the misses,
 * nearest first. For groups with best-fit the order of those that fit is fit-index.c's. Changes only mark hosts dirty; host_index_refresh() looks at those again before a decision,
 * so a batch of changes to one host costs once.
 */

#include "policyd/core/pool-internal.h"

/* 0 fits; then what is in the way, from the nearest miss on, a reservation's behind a VM's. */
#define HOST_CLASS_FITS 0u
#define HOST_CLASS_MAX 10u

typedef struct PgpuKind PgpuKind;

struct HostEntry {
        Host *host;
        TypeCount *bucket; /* or: */
        PgpuKind *kind;    /* of which pgpu is one */
        Pgpu *pgpu;
        uint32_t class;
        uint64_t score, memory; /* as they were when the entry was placed; 0 for misses */
        bool seen;
};

struct HostIndex {
        PtrArray entries; /* HostEntry, owned */
        PtrArray kinds;   /* HostEntry, owned: the kinds of PGPUs in groups with best-fit */
        uint64_t visit;
        bool dirty;
        HostState state; /* as counted; _HOST_STATE_INVALID: not counted */
        bool enabled;
};

/* By class, score, most free memory and name; the rank is the first of this as a number, and never contradicts it. */
int host_entry_compare(const HostEntry *a, const HostEntry *b);
uint64_t host_entry_rank(const HostEntry *e);

/* Marking takes no memory. */
void host_index_mark(Pool *pool, Host *h);
void host_index_mark_all(Pool *pool);

int host_index_add(Pool *pool, Host *h);
void host_index_remove(Pool *pool, Host *h);
void host_index_free(Host *h); /* the pool goes: nothing is taken out of lists */
void host_index_drop_bucket(TypeCount *bucket);
void host_index_clear(const Pool *pool);

/* -ENOMEM: the index is of no use now, and will be built anew. Const, since it changes nothing that the pool
 * says. */
int host_index_refresh(const Pool *pool);
TypeCount *host_index_find(const GpuGroup *g, const VgpuType *t);

/* The part for groups with best-fit; fit-index.c. */
int fit_index_refresh(Host *h, uint64_t memory);
void fit_index_clear_host(Host *h);
void fit_index_clear_group(GpuGroup *g);
void fit_index_free_group(GpuGroup *g); /* the pool goes: its hosts free their entries */
