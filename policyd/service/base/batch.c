/*
 * The batch: group commit by construction
 *
 * A use case changes the model at once and opens the batch. The timer that commits it has a
 * lower priority than the buses, so it runs when everything that has arrived was decided; a limit on requests
 * and on time keeps a steady stream from starving it. A commit is: encode each changed object once, one
 * transaction, replies in order, signals, then the actions that must not happen before the disk knows of them
 * (sending orders, claiming).
 *
 * A batch that nobody waits for and nothing follows (a host said that its VM runs) lingers for a moment: the
 * next request then takes it along, and one start after the other costs one commit each instead of two. What
 * the host said is not acknowledged to it by anything that policyd could send meanwhile, so a crash in that
 * moment is one before the event arrived. When the moment is over and somebody waits by then, the batch goes
 * on as any other: cutting it there would split what 64 clients ask for at once into a commit for each 2 ms.
 */

#include <stdio.h>

#include "common/daemon/database.h"
#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "policyd/service/internal.h"

#define COMMIT_PRIORITY 50 /* below the buses */
#define BATCH_USEC_MAX UINT64_C(20000)
#define KEYS_AT_ONCE 1024
#define JOBS_AT_ONCE 64

static void on_all_decided(void *userdata) {
        (void) batch_commit(userdata);
}

/* Somebody may wait by now: then the batch takes what has arrived with it, for as long as a batch may. */
static void on_linger(void *userdata) {
        Policy *p = userdata;
        Batch *b = &p->batch;
        uint64_t latest = b->opened + BATCH_USEC_MAX;

        if ((b->n_waiters > 0 || b->n_steps > 0) && loop_now(p->loop, LOOP_MONOTONIC) < latest &&
                loop_timer_arm(b->linger, latest) >= 0)
                return;
        (void) batch_commit(p);
}

static void batch_hurry(Policy *p);

/* One timer runs at a time, whichever batch it was set for: a batch may be committed early, never late. */
static void batch_linger(Policy *p) {
        Batch *b = &p->batch;
        uint64_t usec = b->opened + p->options.linger_usec;

        if (b->linger && b->linger->at <= usec)
                return;
        if (p->options.linger_usec == 0 ||
                loop_call_at(p->loop, &b->linger, LOOP_MONOTONIC, usec, on_linger, p) < 0)
                batch_hurry(p);
}

void batch_open(Policy *p) {
        Batch *b = &p->batch;

        if (b->open)
                return;
        b->open = true;
        b->opened = loop_now(p->loop, LOOP_MONOTONIC);
        if (!p->closing)
                batch_linger(p);
}

/* Somebody waits: commits once everything that has arrived was decided. */
static void batch_hurry(Policy *p) {
        Batch *b = &p->batch;
        int r = 0;

        if (p->closing)
                return;
        if (!b->soon)
                r = loop_timer_new(
                        p->loop, LOOP_MONOTONIC, COMMIT_PRIORITY, on_all_decided, p, &b->soon);
        r = r ?: loop_timer_arm(b->soon, LOOP_SOON);
        if (r < 0)
                log_errno(r, "Failed to set up the commit, ignoring until the next flush");
}

int batch_poison(Policy *p, int r) {
        if (r < 0 && p->batch.poison == 0) {
                p->batch.poison = r;
                batch_open(p);
        }
        return r;
}

static int grow(void **items, size_t *size, size_t n, size_t item_size) {
        size_t larger = *size ? *size * 2 : 16;
        void *more;

        if (n < *size)
                return 0;
        more = reallocarray(*items, larger, item_size);
        if (!more)
                return -ENOMEM;
        *items = more;
        *size = larger;
        return 0;
}

int batch_then(Policy *p, BatchAction action, const Uuid *a, const Uuid *b_or_null) {
        Batch *b = &p->batch;
        int r;

        batch_open(p);
        r = grow((void **) &b->steps, &b->steps_size, b->n_steps, sizeof(*b->steps));
        if (r < 0)
                return batch_poison(p, r);
        batch_hurry(p);
        b->steps[b->n_steps++] =
                (BatchStep){.action = action, .a = *a, .b = b_or_null ? *b_or_null : UUID_NULL};
        return 0;
}

