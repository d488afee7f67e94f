/*
 * Stopping a VM
 *
 * The order goes out after the commit, under a token of its own; the job ends when the host says that the VM
 * halted. A stop order may be repeated: the host answers a token that it knows without doing it twice, so
 * after a lost link it is sent again, and a hard shutdown also whenever it is asked for again.
 */

#include "common/daemon/log.h"
#include "policyd/service/internal.h"

static void stop_send(Policy *p, const Uuid *vm_id, const Uuid *token);

static int check_stoppable(Policy *p, const Vm *vm, bool force, const Operation *op, Refusal *refusal) {
        bool stopping = op && op->kind != OPERATION_START;

        if (op && !force)
                return refusal_set(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "VM '%s' is being %s. Wait for that job%s or use a hard shutdown.", vm->name_label,
                        stopping ? "shut down" : "started",
                        op->kind == OPERATION_HARD_SHUTDOWN ? "," : ", cancel it,");
        if (vm->booking == BOOKING_NONE || (vm->booking != BOOKING_RESIDENT && !force))
                return refusal_set(refusal, ERROR_VM_BAD_POWER_STATE,
                        "VM '%s' is %s; only a running VM can be shut down.", vm->name_label,
                        vm->booking == BOOKING_NONE ? power_state_to_string(vm->power_state)
                                                    : "not running yet");
        return 0;
}

/* A start that was not sent yet is simply taken back, and there is nothing to shut down. */
static int withdraw_start(Policy *p, Vm *vm, Operation *op, Job **ret_job) {
        Operation *stop;
        int r;

        booking_release(p, vm);
        operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED,
                "A hard shutdown was asked for before the order was sent.");
        r = operation_new(p, OPERATION_HARD_SHUTDOWN, vm, &UUID_NULL, &stop);
        if (r < 0)
                return batch_poison(p, r);
        *ret_job = operation_job(stop);
        operation_finish(stop, JOB_DONE, ERROR_NONE, "");
        return 0;
}

int vms_shutdown(Policy *p, Vm *vm, bool force, Job **ret_job, Refusal *refusal) {
        Operation *op = operation_of(p, vm), *stop;
        int r;

        r = check_stoppable(p, vm, force, op, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = policy_check_limit(p, CLASS_JOB, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        if (op && vm->booking == BOOKING_RESERVED)
                return withdraw_start(p, vm, op, ret_job);
        r = host_check_reachable(vm_host(vm), "shutting the VM down", refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;

        /* Asked for again: the same job, and the same order once more, should the first be lost. */
        if (op && op->kind == OPERATION_HARD_SHUTDOWN) {
                *ret_job = operation_job(op);
                stop_resend(p, vm);
                return 0;
        }
        if (op)
                operation_finish(
                        op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED, "A hard shutdown took its place.");
        r = operation_new(p, force ? OPERATION_HARD_SHUTDOWN : OPERATION_SHUTDOWN, vm, &vm->token, &stop);
        if (r < 0)
                return batch_poison(p, r);
        *ret_job = operation_job(stop);
        return stop_order(p, vm, force);
}

int stop_order(Policy *p, Vm *vm, bool force) {
        int r;

        r = policy_new_uuid(p, &vm->stop_token);
        if (r < 0)
                return batch_poison(p, r);
        vm->order = ++p->meta.orders;
        pool_touch(p->pool, &vm->object, 0, /* store= */ true);
        return batch_then(p, stop_send, &vm->object.id, &vm->stop_token);
}

void stop_resend(Policy *p, Vm *vm) {
        (void) batch_then(p, stop_send, &vm->object.id, &vm->stop_token);
}

/* After the commit */

static void stop_replied(
        Policy *p, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        Vm *vm = pool_get(p->pool, CLASS_VM, &call->object);
        Operation *op = vm ? operation_of(p, vm) : NULL;

        if (p->closing || !vm || !uuid_equal(&vm->stop_token, &call->token))
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
                        if (op)
                                (void) operation_wait_for_host(op);
                        break;
                }
                peer_touch(call->peer);
                if (code == ERROR_NO_SUCH_OBJECT) {
                        peer_drop_reported(call->peer, &vm->object.id);
                        start_failed_on_host(p, vm, START_REFUSED, code, "The host says that the VM is not there.");
                } else if (op && op->kind == OPERATION_START) {
                        log_warning("Cancelling the start of VM %s was refused: %s", vm->name_label,
                                strempty(message));
                        operation_job(op)->cancel_requested = false;
                        operation_progress(op, "accepted", -1);
                } else if (op)
                        operation_finish(op, JOB_FAILED, code, strempty(message));
                break;
        case LINK_UNKNOWN:
                if (op)
                        (void) operation_wait_for_host(op);
                break;
        }
}

static void stop_send(Policy *p, const Uuid *vm_id, const Uuid *token) {
        Vm *vm = pool_get(p->pool, CLASS_VM, vm_id);
        Operation *op = vm ? operation_of(p, vm) : NULL;
        const Host *h = vm ? vm_host(vm) : NULL;
        Peer *peer = h ? peer_of(p, h) : NULL;
        _cleanup_free_ char *order = NULL;
        Call *call;
        int r;

        if (!op || !uuid_equal(&vm->stop_token, token))
                return;
        r = peer && peer->claimed && !p->stale ? 0 : -ENOTCONN;
        r = r ?: order_build_stop(peer, vm, /* force= */ op->kind != OPERATION_SHUTDOWN, &order);
        r = r ?: call_new(peer, stop_replied, vm_id, token, &call);
        if (r == 0) {
                r = p->links->stop_vm(peer->link, order, call_replied, call);
                if (r < 0)
                        call_free(call);
        }
        /* Whatever kept it from leaving: the next inventory of the host sends it again, or the job ends. */
        if (r < 0)
                (void) operation_wait_for_host(op);
}
