/*
 * Stopping a VM
 *
 * The order goes out after the commit, under a token of its own; the job ends when the host says that the VM
 * halted. A stop order may be repeated: the host answers a token that it knows without doing it twice, so
 * after a lost link it is sent again, and a hard shutdown also whenever it is asked for again.
 */

#include "policyd/service/base/limits.h"
#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/bookings.h"
#include "policyd/service/operations/orders.h"
#include "policyd/service/operations/starts.h"

static void stop_send(void *owner, const Uuid *vm_id, const Uuid *token);

static int check_stoppable(Operations *ops, const Vm *vm, bool force, const Operation *op, Refusal *refusal) {
        if (op && !force)
                return refuse(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "VM '%s' is being %s. Wait for that job%s or use a hard shutdown.", vm->name_label,
                        operation_done_to_vm(op), op->kind == OPERATION_HARD_SHUTDOWN ? "," : ", cancel it,");
        if (vm->booking == BOOKING_NONE || (vm->booking != BOOKING_RESIDENT && !force))
                return refuse(refusal, ERROR_VM_BAD_POWER_STATE,
                        "VM '%s' is %s; only a running VM can be shut down.", vm->name_label,
                        vm->booking == BOOKING_NONE ? power_state_to_string(vm->power_state)
                                                    : "not running yet");
        return 0;
}

/* A start that was not sent yet is simply taken back, and there is nothing to shut down. */
static int withdraw_start(Operations *ops, Vm *vm, Operation *op, Job **ret_job) {
        Operation *stop;
        int r;

        booking_release(ops->hosts, vm);
        operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED,
                "A hard shutdown was asked for before the order was sent.");
        r = operation_new(ops, OPERATION_HARD_SHUTDOWN, vm, &UUID_NULL, &stop);
        if (r < 0)
                return batch_poison(ops->batch, r);
        *ret_job = operation_job(stop);
        operation_finish(stop, JOB_DONE, ERROR_NONE, "");
        return 0;
}

int stop_order(Operations *ops, Vm *vm, bool force) {
        int r;

        r = batch_new_uuid(ops->batch, &vm->stop_token);
        if (r < 0)
                return batch_poison(ops->batch, r);
        vm->order = ++ops->batch->meta.orders;
        pool_touch(ops->batch->pool, &vm->object, 0, /* store= */ true);
        return batch_then(ops->batch, stop_send, ops, &vm->object.id, &vm->stop_token);
}

int stop_vm(Operations *ops, Vm *vm, bool force, Job **ret_job, Refusal *refusal) {
        Operation *op = operation_of(ops, vm), *stop;
        int r;

        r = check_stoppable(ops, vm, force, op, refusal);
        r = r ?: check_limit(ops->batch, CLASS_JOB, 1, refusal);
        if (r != 0)
                return r;
        if (op && vm->booking == BOOKING_RESERVED)
                return withdraw_start(ops, vm, op, ret_job);
        r = host_check_reachable(vm_host(vm), "shutting the VM down", refusal);
        if (r != 0)
                return r;

        /* Asked for again: the same job, and the same order once more, should the first be lost. */
        if (op && op->kind == OPERATION_HARD_SHUTDOWN && !op->reboots) {
                *ret_job = operation_job(op);
                stop_resend(ops, vm);
                return 0;
        }
        operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED, "A hard shutdown took its place.");
        r = operation_new(ops, force ? OPERATION_HARD_SHUTDOWN : OPERATION_SHUTDOWN, vm, &vm->token, &stop);
        if (r < 0)
                return batch_poison(ops->batch, r);
        *ret_job = operation_job(stop);
        return stop_order(ops, vm, force);
}

void stop_resend(Operations *ops, Vm *vm) {
        (void) batch_then(ops->batch, stop_send, ops, &vm->object.id, &vm->stop_token);
}

/* Cancelling: taken back before the order is sent, stopped by force after it. */

static int cancel_start(Operations *ops, Operation *op, Job *j, Vm *vm, Refusal *refusal) {
        int r;

        if (vm->booking == BOOKING_RESERVED) {
                booking_release(ops->hosts, vm);
                operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED,
                        "The start was cancelled before the order was sent.");
                return 0;
        }
        r = host_check_reachable(vm_host(vm), "cancelling the start", refusal);
        if (r != 0)
                return r;
        j->cancel_requested = true;
        operation_progress(op, "cancelling", -1);
        pool_touch(ops->batch->pool, &j->object, 0, /* store= */ true);
        return stop_order(ops, vm, /* force= */ true);
}