int policy_when_committed(Policy *p, PolicyCommitted done, void *userdata) {
        Batch *b = &p->batch;
        int r;

        batch_open(p);
        r = grow((void **) &b->waiters, &b->waiters_size, b->n_waiters, sizeof(*b->waiters));
        if (r < 0)
                return batch_poison(p, r);
        batch_hurry(p);
        b->waiters[b->n_waiters++] = (BatchWaiter){.done = done, .userdata = userdata};
        b->requests++;
        if (!b->committing &&
                (b->requests >= p->options.batch_max || loop_now(p->loop, LOOP_MONOTONIC) - b->opened > BATCH_USEC_MAX))
                (void) batch_commit(p);
        return 0;
}

/*
 * Jobs leave the disk in lumps: they stand side by side there, and to delete one for each new one would
 * change one more page with each commit. After a crash those that were left are read again, and leave again
 * at once. One that ended in this very batch runs as far as the disk knows; it may not be found so.
 */
static int encode_removal(Policy *p, Object *o, StoreOps *ops) {
        int r;

        if (o->class != CLASS_JOB || o->changed & JOB_STATE)
                return store_ops_del_object(ops, o);
        r = store_ops_del_object(&p->gone_jobs, o);
        if (r == 0 && p->gone_jobs.n >= JOBS_AT_ONCE)
                r = store_ops_move(ops, &p->gone_jobs);
        return r;
}

static int encode_meta(Policy *p, StoreOps *ops) {
        int r;

        r = store_ops_put_meta(ops, &p->meta);
        if (r == 0)
                p->row_orders = p->meta.orders;
        return r;
}

static int encode_changes(Policy *p, Object *changes, StoreOps *ops) {
        bool meta = p->meta_changed || p->meta.epoch != p->stored.epoch ||
                    !uuid_equal(&p->meta.pool, &p->stored.pool);
        int r = 0;

        for (Object *o = changes; o && r == 0; o = o->next_changed) {
                if (o->removed) {
                        /* The number of the last order stands with its VM. */
                        meta |= o->class == CLASS_VM && CONTAINER_OF(o, Vm, object)->order > p->row_orders;
                        r = encode_removal(p, o, ops);
                        r = r ?: answers_forget_object(p, o, ops);
                } else if (o->must_store)
                        r = store_ops_put_object(ops, o);
        }
        /* In steps, so that not each new job changes one more page. */
        if (p->pool->next_key > p->meta.next_key)
                p->meta.next_key = p->pool->next_key + KEYS_AT_ONCE;
        if (r == 0 && (meta || p->meta.next_key != p->stored.next_key))
                r = encode_meta(p, ops);
        return r;
}

/* The status counts PGPUs and VGPUs, and looks at each host. */
static bool changes_status(const Object *o) {
        return o->class == CLASS_HOST ||
               ((o->class == CLASS_PGPU || o->class == CLASS_VGPU) && (o->is_new || o->removed));
}

static void announce(Policy *p, Object *changes) {
        const PolicyListener *l = &p->listener;
        bool status = false;
        Object *next;

        for (Object *o = changes; o; o = o->next_changed) {
                Job *j = o->class == CLASS_JOB ? CONTAINER_OF(o, Job, object) : NULL;

                status |= changes_status(o);
                /* A job that came, ended and went within one batch had its path in a reply. */
                if (o->is_new && o->removed && !j)
                        continue;
                if (j && o->is_new && l->job_new)
                        l->job_new(j, p->userdata);
                if (l->changed)
                        l->changed(o, p->userdata);
                if (j && (o->changed & JOB_STATE || o->is_new) && job_state_is_final(j->state) &&
                        l->job_removed)
                        l->job_removed(j, job_state_to_string(j->state), p->userdata);
        }
        if (status)
                policy_report_status(p);
        for (Object *o = changes; o; o = next) {
                next = o->next_changed;
                pool_forget(p->pool, o);
        }
}

