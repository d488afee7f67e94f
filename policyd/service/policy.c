/*
 * The Policy: assembly, start, rebuild
 *
 * policy_new() opens the database and reads the pool; policy_start() dials the hosts, and nothing is
 * commanded before the epoch is durable (epoch.c). What a commit leads to stands here too: after a failed one
 * the model is read from disk again, and hosts whose reports were lost with the batch are asked again.
 */

#include "policyd/service/objects/policy-private.h"

#include "policyd/service/base/object-log.h"
#include "policyd/service/base/rows.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/service/hosts/host-links.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/places.h"
#include "policyd/service/operations/starts.h"
#include "policyd/store/backup.h"

#define CLOCK_WAIT UINT64_C(60000000)
#define RETRY_MIN UINT64_C(1000000)
#define RETRY_MAX UINT64_C(30000000)

Pool *policy_pool(Policy *p) {
        return p->batch.pool;
}

uint64_t policy_epoch(const Policy *p) {
        return p->hosts.epoch;
}

const Uuid *policy_pool_id(const Policy *p) {
        return &p->batch.meta.pool;
}

int policy_old_database(const Policy *p, char **ret) {
        return old_describe(&p->hosts, ret);
}

int policy_flush(Policy *p) {
        return batch_commit(&p->batch);
}

int policy_when_committed(Policy *p, PolicyCommitted done, void *userdata) {
        return batch_when_committed(&p->batch, done, userdata);
}

int policy_set_caller(Policy *p, const char *who) {
        free(take_ptr(p->batch.caller));
        p->batch.caller = who ? strdup(who) : NULL;
        return who && !p->batch.caller ? -ENOMEM : 0;
}

int policy_set_job_started_by(Policy *p, const Uuid *job, const char *who) {
        return job_set_started_by(&p->operations, job, who);
}

int policy_idempotency_find(Policy *p, uint32_t uid, const char *method, const char *key,
        const char *arguments, char **ret_path, Refusal *refusal) {
        return answers_find(&p->batch.answers, &(AnswerKey){uid, method, key, arguments}, ret_path, refusal);
}

int policy_idempotency_record(Policy *p, uint32_t uid, const char *method, const char *key,
        const char *arguments, const char *path, const Object *owner) {
        batch_open(&p->batch);
        return batch_poison(
                &p->batch, answers_record(&p->batch.answers, &(AnswerKey){uid, method, key, arguments}, path,
                                   owner, &p->batch.now.extra));
}

static void note_status(const Policy *p) {
        if (p->listener.status)
                p->listener.status(p->userdata);
}

/* Expiry of finished jobs and of reservations: one timer for whichever comes first. */

static void arm_expiry(Policy *p);

static void on_expiry(void *userdata) {
        Policy *p = userdata;

        jobs_expire(&p->operations);
        reservations_expire(p);
        arm_expiry(p);
}

/* While the clock is not set, a timer of the clock would fire at once, again and again; if the clock was set back, it would
 * fire too late by as much. */

static void on_clock_wait(void *userdata) {
        Policy *p = userdata;

        if (batch_date(&p->batch) > 0)
                reservations_expire(p);
        arm_expiry(p);
}

static void arm_expiry(Policy *p) {
        uint64_t next = MIN_OF(jobs_next_expiry(&p->operations), reservations_next_expiry(p)),
                 now = batch_date(&p->batch);
        int r = 0;

        if (!p->started || p->batch.closing)
                return;
        /* What expired and could not be stored is still there: again, but not before the next retry. */
        if (next != LOOP_NEVER && p->retry_delay > 0)
                next = MAX_OF(next, now + p->retry_delay);
        if (next != LOOP_NEVER && !loop_timer_is_armed(p->clock_timer) &&
                (now == 0 || p->batch.pool->objects[CLASS_RESERVATION].n > 0))
                r = loop_call_in(batch_loop(&p->batch), &p->clock_timer, CLOCK_WAIT, on_clock_wait, p);
        if (now == 0)
                next = LOOP_NEVER;
        r = r ?: loop_call_at(batch_loop(&p->batch), &p->expiry_timer, LOOP_REALTIME, next, on_expiry, p);
        if (r < 0)
                log_errno(r, "Failed to set the timer of jobs and reservations, ignoring");
}

void policy_set_limits(Policy *p, const PolicyOptions *options) {
        PolicyOptions *o = &p->batch.options;

        o->batch_max = options->batch_max;
        o->job_keep_usec = options->job_keep_usec;
        o->jobs_max_finished = options->jobs_max_finished;
        o->order_timeout_usec = options->order_timeout_usec;
        o->place_last_usec = options->place_last_usec;
        memcpy(o->limits, options->limits, sizeof(o->limits));
        arm_expiry(p);
}

