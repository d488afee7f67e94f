/*
 * Operations: what a VM's running job still has to do
 *
 * One for each VM at most, found by the VM. An operation is small and can always be made again from the job
 * and the VM's booking, which are on disk; so a restart, or a failed commit, continues the job instead of
 * losing it.
 */

#include "policyd/service/operations/operations.h"

#include "common/daemon/log.h"
#include "policyd/words/sentence.h"

int operations_init(Operations *ops, Batch *batch, Hosts *hosts) {
        *ops = (Operations){.batch = batch, .hosts = hosts, .of_vm = hashmap_new_uuid()};
        return ops->of_vm ? 0 : -ENOMEM;
}

static int operation_add(Operations *ops, OperationKind kind, const Vm *vm, const Job *j, Operation **ret) {
        Operation *op;
        int r;

        op = calloc(1, sizeof(*op));
        if (!op)
                return -ENOMEM;
        op->operations = ops;
        op->kind = kind;
        op->vm = vm->object.id;
        op->job = j->object.id;
        op->stage = _START_STAGE_INVALID;
        r = hashmap_put(ops->of_vm, &op->vm, op);
        if (r < 0) {
                free(op);
                return r;
        }
        *ret = op;
        return 0;
}

int operation_new(Operations *ops, OperationKind kind, Vm *vm, const Uuid *token, Operation **ret) {
        Job *j;
        int r;

        r = job_start(ops, operation_kind_to_string(kind), vm, token, &j);
        return r < 0 ? r : operation_add(ops, kind, vm, j, ret);
}

static Operation *operation_free(Operation *op) {
        if (!op)
                return NULL;
        hashmap_remove(op->operations->of_vm, &op->vm);
        loop_timer_free(op->timer);
        free(op->avoid);
        free(op);
        return NULL;
}

Operation *operation_of(const Operations *ops, const Vm *vm) {
        return hashmap_get(ops->of_vm, &vm->object.id);
}

Job *operation_job(const Operation *op) {
        return pool_get(op->operations->batch->pool, CLASS_JOB, &op->job);
}

const char *operation_done_to_vm(const Operation *op) {
        if (op->reboots)
                return "rebooted";
        return op->kind == OPERATION_START ? "started" : "shut down";
}

/* A start that is tried again, on this host or the next, returns to earlier stages; the progress that clients
 * see does not decrease. */
void operation_set_stage(Operation *op, const char *stage, double progress) {
        _cleanup_strbuf_ StrBuf b = {};
        Job *j = operation_job(op);
        Operations *ops = op->operations;

        if (op->reboots && progress > 0)
                progress = (progress + (op->kind == OPERATION_START)) / 2;
        if (j->first_try)
                strbuf_addf(&b, "second try: %s", stage);
        pool_set_job_state(ops->batch->pool, j, JOB_RUNNING,
                b.len > 0 && strbuf_error(&b) == 0 ? b.text : stage, MAX_OF(progress, j->progress),
                batch_date(ops->batch));
}

static void enter_stage(Operation *op, StartStage stage) {
        Batch *b = op->operations->batch;
        uint64_t now = loop_now(batch_loop(b), LOOP_MONOTONIC);

        if (op->kind != OPERATION_START || stage == op->stage)
                return;
        metrics_passed_stage(&b->metrics, op->stage, now - op->stage_since);
        op->stage = stage;
        op->stage_since = now;
}

void operation_progress(Operation *op, const char *stage, double progress) {
        enter_stage(op, start_stage_from_string(stage));
        operation_set_stage(op, stage, progress);
        batch_open(op->operations->batch);
}

void operation_finish(Operation *op, JobState state, ErrorCode code, const char *message) {
        Operations *ops;
        Job *j;

        if (!op)
                return;
        ops = op->operations;
        j = operation_job(op);
        enter_stage(op, _START_STAGE_INVALID);
        operation_free(op);
        job_finish(ops, j, state, code, message);
}

/* The timer runs while the host is not connected. */

