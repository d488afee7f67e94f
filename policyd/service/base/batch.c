/*
 * The batch: requests that have arrived together share one commit
 *
 * A use case changes the model at once and opens the batch. The timer that commits it has a lower priority
 * than the buses, so it is called when everything that has arrived was decided; a limit on requests and on
 * time keeps a steady stream from delaying it for ever. A commit is: encode each changed object once, one
 * transaction, the replies in order, the signals, then the actions that must not happen before the change is
 * on disk (to send orders, to claim).
 *
 * If no client waits and no action follows (a host reported that its VM runs), the commit is delayed by up to
 * linger_usec, so that the next request can share it: one start after the other then costs one commit each
 * instead of two. policyd sends nothing to that host in between, so a crash in this time is the same as one
 * before the event arrived. If a client waits when the time is over, the batch is treated like any other: to
 * commit it at once would split the requests of 64 clients into one commit for each 2 ms.
 */

#include "common/base/text.h"
#include "common/daemon/database.h"
#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "policyd/service/base/batch.h"

#define COMMIT_PRIORITY 50 /* below the buses */
#define BATCH_USEC_MAX UINT64_C(20000)
#define KEYS_AT_ONCE 1024
#define JOBS_AT_ONCE 64

static void on_all_decided(void *userdata) {
        (void) batch_commit(userdata);
}

/* A client may wait by now; then the batch also takes the requests that have arrived, within its usual limits. */
static void on_linger(void *userdata) {
        Batch *b = userdata;
        uint64_t latest = b->now.opened + BATCH_USEC_MAX;

        if ((b->now.n_waiters > 0 || b->now.n_steps > 0) &&
                loop_now(batch_loop(b), LOOP_MONOTONIC) < latest && loop_timer_arm(b->linger, latest) >= 0)
                return;
        (void) batch_commit(b);
}

static void batch_hurry(Batch *b);

/* One timer runs at a time, whichever batch it was set for: a batch may be committed early, never late. */
static void batch_linger(Batch *b) {
        uint64_t usec = b->now.opened + b->options.linger_usec;

        if (b->linger && b->linger->at <= usec)
                return;
        if (b->options.linger_usec == 0 ||
                loop_call_at(batch_loop(b), &b->linger, LOOP_MONOTONIC, usec, on_linger, b) < 0)
                batch_hurry(b);
}

void batch_open(Batch *b) {
        if (b->now.open)
                return;
        b->now.open = true;
        b->now.opened = loop_now(batch_loop(b), LOOP_MONOTONIC);
        if (!b->closing)
                batch_linger(b);
}

int batch_open_if_changed(Batch *b, int r) {
        if (pool_has_changes(b->pool))
                batch_open(b);
        return MIN_OF(r, 0);
}

/* A client waits: commits once everything that has arrived was decided. */
static void batch_hurry(Batch *b) {
        int r = 0;

        if (b->closing)
                return;
        if (!b->soon)
                r = loop_timer_new(
                        batch_loop(b), LOOP_MONOTONIC, COMMIT_PRIORITY, on_all_decided, b, &b->soon);
        r = r ?: loop_timer_arm(b->soon, LOOP_SOON);
        if (r < 0)
                log_errno(r, "Failed to set up the commit, ignoring until the next flush");
}