/* After a commit */

static void on_stored(void *userdata) {
        Policy *p = userdata;
        Peer *peer;

        p->retry_delay = 0;
        old_stored(&p->hosts);
        for (size_t i = 0; (peer = hashmap_next(p->hosts.peers, &i));)
                peer->touched = false;
}

/* policy_describe() may say something else. */
static bool changes_status(const Object *o) {
        switch (o->class) {
        case CLASS_HOST:
        case CLASS_PGPU:
        case CLASS_GPU_GROUP:
        case CLASS_VGPU:
        case CLASS_RESERVATION:
                return true;
        default:
                return false;
        }
}

static void announce(const Policy *p, const Object *o) {
        const PolicyListener *l = &p->listener;
        Job *j = o->class == CLASS_JOB ? CONTAINER_OF(o, Job, object) : NULL;

        /* An object that was made and removed within one batch is not announced, except a job, whose path is in a reply. */
        if (o->is_new && o->removed && !j)
                return;
        if (j && o->is_new && l->job_new)
                l->job_new(j, p->userdata);
        if (l->changed)
                l->changed(o, p->userdata);
        if (j && (o->changed & JOB_STATE || o->is_new) && job_state_is_final(j->state) && l->job_removed)
                l->job_removed(j, job_state_to_string(j->state), p->userdata);
}

static void on_changed(Object *changes, void *userdata) {
        bool status = false, expiry = false;
        Policy *p = userdata;
        Object *next;

        for (Object *o = changes; o; o = o->next_changed) {
                status |= changes_status(o);
                expiry |= o->class == CLASS_JOB || o->class == CLASS_RESERVATION;
                announce(p, o);
        }
        if (status)
                note_status(p);
        for (Object *o = changes; o; o = next) {
                next = o->next_changed;
                pool_forget(p->batch.pool, o);
        }
        if (expiry)
                arm_expiry(p);
}

/* After a commit that failed */

/* Hosts report their free memory, and which VMs it counts, too often for it to be stored each time. */
static void carry_over_memory(Policy *p, Host *h, const Host *before, const Pool *old) {
        pool_set_host_memory(p->batch.pool, h, before->memory_total, before->memory_free);
        for_each(Vm, vm, &h->vms) {
                const Vm *was = pool_get(old, CLASS_VM, &vm->object.id);

                if (was && vm_host(was) == before)
                        vm->memory_counted = was->memory_counted;
        }
}

/* Another batch may be committed before these hosts are asked, and it does not bring back what was lost. */
static void note_lost_reports(Hosts *hs) {
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));) {
                peer->ask_again |= peer->touched;
                peer->touched = false;
        }
}

/* A commit that failed may have been written all the same. Its orders were not sent, which the reports of their hosts show. */
static void note_unsent_orders(Policy *p, uint64_t last_before) {
        for_each(const Vm, vm, &p->batch.pool->objects[CLASS_VM]) {
                const Host *h = vm_host(vm);
                Peer *peer = h && vm->order > last_before ? peer_of(&p->hosts, h) : NULL;

                if (peer)
                        peer->ask_again = true;
        }
}

static bool was_removed(const Pool *old, const Uuid *id) {
        for_each(const Object, o, &old->removed)
                if (uuid_equal(&o->id, id))
                        return true;
        return false;
}

/* How far they came is not stored. The rows of those that left the pool before this batch are deleted later (batch.c). */
static int carry_over_jobs(Policy *p, const Pool *old) {
        const PtrArray *jobs = &p->batch.pool->objects[CLASS_JOB];
        int r = 0;

        for (size_t i = jobs->n; r == 0 && i-- > 0;) {
                Job *j = jobs->items[i], *before = pool_get(old, CLASS_JOB, &j->object.id);

                if (before && !job_state_is_final(j->state))
                        j->progress = MAX_OF(j->progress, before->progress);
                if (before || was_removed(old, &j->object.id))
                        continue;
                r = store_ops_del_object(&p->batch.gone_jobs, &j->object);
                pool_remove(p->batch.pool, &j->object);
        }
        return r;
}

/* Keeps what is true and not stored: how the hosts are connected, what they reported outside of batches, which
 * PGPUs were seen, and how far jobs came. */