static void on_timeout(void *userdata) {
        Operation *op = userdata;
        Operations *ops = op->operations;
        const Vm *vm = pool_get(ops->batch->pool, CLASS_VM, &op->vm);
        const Host *h = vm ? vm_host(vm) : NULL;
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *message = NULL;

        strbuf_addf(
                &b, "Host '%s' may have the order and has not been heard of since", h ? h->name_label : "?");
        if (h && !isempty(h->state_reason)) {
                strbuf_add(&b, " (");
                sentence_clause(&b, h->state_reason);
                strbuf_add(&b, ")");
        }
        strbuf_add(&b, ". The VM stays booked there until the host answers or is declared dead.");
        message = strbuf_take(&b);
        operation_finish(op, JOB_FAILED, ERROR_HOST_OFFLINE, strempty(message));
}

void operation_wait_for_host(Operation *op) {
        Batch *b = op ? op->operations->batch : NULL;
        int r;

        if (!op || loop_timer_is_armed(op->timer))
                return;
        r = loop_call_in(batch_loop(b), &op->timer, b->options.order_timeout_usec, on_timeout, op);
        if (r < 0)
                log_errno(r, "Failed to set the timer of a job, ignoring");
}

/* A host that reports the VM may not have the stop order yet; then only its answer to that order counts. */
void operation_heard(Operation *op) {
        if (op && (op->stop_stored || (op->kind == OPERATION_START && !operation_job(op)->cancel_requested)))
                loop_timer_stop(op->timer);
}

void operations_host_lost(Operations *ops, Host *h) {
        Operation *op;

        for (size_t i = 0; (op = hashmap_next(ops->of_vm, &i));) {
                const Vm *vm = pool_get(ops->batch->pool, CLASS_VM, &op->vm);

                if (vm && vm_host(vm) == h)
                        operation_wait_for_host(op);
        }
}

/* From disk */

static int restore(Operations *ops, Job *j) {
        OperationKind kind = operation_kind_from_string(j->phase ?: j->operation);
        Operation *op;
        const Host *h;
        Vm *vm = NULL;
        int r;

        if (j->n_objects > 0 && j->objects[0].class == CLASS_VM)
                vm = pool_get(ops->batch->pool, CLASS_VM, &j->objects[0].id);
        if (kind == _OPERATION_KIND_INVALID || kind == OPERATION_REBOOT || !vm || vm->booking == BOOKING_NONE || operation_of(ops, vm)) {
                job_finish(ops, j, JOB_FAILED, ERROR_INTERNAL_ERROR,
                        "policyd was restarted, and nothing was left of this operation.");
                return 0;
        }
        r = operation_add(ops, kind, vm, j, &op);
        if (r < 0)
                return r;
        op->reboots = j->phase != NULL;
        if (j->n_objects > 1 && j->objects[1].class == CLASS_HOST)
                op->only = j->objects[1].id;
        if (j->first_try && uuid_is_null(&op->only)) {
                op->avoid = calloc(1, sizeof(Uuid));
                if (!op->avoid)
                        return -ENOMEM;
                op->avoid[op->n_avoid++] = j->first_host;
        }
        h = vm_host(vm);
        if (!h || h->state != HOST_ONLINE)
                operation_wait_for_host(op);
        return 0;
}

void operations_clear(Operations *ops) {
        Operation *op;

        for (size_t i = 0; ops->of_vm && (op = hashmap_next(ops->of_vm, &i)); i = 0)
                operation_free(op);
}

int operations_restore(Operations *ops) {
        int r;

        for_each(Job, j, &ops->batch->pool->objects[CLASS_JOB]) {
                if (job_state_is_final(j->state))
                        continue;
                r = restore(ops, j);
                if (r < 0)
                        return r;
        }
        return 0;
}

void operations_done(Operations *ops) {
        operations_clear(ops);
        hashmap_free(ops->of_vm);
        free(ops->ended);
        *ops = (Operations){};
}