int batch_poison(Batch *b, int r) {
        if (r < 0 && b->now.poison == 0) {
                b->now.poison = r;
                batch_open(b);
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

int batch_then(Batch *b, BatchAction action, void *owner, const Uuid *first, const Uuid *second_or_null) {
        BatchContent *c = &b->now;
        int r;

        batch_open(b);
        r = grow((void **) &c->steps, &c->steps_size, c->n_steps, sizeof(*c->steps));
        if (r < 0)
                return batch_poison(b, r);
        batch_hurry(b);
        c->steps[c->n_steps++] = (BatchStep){.action = action,
                .owner = owner,
                .a = *first,
                .b = second_or_null ? *second_or_null : UUID_NULL};
        return 0;
}

int batch_when_committed(Batch *b, PolicyCommitted done, void *userdata) {
        BatchContent *c = &b->now;
        int r;

        batch_open(b);
        r = grow((void **) &c->waiters, &c->waiters_size, c->n_waiters, sizeof(*c->waiters));
        if (r < 0)
                return batch_poison(b, r);
        batch_hurry(b);
        c->waiters[c->n_waiters++] = (BatchWaiter){.done = done, .userdata = userdata};
        c->requests++;
        if (!b->committing && (c->requests >= b->options.batch_max ||
                                      loop_now(batch_loop(b), LOOP_MONOTONIC) - c->opened > BATCH_USEC_MAX))
                (void) batch_commit(b);
        return 0;
}

/* The commit */

/*
 * Rows of jobs are deleted many at once: they lie side by side on disk, and to delete one for each new job
 * would change one more page with each commit. After a crash the rows that were left are read again and
 * deleted. A job that ended in this batch is still stored as running, so its row is deleted with this commit.
 */
static int encode_removal(Batch *b, Object *o, StoreOps *ops) {
        int r;

        if (o->class != CLASS_JOB || o->changed & JOB_STATE)
                return store_ops_del_object(ops, o);
        r = store_ops_del_object(&b->gone_jobs, o);
        if (r == 0 && b->gone_jobs.n >= JOBS_AT_ONCE)
                r = store_ops_move(ops, &b->gone_jobs);
        return r;
}

static int encode_meta(Batch *b, StoreOps *ops) {
        int r;

        r = store_ops_put_meta(ops, &b->meta);
        if (r == 0)
                b->row_orders = b->meta.orders;
        return r;
}

static int encode_changes(Batch *b, Object *changes, StoreOps *ops) {
        bool meta = b->meta_changed || b->meta.epoch != b->stored.epoch ||
                    !uuid_equal(&b->meta.pool, &b->stored.pool);
        int r = 0;

        for (Object *o = changes; o && r == 0; o = o->next_changed) {
                if (o->removed) {
                        /* The number of the last order stands with its VM. */
                        meta |= o->class == CLASS_VM && CONTAINER_OF(o, Vm, object)->order > b->row_orders;
                        r = encode_removal(b, o, ops);
                        r = r ?: answers_forget_object(&b->answers, o, ops);
                } else if (o->must_store)
                        r = store_ops_put_object(ops, o);
        }
        /* In steps, so that not each new job changes one more page. */
        if (b->pool->next_key > b->meta.next_key)
                b->meta.next_key = b->pool->next_key + KEYS_AT_ONCE;
        if (r == 0 && (meta || b->meta.next_key != b->stored.next_key))
                r = encode_meta(b, ops);
        return r;
}

static void answer_waiters(const BatchContent *c, ErrorCode code, const char *message) {
        for (size_t i = 0; i < c->n_waiters; i++)
                c->waiters[i].done(code, message, c->waiters[i].userdata);
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

static void batch_fail(Batch *b, int error, const BatchContent *c) {
        char message[512];
        int r = error;

        text_format(message, sizeof(message), "The change could not be stored (%s); nothing was changed.%s",
                strerror(-error), describe_remedy(error));
        log_event(LOG_ERR, MSG_STORAGE_FAILED, NULL, "A commit of %zu requests failed: %s", c->n_waiters,
                message);

        /* While closing, nothing reads the model again, and what a rebuild makes (links to the hosts) would outlive it. */
        if (b->closing)
                r = 0;
        else if (error != -ESTALE)
                r = b->owner->failed(b->userdata);
        answer_waiters(c, ERROR_STORAGE_FAILED, message);
        if (r < 0) {
                r = database_log_failure(b->options.database->dir, r, NULL,
                        "Stopping: the pool cannot be read again. Guests run on. Put the folder or a backup "
                        "of it back, then start "
                        "xenvgpu-policyd.");
                loop_exit(batch_loop(b), database_exit_status(r));
        } else if (!b->closing)
                b->owner->rebuilt(b->userdata);
}

static void batch_succeed(Batch *b, Object *changes, const BatchContent *c) {
        b->stored = b->meta;
        b->owner->stored(b->userdata);
        answer_waiters(c, ERROR_NONE, NULL);
        b->owner->changed(changes, b->userdata);
        b->committing = false;
        for (size_t i = 0; i < c->n_steps && !b->closing; i++)
                c->steps[i].action(c->steps[i].owner, &c->steps[i].a, &c->steps[i].b);
}

static void content_done(BatchContent *c) {
        free(c->waiters);
        free(c->steps);
        store_ops_done(&c->extra);
}

static int write_ops(Batch *b, StoreOps *ops) {
        uint64_t began = loop_stopwatch(batch_loop(b));
        int r = b->store ? store_write(b->store, ops) : -EIO;

        metrics_committed(&b->metrics, loop_stopwatch(batch_loop(b)) - began);
        return r;
}

int batch_commit(Batch *b) {
        _cleanup_(content_done) BatchContent c = b->now;
        Object *changes;
        int r;

        if (!c.open || b->committing) {
                c = (BatchContent){};
                return 0;
        }
        b->committing = true;
        b->now = (BatchContent){};
        changes = pool_take_changes(b->pool);
        r = c.poison ?: b->unreadable.n_blocking > 0 ? -EROFS : 0;
        r = r ?: encode_changes(b, changes, &c.extra);
        if (r == 0 && c.extra.n > 0)
                r = write_ops(b, &c.extra);
        if (r == 0)
                batch_succeed(b, changes, &c);
        else
                batch_fail(b, r, &c);
        b->committing = false;
        return r < 0 ? -EIO : 0;
}

/* From and to the disk */

static const char way_back[] =
        "Nothing was changed, and guests run on. Put a backup in its place, or, to begin with an empty pool, "
        "move all that is in the folder away.";

/* Logs the rows that the reading before did not find. */
static void log_rows(const Batch *b, const UnreadableRows *rows) {
        for (size_t i = 0; i < rows->n; i++) {
                const UnreadableRow *row = &rows->items[i];

                if (unreadable_rows_find(&b->unreadable, row->name))
                        continue;
                if (row->blocks)
                        log_event(LOG_ERR, MSG_ROW_UNREADABLE, NULL,
                                "The row %s of the database cannot be read: %s. The pool is read only.",
                                row->name, row->reason);
                else if (!row->aside || row->fresh)
                        log_event(LOG_WARNING, MSG_ROW_UNREADABLE, NULL,
                                "The row %s of the database cannot be read and was set aside: %s.", row->name,
                                row->reason);
        }
        if (rows->n_more > 0)
                log_event(LOG_ERR, MSG_ROW_UNREADABLE, NULL, "%zu more rows of the database cannot be read.",
                        rows->n_more);
}

/* Opens the database anew. On an error it is closed, and may be opened again. */
static int open_store(Batch *b, UnreadableRows *ret_rows, char **ret_problem) {
        const PolicyOptions *o = &b->options;
        int r;

        b->store = db_close(b->store);
        r = store_open(o->database, o->map_size, o->map_max, ret_problem, &b->store);
        r = r ?: store_load(b->store, answers_load, &b->answers, &b->pool, &b->meta, ret_rows, ret_problem);
        if (r < 0)
                b->store = db_close(b->store);
        return r;
}

int batch_load(Batch *b) {
        const char *dir = b->options.database->dir;
        _cleanup_free_ char *problem = NULL;
        UnreadableRows rows = {};
        int r;

        r = answers_reset(&b->answers);
        if (r < 0)
                return r;
        r = open_store(b, &rows, &problem);
        if (r == -EBUSY)
                log_error("Another policyd has the database in %s open.", dir);
        else if (r < 0)
                r = database_log_failure(dir, r, problem, way_back);
        if (r < 0)
                return r;
        log_rows(b, &rows);
        unreadable_rows_done(&b->unreadable);
        b->unreadable = rows;
        b->stored = b->meta;
        b->row_orders = 0;
        store_ops_done(&b->gone_jobs);
        return 0;
}

void batch_done(Batch *b) {
        free(b->caller);
        loop_timer_free(b->soon);
        loop_timer_free(b->linger);
        content_done(&b->now);
        answers_done(&b->answers);
        store_ops_done(&b->gone_jobs);
        unreadable_rows_done(&b->unreadable);
        pool_free(b->pool);
        db_close(b->store);
        *b = (Batch){};
}