int cancel_job(Operations *ops, Job *j, Refusal *refusal) {
        Vm *vm = pool_get(ops->batch->pool, CLASS_VM, &j->objects[0].id);
        Operation *op = vm ? operation_of(ops, vm) : NULL;

        if (job_state_is_final(j->state) || !op || !uuid_equal(&op->job, &j->object.id))
                return refuse(refusal, ERROR_NO_SUCH_OBJECT,
                        "Job %s has ended (%s); nothing is left to cancel.", UUID_TEXT(&j->object.id),
                        job_state_to_string(j->state));
        if (j->cancel_requested)
                return 0;

        switch (op->kind) {
        case OPERATION_START:
                return cancel_start(ops, op, j, vm, refusal);
        case OPERATION_SHUTDOWN:
                operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED,
                        op->reboots ? "The reboot was cancelled; the guest was asked to power off already. If it does, it is "
                                      "not started again."
                                    : "policyd waits no longer for this shutdown; the guest was asked already and may "
                                      "still end.");
                return 0;
        case OPERATION_HARD_SHUTDOWN:
        case OPERATION_REBOOT:
        case _OPERATION_KIND_MAX:
        case _OPERATION_KIND_INVALID:
                break;
        }
        return refuse(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                "A hard shutdown cannot be cancelled: VM '%s' is being destroyed.", vm->name_label);
}

/* The start goes on, also after policyd or the link was away. */
static void withdraw_cancelling(Operations *ops, Vm *vm, Operation *op) {
        Job *j = operation_job(op);

        vm->stop_token = UUID_NULL;
        pool_touch(ops->batch->pool, &vm->object, 0, /* store= */ true);
        j->cancel_requested = false;
        pool_touch(ops->batch->pool, &j->object, 0, /* store= */ true);
        operation_progress(op, "accepted", -1);
}

/* After the commit */

static void stop_replied(
        void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        Operations *ops = owner;
        Vm *vm = pool_get(ops->batch->pool, CLASS_VM, &call->object);
        Operation *op = vm ? operation_of(ops, vm) : NULL;

        if (ops->batch->closing || !vm || !uuid_equal(&vm->stop_token, &call->token))
                return;
        switch (outcome) {
        case LINK_DONE:
                if (op) {
                        op->stop_stored = true;
                        operation_heard(op);
                        operation_progress(op, "stopping", 0.2);
                }
                break;
        case LINK_REFUSED:
                /* It never left: the host's next inventory sends it again. */
                if (code == ERROR_HOST_OFFLINE) {
                        operation_wait_for_host(op);
                        break;
                }
                peer_touch(call->peer);
                if (code == ERROR_NO_SUCH_OBJECT) {
                        peer_drop_reported(call->peer, &vm->object.id);
                        start_failed_on_host(
                                ops, vm, START_REFUSED, code, "The host says that the VM is not there.");
                } else if (op && op->kind == OPERATION_START) {
                        log_vm(LOG_WARNING, NULL, vm, vm_host(vm), "Cancelling the start of VM %s was refused: %s",
                                vm->name_label, strempty(message));
                        withdraw_cancelling(ops, vm, op);
                } else
                        operation_finish(op, JOB_FAILED, code, strempty(message));
                break;
        case LINK_UNKNOWN:
                operation_wait_for_host(op);
                break;
        }
}

static void stop_send(void *owner, const Uuid *vm_id, const Uuid *token) {
        Operations *ops = owner;
        Vm *vm = pool_get(ops->batch->pool, CLASS_VM, vm_id);
        Operation *op = vm ? operation_of(ops, vm) : NULL;
        const Host *h = vm ? vm_host(vm) : NULL;
        Peer *peer = h ? peer_of(ops->hosts, h) : NULL;
        _cleanup_free_ char *order = NULL;
        int r;

        if (!op || !uuid_equal(&vm->stop_token, token))
                return;
        r = peer_obeys(peer) ? 0 : -ENOTCONN;
        r = r ?: order_build_stop(peer, vm, /* force= */ op->kind != OPERATION_SHUTDOWN, &order);
        r = r ?: peer_send_order(peer, ops->hosts->links->stop_vm, order, stop_replied, ops, vm_id, token);
        /* Whatever kept it from leaving: the next inventory of the host sends it again, or the job ends. */
        if (r < 0)
                operation_wait_for_host(op);
}
