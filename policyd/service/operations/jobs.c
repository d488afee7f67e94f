/*
 * Jobs: the record of an operation that clients watch
 *
 * A finished job is kept for an hour, and at most the thousand that ended last are kept, also over restarts.
 * Finished jobs are in ops->ended in the order of their ends, so the next to be removed is always the first.
 * Their rows are deleted later, many at once (batch.c).
 */

#include "policyd/service/operations/operations.h"

#include "policyd/service/base/additions.h"

int job_start(Operations *ops, const char *operation, Vm *vm, const Uuid *token, Job **ret) {
        Uuid id;
        Job *j;
        int r;

        r = batch_new_uuid(ops->batch, &id);
        r = r ?: pool_add_job(ops->batch->pool, &id, 0, operation, &j);
        if (r < 0)
                return r;
        j->objects[0].class = CLASS_VM;
        j->objects[0].id = vm->object.id;
        j->n_objects = 1;
        j->token = *token;
        j->started_by = strdup(ops->batch->caller ?: "policyd");
        if (!j->started_by)
                return -ENOMEM;
        pool_set_job_state(ops->batch->pool, j, JOB_RUNNING, "booked", 0, batch_date(ops->batch));
        j->expected_end_time = durations_expect(ops, j);
        batch_open(ops->batch);
        *ret = j;
        return 0;
}

static int compare_ends(const void *a, const void *b) {
        const Job *x = *(Job *const *) a, *y = *(Job *const *) b;

        if (x->end_time != y->end_time)
                return x->end_time < y->end_time ? -1 : 1;
        return x->object.key < y->object.key ? -1 : x->object.key > y->object.key;
}

/* Of those that ended at one time the older goes first, as it would when all are read again. */
static int add_ended(Operations *ops, Job *j) {
        size_t i = ops->n_ended, size = ops->ended_size ? 2 * ops->ended_size : 64;
        Job **more;

        if (ops->n_ended == ops->ended_size) {
                more = reallocarray(ops->ended, size, sizeof(Job *));
                if (!more)
                        return -ENOMEM;
                ops->ended = more;
                ops->ended_size = size;
        }
        for (; i > ops->ended_first && ops->ended[i - 1]->end_time == j->end_time; i--) {
                if (ops->ended[i - 1]->object.key < j->object.key)
                        break;
                ops->ended[i] = ops->ended[i - 1];
        }
        ops->ended[i] = j;
        ops->n_ended++;
        return 0;
}

int job_set_started_by(Operations *ops, const Uuid *id, const char *who) {
        Job *j = pool_get(ops->batch->pool, CLASS_JOB, id);
        const TextChange change = {j ? &j->started_by : NULL, who, JOB_STARTED_BY};

        return j ? object_set_texts(ops->batch, &j->object, &change, 1) : 0;
}

int jobs_index(Operations *ops) {
        const PtrArray *jobs = &ops->batch->pool->objects[CLASS_JOB];
        int r = 0;

        ops->n_ended = ops->ended_first = 0;
        for (size_t i = 0; i < jobs->n && r == 0; i++)
                if (job_state_is_final(((Job *) jobs->items[i])->state))
                        r = add_ended(ops, jobs->items[i]);
        if (ops->n_ended > 0)
                qsort(ops->ended, ops->n_ended, sizeof(Job *), compare_ends);
        durations_forget(ops);
        for (size_t i = 0; i < ops->n_ended; i++)
                durations_learn(ops, ops->ended[i]);
        return r;
}

static Job *first_ended(const Operations *ops) {
        return ops->ended_first < ops->n_ended ? ops->ended[ops->ended_first] : NULL;
}

static void remove_first_ended(Operations *ops) {
        pool_remove(ops->batch->pool, &first_ended(ops)->object);
        batch_open(ops->batch);
        /* The room of removed jobs is freed when they are as many as the jobs that are left. */
        if (++ops->ended_first * 2 < ops->n_ended)
                return;
        ops->n_ended -= ops->ended_first;
        memmove(ops->ended, ops->ended + ops->ended_first, ops->n_ended * sizeof(Job *));
        ops->ended_first = 0;
}

static bool too_many_ended(const Operations *ops) {
        return ops->n_ended - ops->ended_first > ops->batch->options.jobs_max_finished;
}

static void jobs_trim(Operations *ops) {
        while (too_many_ended(ops))
                remove_first_ended(ops);
}

void jobs_expire(Operations *ops) {
        uint64_t now = batch_date(ops->batch);

        while (first_ended(ops) && jobs_next_expiry(ops) <= now)
                remove_first_ended(ops);
}

uint64_t jobs_next_expiry(const Operations *ops) {
        const Job *first = first_ended(ops);

        /* Read again after a crash or a failed commit. */
        if (too_many_ended(ops))
                return 0;
        return first ? first->end_time + ops->batch->options.job_keep_usec : UINT64_MAX;
}

void job_finish(Operations *ops, Job *j, JobState state, ErrorCode code, const char *message) {
        OperationKind kind = j ? operation_kind_from_string(j->operation) : _OPERATION_KIND_INVALID;

        if (!j || job_state_is_final(j->state))
                return;
        batch_open(ops->batch);
        if (kind >= 0)
                ops->batch->metrics.ended[kind][state]++;
        if (code != ERROR_NONE)
                (void) batch_poison(ops->batch, pool_set_job_error(ops->batch->pool, j, code, message));
        pool_set_job_state(
                ops->batch->pool, j, state, job_state_to_string(state), -1, batch_date(ops->batch));
        durations_learn(ops, j);
        /* A job that cannot be noted here is kept until the next start, which is no harm. */
        (void) add_ended(ops, j);
        jobs_trim(ops);
}
