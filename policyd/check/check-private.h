#pragma once

/*
 * What the files of the checker share
 */

#include "policyd/check/check.h"
#include "policyd/pool/each.h"
#include "policyd/pool/pool-internal.h"

typedef struct Invariant Invariant;

/* A list of the pool and what stands in it. */
typedef struct CheckPair {
        const PtrArray *list;
        const void *item;
} CheckPair;

typedef struct Check {
        const CheckInput *in;
        const Pool *pool;
        const Invariant *invariant;
        Findings *findings;
        CheckPair *pairs; /* sorted */
        size_t n_pairs, pairs_size;
} Check;

struct Invariant {
        const char *word;
        unsigned needs; /* CHECK_* */
        void (*check)(Check *c);
        const char *helps; /* the end of the sentence */
};

/* findings.c: "PGPU 'alpha/0000:84:00.0' has …", and what helps. */
void check_found(Check *c, const void *object, const char *format, ...) _printf_(3, 4);
#define CHECK(c, object, condition, ...)                                                                     \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        check_found(c, object, __VA_ARGS__);                                                 \
        } while (0)
#define CHECK_EACH(c, class, T, o) for_each(const T, o, &(c)->pool->objects[CLASS_##class])

/* check-links.c */
void check_index(Check *c); /* first of all, for check_count() */
size_t check_count(const Check *c, const PtrArray *list, const void *item);
void check_identity(Check *c);
void check_mutual(Check *c);
void check_order(Check *c);
void check_former(Check *c);

/* check-uses.c */
void check_capacity(Check *c);
void check_exclusive(Check *c);
void check_passthrough(Check *c);
void check_counters(Check *c);
void check_owners(Check *c);
void check_types(Check *c);
void check_unions(Check *c);
void check_scores(Check *c);

/* check-bookings.c */
void check_booking(Check *c);
void check_reservation(Check *c);
void check_job(Check *c);
void check_readable(Check *c);
void check_twice(Check *c);
void check_agree(Check *c);
void check_counted(Check *c);
void check_ends(Check *c);
