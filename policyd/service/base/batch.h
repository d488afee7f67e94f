#pragma once

/*
 * The pool as it will be, what of it is on disk, and the open batch between the two
 *
 * Every change of the pool opens the batch (batch_open()). Waiters are called with the result of the commit; actions
 * run after a successful commit and its signals, and are dropped with a failed one. Everything that outlives one
 * call refers to pool objects by uuid, never by pointer: after a failed commit the pool is another one.
 */

#include "policyd/pool/each.h"
#include "policyd/service/base/answers.h"
#include "policyd/service/base/metrics.h"
#include "policyd/service/base/options.h"

/* owner: whose action it is. */
typedef void (*BatchAction)(void *owner, const Uuid *a, const Uuid *b);

typedef struct BatchWaiter {
        PolicyCommitted done;
        void *userdata;
} BatchWaiter;

typedef struct BatchStep {
        BatchAction action;
        void *owner;
        Uuid a, b;
} BatchStep;

/* What the open batch holds beside the changes of the pool. */
typedef struct BatchContent {
        bool open;
        int poison;      /* a use case failed half way: nothing of this batch may be kept */
        uint64_t opened; /* monotonic µs */
        uint64_t requests;
        BatchWaiter *waiters;
        size_t n_waiters, waiters_size;
        BatchStep *steps;
        size_t n_steps, steps_size;
        StoreOps extra; /* of tables that are not objects */
} BatchContent;

/* What a commit leads to, in this order. */
typedef struct BatchOwner {
        void (*stored)(void *userdata); /* before any reply */
        int (*failed)(void *userdata);  /* before any reply: batch_load(), then rebuild what refers to the pool */
        /* After the replies to a successful commit: sends the signals and forgets the changes (pool_forget()). */
        void (*changed)(Object *changes, void *userdata);
        void (*rebuilt)(void *userdata); /* after a failure */
} BatchOwner;

typedef struct Batch {
        PolicyOptions options;
        Db *store; /* NULL: it could not be read */
        const BatchOwner *owner;
        void *userdata;

        Pool *pool;
        UnreadableRows unreadable;
        StoreMeta meta, stored; /* as it will be with the open batch; as it is on disk */
        bool meta_changed;      /* in more than its numbers */
        uint64_t row_orders;    /* of meta.orders, what stands in the meta record itself */
        Answers answers;
        char *caller; /* who asks for what is being decided; NULL: nobody does */
        Metrics metrics;
        StoreOps gone_jobs; /* deletions of jobs that left the pool and still stand on disk */

        BatchContent now;
        bool committing, closing;
        LoopTimer *soon;   /* commits once everything that has arrived was decided */
        LoopTimer *linger; /* commits a batch that no client waits for */
} Batch;

int batch_load(Batch *b); /* the pool from disk; what went wrong was logged */
void batch_done(Batch *b);

void batch_open(Batch *b);
/* Opens it where the last call changed anything. Returns r where that is negative, else 0. */
int batch_open_if_changed(Batch *b, int r);
int batch_then(Batch *b, BatchAction action, void *owner, const Uuid *a, const Uuid *b_or_null);
int batch_when_committed(Batch *b, PolicyCommitted done, void *userdata);
int batch_commit(Batch *b);        /* 0 where nothing is open */
int batch_poison(Batch *b, int r); /* returns r; does nothing when r is 0 */

static inline Loop *batch_loop(const Batch *b) {
        return b->options.loop;
}

/* µs since 1970. */
static inline uint64_t batch_date(const Batch *b) {
        return loop_now(b->options.loop, LOOP_REALTIME);
}

static inline int batch_new_uuid(const Batch *b, Uuid *ret) {
        return loop_new_uuid(b->options.loop, ret);
}

/* The given uuid; a new one if there is none, or a null one. */
static inline int batch_choose_uuid(const Batch *b, const Uuid *given_or_null, Uuid *ret) {
        if (!given_or_null || uuid_is_null(given_or_null))
                return batch_new_uuid(b, ret);
        *ret = *given_or_null;
        return 0;
}
