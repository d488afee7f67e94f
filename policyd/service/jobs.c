/*
 * Jobs: the record of an operation that clients watch
 *
 * A finished job stays for an hour, the thousand that ended last at most, over restarts.
 */

#include "policyd/service/internal.h"

int job_start(Policy *p, OperationKind kind, Vm *vm, const Uuid *token, Job **ret) {
        Uuid id;
        Job *j;
        int r;

        r = policy_new_uuid(&id);
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

void job_finish(Policy *p, Job *j, JobState state, ErrorCode code, const char *message) {
        if (!j || job_state_is_final(j->state))
                return;
        batch_open(p);
        if (code != ERROR_NONE)
                (void) batch_poison(p, pool_set_job_error(p->pool, j, code, message));
        pool_set_job_state(p->pool, j, state, job_state_to_string(state), -1, policy_now(p));
        p->n_finished_jobs++;
        if (p->n_finished_jobs > p->options.jobs_max_finished)
                jobs_trim(p);
        if (p->n_finished_jobs == 1)
                policy_arm_expiry(p);
}

/* The one that ended first; they stand in order of their creation. NULL when none has ended. */
static Job *first_ended(Policy *p) {
        const PtrArray *jobs = &p->pool->objects[CLASS_JOB];
        Job *first = NULL;

        for (size_t i = 0; i < jobs->n; i++) {
                Job *j = jobs->items[i];

                if (job_state_is_final(j->state) && (!first || j->end_time < first->end_time))
                        first = j;
        }
        return first;
}

static void remove_job(Policy *p, Job *j) {
        pool_remove(p->pool, &j->object);
        p->n_finished_jobs--;
        batch_open(p);
}

void jobs_trim(Policy *p) {
        const PtrArray *jobs = &p->pool->objects[CLASS_JOB];
        uint64_t now = policy_now(p);

        for (size_t i = jobs->n; i > 0; i--) {
                Job *j = jobs->items[i - 1];

                if (job_state_is_final(j->state) && j->end_time + p->options.job_keep_usec <= now)
                        remove_job(p, j);
        }
        while (p->n_finished_jobs > p->options.jobs_max_finished)
                remove_job(p, first_ended(p));
}

uint64_t jobs_next_expiry(Policy *p) {
        const PtrArray *jobs = &p->pool->objects[CLASS_JOB];
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < jobs->n; i++) {
                const Job *j = jobs->items[i];

                if (job_state_is_final(j->state))
                        next = MIN_OF(next, j->end_time + p->options.job_keep_usec);
        }
        return next;
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
