#pragma once

/*
 * The checker: what must hold of a pool at any moment
 *
 * docs/invariants.md explains the invariants. Each is a row of the table in check.c: its word, what would help, and a function that
 * looks at all objects and names those of which it does not hold. The functions follow every reference in both directions and count
 * everything anew, without the helpers that keep the pool, so that an error in those shows. Nothing is changed or repaired.
 *
 * The same code checks the pool of a policyd that runs (Manager.Check), the pool that a database holds (xenvgpu-policyd --check), and the
 * pools of tests.
 */

#include "policyd/pool/pool.h"
#include "policyd/store/store.h"
#include "protocol/inventory.h"

/* What is known beside the pool. */
#define CHECK_MODEL 1u   /* of any pool */
#define CHECK_POLICY 2u  /* also of bookings, jobs and types, as policyd keeps them once it has read all rows */
#define CHECK_REPORTS 4u /* also of what hosts report */

/* What a host said last that is online and obeys; lent. */
typedef struct CheckReport {
        const Host *host;
        const InventoryVm *vms; /* a null uuid: it has ended since */
        size_t n_vms;
        const Uuid *asked; /* VMs of orders that it has not answered */
        size_t n_asked;
} CheckReport;

typedef struct CheckInput {
        const Pool *pool;
        unsigned what;
        const CheckReport *reports;
        size_t n_reports;
} CheckInput;

typedef struct Finding {
        const char *invariant; /* its word */
        ObjectClass class;     /* _CLASS_INVALID: it is about no object */
        Uuid object;
        char *name;     /* of the object */
        char *sentence; /* what was found, and what would help */
} Finding;

#define FINDINGS_MAX 1000

typedef struct Findings {
        Finding *items;
        size_t n, n_more; /* n_more: beyond the limit, only counted */
        size_t n_objects, n_invariants; /* that were looked at */
        int error;
} Findings;

void findings_done(Findings *f);
#define _cleanup_findings_ _cleanup_(findings_done)
void findings_add(Findings *f, const char *invariant, const Object *o_or_null, const char *format, ...) _printf_(4, 5);
/* "2 findings", or "nothing found", and what was looked at. */
const char *findings_sum_up(const Findings *f, char *buf, size_t size);

/* Adds to what is in ret; -ENOMEM. */
int check_pool(const CheckInput *in, Findings *ret);
/* Rows that could not be read. */
void check_rows(const UnreadableRows *rows, Findings *ret);
/* The word of the n-th invariant; NULL after the last. */
const char *check_invariant(size_t n);