static void answer_waiters(Policy *p, BatchWaiter *waiters, size_t n, ErrorCode code, const char *message) {
        for (size_t i = 0; i < n; i++)
                waiters[i].done(code, message, waiters[i].userdata);
}

static void forget_touches(Policy *p) {
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(p->peers, &i));)
                peer->touched = false;
}

static const char *describe_remedy(int error) {
        switch (error) {
        case -ENOSPC:
        case -EDQUOT:
                return " The disk of the state folder is full: free space there.";
        case -EOVERFLOW:
                return " The database is as large as it may be: remove objects, or raise map_max in "
                       "policyd's settings.";
        case -ESTALE:
                return " The database was removed, replaced or cut off; policyd stops.";
        default:
                return "";
        }
}

static void batch_fail(Policy *p, int error, BatchWaiter *waiters, size_t n) {
        char message[512];
        int r = error;

        text_format(message, sizeof(message), "The change could not be stored (%s); nothing was changed.%s",
                strerror(-error), describe_remedy(error));
        log_event(LOG_ERR, MSG_STORAGE_FAILED, NULL, "A commit of %zu requests failed: %s", n, message);

        /* At the end nobody asks for the model again, and what a rebuilding makes (links to the hosts) would outlive it. */
        if (p->closing)
                r = 0;
        else if (error != -ESTALE)
                r = policy_rebuild(p);
        answer_waiters(p, waiters, n, ERROR_STORAGE_FAILED, message);
        if (r < 0) {
                r = database_log_failure(p->storage->dir, r, NULL,
                        "Stopping: the pool cannot be read again. Guests run on. Put the folder or a backup "
                        "of it back, then start "
                        "xenvgpu-policyd.");
                loop_exit(p->loop, database_exit_status(r));
                return;
        }
        if (p->listener.rebuilt && !p->closing)
                p->listener.rebuilt(p->userdata);
}

static void batch_succeed(Policy *p, Object *changes, BatchWaiter *waiters, size_t n_waiters,
        BatchStep *steps, size_t n_steps) {
        p->retry_delay = 0;
        p->stored = p->meta;
        old_stored(p);
        forget_touches(p);
        answer_waiters(p, waiters, n_waiters, ERROR_NONE, NULL);
        announce(p, changes);
        p->batch.committing = false;
        for (size_t i = 0; i < n_steps && !p->closing; i++)
                steps[i].action(p, &steps[i].a, &steps[i].b);
}

int batch_commit(Policy *p) {
        Batch *b = &p->batch;
        _cleanup_(store_ops_done) StoreOps ops = {};
        _cleanup_free_ BatchWaiter *waiters = NULL;
        _cleanup_free_ BatchStep *steps = NULL;
        size_t n_waiters, n_steps;
        Object *changes;
        int r;

        if (!b->open || b->committing)
                return 0;

        b->committing = true;
        ops = b->extra;
        waiters = b->waiters;
        n_waiters = b->n_waiters;
        steps = b->steps;
        n_steps = b->n_steps;
        r = b->poison ?: policy_is_read_only(p) ? -EROFS : 0;
        *b = (Batch){.committing = true, .soon = b->soon, .linger = b->linger};

        changes = pool_take_changes(p->pool);
        r = r ?: encode_changes(p, changes, &ops);
        if (r == 0 && ops.n > 0)
                r = p->storage->write(p->storage, &ops);

        if (r == 0)
                batch_succeed(p, changes, waiters, n_waiters, steps, n_steps);
        else
                batch_fail(p, r, waiters, n_waiters);
        b->committing = false;
        return r < 0 ? -EIO : 0;
}

int policy_flush(Policy *p) {
        return p->batch.open ? batch_commit(p) : 0;
}

/* At the end: what is open is still committed, so that its callers are answered. */
void batch_done(Policy *p) {
        Batch *b = &p->batch;

        if (p->pool)
                (void) batch_commit(p);
        loop_timer_free(b->soon);
        loop_timer_free(b->linger);
        store_ops_done(&b->extra);
        free(b->waiters);
        free(b->steps);
        *b = (Batch){};
}
