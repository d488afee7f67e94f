/*
 * Jobs: the record of an operation that clients watch
 *
 * A finished job stays for an hour, the thousand that ended last at most, over restarts. Those that have ended
 * stand in p->ended in the order of their ends, so that the next to go is always the first. From the disk they go
 * later, many at once (batch.c).
 */

#include "policyd/service/internal.h"

int job_start(Policy *p, OperationKind kind, Vm *vm, const Uuid *token, Job **ret) {
        Uuid id;
        Job *j;
        int r;

        r = policy_new_uuid(p, &id);
        r = r ?: pool_add_job(p->pool, &id, 0, operation_kind_to_string(kind), &j);
        if (r < 0)
                return r;
        j->objects[0].class = CLASS_VM;
        j->objects[0].id = vm->object.id;
        j->n_objects = 1;
        j->token = *token;
        pool_set_job_state(p->pool, j, JOB_RUNNING, "booked", 0, policy_now(p));
        batch_open(p);
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
static int add_ended(Policy *p, Job *j) {
        size_t i = p->n_ended, size = p->ended_size ? 2 * p->ended_size : 64;
        Job **more;

        if (p->n_ended == p->ended_size) {
                more = reallocarray(p->ended, size, sizeof(Job *));
                if (!more)
                        return -ENOMEM;
                p->ended = more;
                p->ended_size = size;
        }
        for (; i > p->ended_first && p->ended[i - 1]->end_time == j->end_time; i--) {
                if (p->ended[i - 1]->object.key < j->object.key)
                        break;
                p->ended[i] = p->ended[i - 1];
        }
        p->ended[i] = j;
        p->n_ended++;
        return 0;
}

int jobs_index(Policy *p) {
        const PtrArray *jobs = &p->pool->objects[CLASS_JOB];
        int r = 0;

        p->n_ended = p->ended_first = 0;
        for (size_t i = 0; i < jobs->n && r == 0; i++)
                if (job_state_is_final(((Job *) jobs->items[i])->state))
                        r = add_ended(p, jobs->items[i]);
        if (p->n_ended > 0)
                qsort(p->ended, p->n_ended, sizeof(Job *), compare_ends);
        return r;
}

static Job *first_ended(const Policy *p) {
        return p->ended_first < p->n_ended ? p->ended[p->ended_first] : NULL;
}

static void remove_first_ended(Policy *p) {
        pool_remove(p->pool, &first_ended(p)->object);
        batch_open(p);
        /* The places of those that went are given back when they are as many as those that stay. */
        if (++p->ended_first * 2 < p->n_ended)
                return;
        p->n_ended -= p->ended_first;
        memmove(p->ended, p->ended + p->ended_first, p->n_ended * sizeof(Job *));
        p->ended_first = 0;
}

static bool too_many_ended(const Policy *p) {
        return p->n_ended - p->ended_first > p->options.jobs_max_finished;
}

static void jobs_trim(Policy *p) {
        while (too_many_ended(p))
                remove_first_ended(p);
}

void jobs_expire(Policy *p) {
        uint64_t now = policy_now(p);

        while (first_ended(p) && jobs_next_expiry(p) <= now)
                remove_first_ended(p);
}

uint64_t jobs_next_expiry(Policy *p) {
        const Job *first = first_ended(p);

        /* Read again after a crash or a failed commit. */
        if (too_many_ended(p))
                return 0;
        return first ? first->end_time + p->options.job_keep_usec : UINT64_MAX;
}

void job_finish(Policy *p, Job *j, JobState state, ErrorCode code, const char *message) {
        if (!j || job_state_is_final(j->state))
                return;
        batch_open(p);
        if (code != ERROR_NONE)
                (void) batch_poison(p, pool_set_job_error(p->pool, j, code, message));
        pool_set_job_state(p->pool, j, state, job_state_to_string(state), -1, policy_now(p));
        /* A job that cannot be noted here is kept until the next start, which is no harm. */
        (void) add_ended(p, j);
        jobs_trim(p);
        if (p->n_ended - p->ended_first == 1)
                policy_arm_expiry(p);
}

static int cancel_start(Policy *p, Operation *op, Job *j, Vm *vm, Refusal *refusal) {
        int r;

        if (vm->booking == BOOKING_RESERVED) {
                booking_release(p, vm);
                operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED,
                        "The start was cancelled before the order was sent.");
                return 0;
        }
        r = host_check_reachable(vm_host(vm), "cancelling the start", refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        j->cancel_requested = true;
        operation_progress(op, "cancelling", -1);
        pool_touch(p->pool, &j->object, 0, /* store= */ true);
        return stop_order(p, vm, /* force= */ true);
}

int jobs_cancel(Policy *p, Job *j, Refusal *refusal) {
        Operation *op = NULL;
        Vm *vm;

        vm = pool_get(p->pool, CLASS_VM, &j->objects[0].id);
        if (vm)
                op = operation_of(p, vm);
        if (job_state_is_final(j->state) || !op || !uuid_equal(&op->job, &j->object.id))
                return refusal_set(refusal, ERROR_NO_SUCH_OBJECT,
                        "Job %s has ended (%s); nothing is left to cancel.", UUID_TEXT(&j->object.id),
                        job_state_to_string(j->state));
        if (j->cancel_requested)
                return 0;

        switch (op->kind) {
        case OPERATION_START:
                return cancel_start(p, op, j, vm, refusal);
        case OPERATION_SHUTDOWN:
                operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED,
                        "policyd waits no longer for this shutdown; the guest was asked already and may "
                        "still end.");
                return 0;
        case OPERATION_HARD_SHUTDOWN:
        case _OPERATION_KIND_MAX:
        case _OPERATION_KIND_INVALID:
                break;
        }
        return refusal_set(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                "A hard shutdown cannot be cancelled: VM '%s' is being destroyed.", vm->name_label);
}
