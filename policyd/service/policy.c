/*
 * The Policy: assembly, start, rebuild
 *
 * policy_new() opens the database and reads the pool; policy_start() dials the hosts, and nothing is
 * commanded before the epoch is durable (epoch.c). policy_rebuild() is what a failed commit comes to: the
 * model is read from disk again, and hosts whose word was lost with the batch are asked again.
 */

#include "policyd/service/internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/daemon/database.h"
#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "protocol/names.h"

#define LABEL_MAX_BYTES 1024
#define TEXT_MAX_BYTES JSON_TEXT_MAX /* what the database gives back whole */

#define CLOCK_WAIT UINT64_C(60000000)
#define RETRY_MIN UINT64_C(1000000)
#define RETRY_MAX UINT64_C(30000000)

void policy_options_default(PolicyOptions *ret) {
        *ret = (PolicyOptions){
                .batch_max = 256,
                .linger_usec = 2000,
                .job_keep_usec = UINT64_C(3600000000),
                .jobs_max_finished = 1000,
                .limits =
                        {
                                [CLASS_HOST] = 10000,
                                [CLASS_PGPU] = 160000,
                                [CLASS_GPU_GROUP] = 10000,
                                [CLASS_VGPU_TYPE] = 10000,
                                [CLASS_VM] = 200000,
                                [CLASS_VGPU] = 500000,
                                [CLASS_RESERVATION] = 10000,
                                [CLASS_QUOTA] = 10000,
                                [CLASS_VM_GROUP] = 10000,
                                [CLASS_JOB] = 200000,
                        },
                .order_timeout_usec = UINT64_C(45000000),
                .place_last_usec = UINT64_C(600000000),
        };
}

uint64_t policy_now(Policy *p) {
        return loop_now(p->loop, LOOP_REALTIME);
}

int policy_new_uuid(Policy *p, Uuid *ret) {
        return loop_new_uuid(p->loop, ret);
}

Pool *policy_pool(Policy *p) {
        return p->pool;
}

uint64_t policy_epoch(const Policy *p) {
        return p->epoch;
}

/* What people call an object: never empty, and in one line. */
static int check_name(const char *what, const char *field, const char *text, Refusal *refusal) {
        char buf[TEXT_FAULT_MAX];
        const char *fault;

        if (isempty(text) || strlen(text) > LABEL_MAX_BYTES)
                return refusal_set(refusal, ERROR_INVALID_RECORD, "%s needs a %s of 1 to %d bytes.", what,
                        field, LABEL_MAX_BYTES);
        fault = text_fault(text, strlen(text), TEXT_LINE, buf);
        return fault ? refusal_set(refusal, ERROR_INVALID_RECORD, "%s cannot have this %s: it %s.", what, field, fault)
                     : 0;
}

int policy_check_label(const char *what, const char *label, Refusal *refusal) {
        return check_name(what, "name_label", label, refusal);
}

int policy_check_text(
        const char *what, const char *field, const char *text_or_null, TextForm form, Refusal *refusal) {
        const char *text = strempty(text_or_null), *fault;
        char buf[TEXT_FAULT_MAX];

        if (strlen(text) > TEXT_MAX_BYTES)
                return refusal_set(refusal, ERROR_INVALID_RECORD, "%s takes a %s of at most %d bytes, not %zu.",
                        what, field, TEXT_MAX_BYTES, strlen(text));
        fault = text_fault(text, strlen(text), form, buf);
        return fault ? refusal_set(refusal, ERROR_INVALID_RECORD, "%s cannot have this %s: it %s.", what, field, fault)
                     : 0;
}

int policy_check_owner(const char *owner, Refusal *refusal) {
        if (isempty(owner))
                return 0;
        if (streq(owner, OWNER_ANY))
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "\"" OWNER_ANY "\" is no owner: it stands for every owner in quotas. Give a name, or "
                        "none.");
        return check_name("An owner", "name", owner, refusal);
}

int policy_check_limit(Policy *p, ObjectClass c, size_t n, Refusal *refusal) {
        uint64_t limit = p->options.limits[c];

        if (p->pool->objects[c].n + n <= limit)
                return 0;
        return refusal_set(refusal, ERROR_LIMIT_REACHED,
                "The pool has %zu object%s of class %s, and %" PRIu64
                " is the most. Remove some, or raise limit_%s in policyd's settings.",
                p->pool->objects[c].n, PLURAL(p->pool->objects[c].n), object_class_to_string(c), limit,
                object_class_to_string(c));
}

/* Loading */

static const char way_back[] =
        "Nothing was changed, and guests run on. Put a backup in its place, or, to begin with an empty pool, "
        "move all that is in the folder away.";

