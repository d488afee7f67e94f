#pragma once

/*
 * The index of hosts
 *
 * What decisions search, packed: one row for each host, by place (the order of names), with the kind of each
 * of its PGPUs. PGPUs of one kind look alike to the decider: same group, same types supported, enabled, and
 * in use, same room. There are few kinds however many PGPUs, so what a type can have of a PGPU is worked out
 * once for each kind (host-order.h), and what changes with a VGPU is one number in one row.
 *
 * Changes of the pool only mark; host_index_refresh() looks at the marked hosts before a decision, and writes
 * their places to a log, from which each order of hosts catches up when it is asked. Marking takes no memory.
 * When a refresh runs out of it, the index is of no use until the next one, which builds it anew.
 */

#include "policyd/decide/host-set.h"
#include "policyd/pool/pool-internal.h"

#define KIND_NONE UINT32_MAX /* of a PGPU in no group */
#define PLACE_NONE UINT32_MAX

/* What makes two PGPUs, or two hosts' facts, alike: sums over sets, which have no order, of each member's
 * mark. */
typedef struct Mark {
        uint64_t words[2];
} Mark;

typedef struct PgpuKind {
        Mark mark;
        const GpuGroup *group;
        HostSet hosts; /* that have one or more; kept for groups with best-fit only */
} PgpuKind;

#define ROW_KINDS 8

/* All that a decision reads of a host: a cache line, with up to eight PGPUs. */
typedef struct HostRow {
        Host *host;
        uint64_t changed;   /* when it was last written to the log */
        uint64_t regrouped; /* when it last was because of more than memory */
        uint32_t facts;   /* networks, storage, IOMMU and HVM: hosts with one number have the same */
        uint16_t n_kinds;
        bool usable;
        union {
                uint32_t few[ROW_KINDS];
                uint32_t *many;
        } kinds; /* by PCI address, as host->pgpus */
} HostRow;

static inline const uint32_t *row_kinds(const HostRow *row) {
        return row->n_kinds <= ROW_KINDS ? row->kinds.few : row->kinds.many;
}

/* What the pool marks at each host. */
struct HostIndex {
        uint32_t at;     /* its place */
        bool dirty;      /* it is in the list of those to look at */
        bool all;        /* each PGPU and all facts are to be looked at */
        bool memory;     /* its VMs' memory is to be summed again */
        uint64_t pgpus;  /* else, bit i: PGPU i */
        uint64_t booked; /* memory of its VMs that its report does not know yet */
        HostState state; /* as counted; _HOST_STATE_INVALID: not counted */
        bool enabled;
};

typedef struct HostOrder HostOrder;

struct PoolIndex {
        PtrArray removed; /* objects that pool_forget() has not been told of */
        PtrArray dirty;   /* hosts */
        bool stale;       /* all below is to be built anew */
        size_t n_connecting, n_offline, n_disabled;

        HostRow *rows;
        HostMemory memory;
        uint32_t *log;    /* places; a ring */
        size_t log_size;  /* a power of two */
        uint64_t log_end; /* how many were ever written */

        PgpuKind *kinds;
        size_t n_kinds, kinds_size, n_kinds_built; /* built: as many as there were when all was built */
        uint32_t *kind_table;                      /* by mark, open addressing; kind + 1, 0: free */
        size_t kind_table_size;                    /* a power of two */
        Mark *facts;
        size_t n_facts, facts_size;
        HashMap *machines;     /* hosts by host_uuid */
        bool machines_unclear; /* two hosts have one */

        PtrArray orders; /* HostOrder */
        uint64_t orders_used;
        uint64_t *words[3]; /* working memory: one set each, the first empty between decisions */
};

/* The host's state, memory, networks and the like; one of its PGPUs; everything. */
void host_index_mark(Pool *pool, Host *h);
void host_index_mark_memory(Pool *pool, Host *h);
void host_index_mark_pgpu(Pool *pool, Pgpu *p);
void host_index_mark_all(Pool *pool);
/* A VM's memory comes to a host's account, or leaves it. */
void host_index_book(Pool *pool, Host *h, Vm *vm);
void host_index_unbook(Pool *pool, Host *h, Vm *vm);

int host_index_add(Pool *pool, Host *h);
void host_index_remove(Pool *pool, Host *h);
void host_index_free(Host *h);
void pool_index_free(struct PoolIndex *index);

/* -ENOMEM: the index is of no use now. Const, since it changes nothing that the pool says. */
int host_index_refresh(const Pool *pool);