static int carry_over(Policy *p, const Pool *old) {
        const PtrArray *hosts = &p->batch.pool->objects[CLASS_HOST],
                       *pgpus = &p->batch.pool->objects[CLASS_PGPU];
        Object *o, *next;
        int r;

        for (size_t i = 0; i < hosts->n; i++) {
                Host *h = hosts->items[i], *before = pool_get(old, CLASS_HOST, &h->object.id);
                Peer *peer = peer_of(&p->hosts, h);

                if (before) {
                        h->seq = before->seq;
                        h->heard = before->heard;
                } else if (peer) /* its removal failed; how it is connected went with it */
                        peer->ask_again = true;
                if (peer && peer->ask_again) {
                        pool_set_host_state(p->batch.pool, h, HOST_CONNECTING,
                                "A commit failed; the host is asked again.");
                        continue;
                }
                if (!before)
                        continue;
                pool_set_host_state(p->batch.pool, h, before->state, before->state_reason);
                carry_over_memory(p, h, before, old);
        }
        for (size_t i = 0; i < pgpus->n; i++) {
                Pgpu *pgpu = pgpus->items[i], *before = pool_get(old, CLASS_PGPU, &pgpu->object.id);

                if (!before)
                        continue;
                if (text_set(&pgpu->held_by, before->held_by) < 0 ||
                        text_set(&pgpu->health_reason, before->health_reason) < 0)
                        return -ENOMEM;
                pgpu->health = before->health;
                pgpu->reported = before->reported;
                pool_set_pgpu_suspects(p->batch.pool, pgpu, before->n_suspect);
                pool_set_pgpu_present(p->batch.pool, pgpu, before->present);
        }
        r = carry_over_jobs(p, old);
        for (o = pool_take_changes(p->batch.pool); o; o = next) {
                next = o->next_changed;
                pool_forget(p->batch.pool, o);
        }
        return r;
}

/*
 * What clients were told may not hold any more: what is not stored, and what the failed batch had changed before. It is announced with
 * the next commit. gave_up: no batch has failed; what was not in the pool could not be read, and is new to clients.
 */
static void note_differences(Policy *p, const Pool *old, bool gave_up) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for_each(Object, o, &p->batch.pool->objects[c]) {
                        const Object *before = pool_get(old, c, &o->id);
                        /* One that is gone was removed by the failed batch; the end of a job was announced before. */
                        uint64_t bits = before                    ? property_differences(before, o) | before->changed :
                                c == CLASS_JOB && !gave_up ? 0 :
                                                 property_differences(NULL, o);

                        bool is_new = bits && (before ? before->is_new : gave_up);

                        /* Its row may still name what was given up. */
                        if (bits)
                                pool_touch(p->batch.pool, o, bits, /* store= */ is_new);
                        o->is_new |= is_new;
                }
}

static void on_retry(void *userdata) {
        Policy *p = userdata;
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(p->hosts.peers, &i));)
                if (peer->ask_again) {
                        peer->ask_again = false;
                        p->hosts.links->reset(peer->link, "A commit failed; the host is asked again.");
                }
        if (p->hosts.epoch == 0)
                (void) epoch_start(&p->hosts);
        if (p->hosts.old_marked)
                batch_open(&p->batch);
        (void) batch_open_if_changed(&p->batch, 0);
}

/* With a growing delay: a full disk stays full for a while. */
static int arm_retry(Policy *p) {
        p->retry_delay = p->retry_delay ? MIN_OF(p->retry_delay * 2, RETRY_MAX) : RETRY_MIN;
        return loop_call_in(batch_loop(&p->batch), &p->retry_timer, p->retry_delay, on_retry, p);
}

/* Builds again what refers to the pool. */
static int rebuild_rest(Policy *p) {
        int r;

        r = jobs_index(&p->operations);
        if (r < 0)
                return r;
        old_rebuilt(&p->hosts);
        places_refresh(&p->hosts);
        r = outside_update_all(&p->hosts);
        if (r < 0 || rows_block(&p->batch))
                return r;
        r = operations_restore(&p->operations);
        if (r == 0 && p->started)
                r = peers_sync(&p->hosts);
        r = r ?: arm_retry(p);
        arm_expiry(p);
        return r;
}

static int rebuild(Policy *p, bool gave_up) {
        Batch *b = &p->batch;
        _cleanup_(pool_freep) Pool *old = take_ptr(b->pool);
        Uuid pool_id = b->meta.pool, stored = b->stored.pool;
        uint64_t orders = b->stored.orders;
        int r;

        operations_clear(&p->operations);
        r = batch_load(b);
        /* The database was moved away: an empty one is not that of our pool. */
        if (r == 0 && !uuid_equal(&b->meta.pool, &stored))
                r = -ESTALE;
        if (r < 0) {
                pool_free(b->pool);
                /* The caller ends the daemon; until then readers find the last model. */
                b->pool = take_ptr(old);
                return r;
        }
        if (uuid_is_null(&b->meta.pool))
                b->meta.pool = pool_id;
        note_lost_reports(&p->hosts);
        note_unsent_orders(p, orders);
        r = carry_over(p, old);
        r = r ?: rebuild_rest(p);
        if (r == 0)
                note_differences(p, old, gave_up);
        return r;
}