static int load_pool(Policy *p) {
        _cleanup_free_ char *problem = NULL;
        UnreadableRows rows = {};
        int r;

        r = answers_reset(p);
        if (r < 0)
                return r;
        r = p->storage->load(p->storage, answers_load, p, &p->pool, &p->meta, &rows, &problem);
        if (r == -EBUSY)
                log_error("Another policyd has the database in %s open.", p->storage->dir);
        else if (r < 0)
                r = database_log_failure(p->storage->dir, r, problem, way_back);
        if (r < 0)
                return r;
        policy_log_rows(p, &rows);
        unreadable_rows_done(&p->unreadable);
        p->unreadable = rows;
        p->stored = p->meta;
        p->row_orders = 0;
        store_ops_done(&p->gone_jobs);
        return jobs_index(p);
}

/* A new pool gets its name, once. The commit happens at policy_start(), with the first epoch. */
static int name_pool(Policy *p) {
        if (!uuid_is_null(&p->meta.pool))
                return 0;
        return policy_new_uuid(p, &p->meta.pool);
}

int policy_new(const PolicyOptions *options, const PolicyListener *listener, void *userdata, Policy **ret) {
        _cleanup_(policy_freep) Policy *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->loop = options->loop;
        p->links = options->links;
        p->storage = options->storage;
        p->options = *options;
        p->listener = *listener;
        p->userdata = userdata;
        p->peers = hashmap_new_uuid();
        p->operations = hashmap_new_uuid();
        p->health = place_health_new(options->place_last_usec);
        if (!p->peers || !p->operations || !p->health)
                return -ENOMEM;

        r = policy_new_uuid(p, &p->instance);
        r = r ?: load_pool(p);
        r = r ?: name_pool(p);
        if (r >= 0)
                old_loaded(p);
        if (r == 0 && !policy_is_read_only(p))
                r = operations_restore(p);
        if (r < 0)
                return r;
        *ret = take_ptr(p);
        return 0;
}

Policy *policy_free(Policy *p) {
        Operation *op;
        Peer *peer;

        if (!p)
                return NULL;
        p->closing = true;
        batch_done(p);
        if (p->peers)
                for (size_t i = 0; (peer = hashmap_next(p->peers, &i)); i = 0)
                        peer_free(peer);
        if (p->operations)
                for (size_t i = 0; (op = hashmap_next(p->operations, &i)); i = 0)
                        operation_free(op);
        batch_done(p);
        answers_clear(p);
        hashmap_free(p->peers);
        hashmap_free(p->operations);
        loop_timer_free(p->gather_timer);
        loop_timer_free(p->gather_soon);
        loop_timer_free(p->retry_timer);
        loop_timer_free(p->expiry_timer);
        loop_timer_free(p->clock_timer);
        loop_timer_free(p->health_timer);
        free(p->troubled);
        place_health_free(p->health);
        free(p->ended);
        store_ops_done(&p->gone_jobs);
        unreadable_rows_done(&p->unreadable);
        pool_free(p->pool);
        p->storage->close(p->storage);
        free(p->status);
        free(p);
        return NULL;
}

int policy_start(Policy *p) {
        int r;

        if (policy_is_read_only(p)) {
                policy_report_status(p);
                return 0;
        }
        p->started = true;
        r = epoch_start(p);
        if (r < 0)
                return r;
        r = peers_sync(p);
        if (r < 0)
                return r;
        jobs_expire(p);
        reservations_expire(p);
        policy_arm_expiry(p);
        policy_report_status(p);
        return 0;
}

/* Expiry of finished jobs and of reservations: one timer for whichever comes first. */

static void on_expiry(void *userdata) {
        Policy *p = userdata;

        jobs_expire(p);
        reservations_expire(p);
        policy_arm_expiry(p);
}

/* Without a clock a timer of the clock's would ring at once, again and again; and where the clock is set back, it would ring as
 * much too late. */

static void on_clock_wait(void *userdata) {
        Policy *p = userdata;

        if (policy_now(p) > 0)
                reservations_expire(p);
        policy_arm_expiry(p);
}

void policy_arm_expiry(Policy *p) {
        uint64_t next = MIN_OF(jobs_next_expiry(p), reservations_next_expiry(p)), now = policy_now(p);
        int r = 0;

        if (!p->started || p->closing)
                return;
        /* What expired and could not be stored is still there: again, but not before the next retry. */
        if (next != LOOP_NEVER && p->retry_delay > 0)
                next = MAX_OF(next, now + p->retry_delay);
        if (next != LOOP_NEVER && (now == 0 || p->pool->objects[CLASS_RESERVATION].n > 0))
                r = loop_call_in(p->loop, &p->clock_timer, CLOCK_WAIT, on_clock_wait, p);
        if (now == 0)
                next = LOOP_NEVER;
        r = r ?: loop_call_at(p->loop, &p->expiry_timer, LOOP_REALTIME, next, on_expiry, p);
        if (r < 0)
                log_errno(r, "Failed to set the timer of jobs and reservations, ignoring");
}