static int on_failed(void *userdata) {
        return rebuild(userdata, /* gave_up= */ false);
}

static void on_rebuilt(void *userdata) {
        Policy *p = userdata;

        if (p->listener.rebuilt)
                p->listener.rebuilt(p->userdata);
}

/* Rows of the database that cannot be read */

bool policy_is_read_only(const Policy *p) {
        return rows_block(&p->batch);
}

char *policy_describe_read_only(const Policy *p) {
        return rows_describe_block(&p->batch);
}

int policy_unreadable_rows(const Policy *p, bool aside, char ***ret) {
        return rows_list(&p->batch, aside, ret);
}

/* The model is read again, and perhaps it can be worked with now. */
int policy_remove_row(Policy *p, const char *name, Refusal *refusal) {
        bool was_read_only = policy_is_read_only(p);
        int r;

        (void) policy_flush(p);
        r = rows_remove(&p->batch, name, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = rebuild(p, /* gave_up= */ true);
        if (r < 0)
                return r;
        on_rebuilt(p);
        return was_read_only && !policy_is_read_only(p) ? policy_start(p) : 0;
}

/* Backups */

int policy_write_backup(Policy *p, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return store_backup(p->batch.options.database->dir, now, fd, progress, ret_bytes);
}

void policy_backup_ended(Policy *p) {
        if (p->batch.store)
                db_forget_readers(p->batch.store);
}

/* The whole */

static void on_stale(const char *message, void *userdata) {
        const Policy *p = CONTAINER_OF(userdata, Policy, operations);

        if (p->listener.stale)
                p->listener.stale(message, p->userdata);
}

static int load(Policy *p) {
        int r;

        r = batch_load(&p->batch);
        r = r ?: jobs_index(&p->operations);
        if (r < 0)
                return r;
        /* A new pool gets its name, once. The commit happens with the first epoch. */
        if (uuid_is_null(&p->batch.meta.pool))
                r = batch_new_uuid(&p->batch, &p->batch.meta.pool);
        if (r < 0)
                return r;
        old_loaded(&p->hosts);
        return policy_is_read_only(p) ? 0 : operations_restore(&p->operations);
}

int policy_new(const PolicyOptions *options, const PolicyListener *listener, void *userdata, Policy **ret) {
        static const BatchOwner owner = {
                .stored = on_stored,
                .failed = on_failed,
                .changed = on_changed,
                .rebuilt = on_rebuilt,
        };
        _cleanup_(policy_freep) Policy *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->listener = *listener;
        p->userdata = userdata;
        p->batch.options = *options;
        p->batch.owner = &owner;
        p->batch.userdata = p;
        p->hosts_listener = operations_of_hosts;
        p->hosts_listener.stale = on_stale;
        r = operations_init(&p->operations, &p->batch, &p->hosts);
        r = r ?: hosts_init(&p->hosts, &p->batch, &p->hosts_listener, &p->operations);
        r = r ?: load(p);
        if (r < 0)
                return r;
        *ret = take_ptr(p);
        return 0;
}

static void commit_at_end(Policy *p) {
        if (p->batch.pool)
                (void) batch_commit(&p->batch);
}

/* The open batch is still committed, so that its callers are answered; so is one that closing the hosts opens. */
Policy *policy_free(Policy *p) {
        if (!p)
                return NULL;
        p->batch.closing = true;
        commit_at_end(p);
        hosts_done(&p->hosts);
        commit_at_end(p);
        operations_done(&p->operations);
        batch_done(&p->batch);
        loop_timer_free(p->retry_timer);
        loop_timer_free(p->expiry_timer);
        loop_timer_free(p->clock_timer);
        free(p);
        return NULL;
}

int policy_start(Policy *p) {
        int r;

        note_status(p);
        if (policy_is_read_only(p))
                return 0;
        p->started = true;
        r = epoch_start(&p->hosts);
        r = r ?: peers_sync(&p->hosts);
        if (r < 0)
                return r;
        jobs_expire(&p->operations);
        reservations_expire(p);
        arm_expiry(p);
        return 0;
}