/* Rebuilding */

/* Free memory, and which VMs are in it: too often told to be stored each time. */
static void carry_over_memory(Policy *p, Host *h, const Host *before, const Pool *old) {
        pool_set_host_memory(p->pool, h, before->memory_total, before->memory_free);
        for (size_t i = 0; i < h->vms.n; i++) {
                Vm *vm = h->vms.items[i];
                const Vm *was = pool_get(old, CLASS_VM, &vm->object.id);

                if (was && vm_host(was) == before)
                        vm->memory_counted = was->memory_counted;
        }
}

/* What is not stored but still true: how the hosts are connected, what they said that was lost with no batch,
 * and which PGPUs were seen. */
static void carry_over(Policy *p, const Pool *old) {
        const PtrArray *hosts = &p->pool->objects[CLASS_HOST], *pgpus = &p->pool->objects[CLASS_PGPU];
        Object *o, *next;

        for (size_t i = 0; i < hosts->n; i++) {
                Host *h = hosts->items[i], *before = pool_get(old, CLASS_HOST, &h->object.id);
                const Peer *peer = peer_of(p, h);

                if (!before)
                        continue;
                h->seq = before->seq;
                h->heard = before->heard;
                if (peer && peer->touched) {
                        pool_set_host_state(
                                p->pool, h, HOST_CONNECTING, "A commit failed; the host is asked again.");
                        continue;
                }
                pool_set_host_state(p->pool, h, before->state, before->state_reason);
                carry_over_memory(p, h, before, old);
        }
        for (size_t i = 0; i < pgpus->n; i++) {
                Pgpu *pgpu = pgpus->items[i], *before = pool_get(old, CLASS_PGPU, &pgpu->object.id);

                if (!before)
                        continue;
                free(pgpu->held_by);
                pgpu->held_by = take_ptr(before->held_by); /* the old pool is gone after this */
                free(pgpu->health_reason);
                pgpu->health_reason = take_ptr(before->health_reason);
                pgpu->health = before->health;
                pgpu->reported = before->reported;
                pool_set_pgpu_present(p->pool, pgpu, before->present);
        }
        for (o = pool_take_changes(p->pool); o; o = next) {
                next = o->next_changed;
                pool_forget(p->pool, o);
        }
}

static void on_retry(void *userdata) {
        Policy *p = userdata;
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(p->peers, &i));)
                if (peer->touched) {
                        peer->touched = false;
                        p->links->reset(peer->link, "A commit failed; the host is asked again.");
                }
        if (p->epoch == 0)
                (void) epoch_start(p);
        if (p->old_marked)
                batch_open(p);
}

/* With a growing delay: a full disk stays full for a while. */
static int arm_retry(Policy *p) {
        p->retry_delay = p->retry_delay ? MIN_OF(p->retry_delay * 2, RETRY_MAX) : RETRY_MIN;
        return loop_call_in(p->loop, &p->retry_timer, p->retry_delay, on_retry, p);
}

int policy_rebuild(Policy *p) {
        _cleanup_(pool_freep) Pool *old = take_ptr(p->pool);
        Uuid pool_id = p->meta.pool, stored = p->stored.pool;
        Operation *op;
        int r;

        for (size_t i = 0; (op = hashmap_next(p->operations, &i)); i = 0)
                operation_free(op);
        r = load_pool(p);
        /* Somebody moved the database away: an empty one is not ours. */
        if (r == 0 && !uuid_equal(&p->meta.pool, &stored))
                r = -ESTALE;
        if (r < 0) {
                pool_free(p->pool);
                /* The caller ends the daemon; until then readers find the last model. */
                p->pool = take_ptr(old);
                return r;
        }
        if (uuid_is_null(&p->meta.pool))
                p->meta.pool = pool_id;
        carry_over(p, old);
        old_rebuilt(p);
        places_refresh(p);
        r = outside_update_all(p);
        if (r < 0 || policy_is_read_only(p))
                return r;
        r = operations_restore(p);
        if (r < 0)
                return r;
        r = p->started ? peers_sync(p) : 0;
        if (r < 0)
                return r;
        r = arm_retry(p);
        policy_arm_expiry(p);
        return r;
}
