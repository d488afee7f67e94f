/*
 * Rebooting a VM: it is shut down, and then started where it was, under one job
 *
 * The job stores which half goes on (Job.phase), so that a restart continues with it. When the host says that
 * the VM halted, its booking is released and booked again in the same batch, on the same host and the same
 * PGPUs: nobody else can take its place in between, and nothing is decided anew, so that a host that was
 * disabled meanwhile reboots its VMs too. From then on the job is a start that named its host. If the host
 * comes back without the VM, that is its end as well, or the order to start it was lost; only a host that is
 * declared dead starts nothing.
 */

#include <stdio.h>

#include "policyd/service/base/limits.h"
#include "policyd/service/hosts/bookings.h"
#include "policyd/service/hosts/reconcile.h"
#include "policyd/service/operations/starts.h"

static int check_rebootable(const Vm *vm, bool force, const Operation *op, Refusal *refusal) {
        bool replaced = force && op && (op->kind == OPERATION_SHUTDOWN || (op->reboots && op->kind != OPERATION_START));

        if (op && !replaced)
                return refuse(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "VM '%s' is being %s. Wait for that job%s.", vm->name_label, operation_done_to_vm(op),
                        op->kind == OPERATION_HARD_SHUTDOWN ? "" : ", or cancel it");
        if (vm->booking != BOOKING_RESIDENT)
                return refuse(refusal, ERROR_VM_BAD_POWER_STATE, "VM '%s' is %s; only a running VM can be rebooted.",
                        vm->name_label,
                        vm->booking == BOOKING_NONE ? power_state_to_string(vm->power_state) : "not running yet");
        return 0;
}

static int set_phase(Operation *op, OperationKind kind) {
        Job *j = operation_job(op);

        op->kind = kind;
        pool_touch(op->operations->batch->pool, &j->object, 0, /* store= */ true);
        return MIN_OF(text_set(&j->phase, operation_kind_to_string(kind)), 0);
}

/* The host is the job's, as that of a start which names one. */
static int add_job(Operations *ops, Vm *vm, bool force, Operation **ret) {
        Operation *op;
        Job *j;
        int r;

        r = operation_new(ops, OPERATION_REBOOT, vm, &vm->token, &op);
        if (r < 0)
                return r;
        j = operation_job(op);
        op->reboots = true;
        op->only = vm_host(vm)->object.id;
        j->objects[j->n_objects++] = (JobObject){.class = CLASS_HOST, .id = op->only};
        *ret = op;
        return set_phase(op, force ? OPERATION_HARD_SHUTDOWN : OPERATION_SHUTDOWN);
}

int reboot_vm(Operations *ops, Vm *vm, bool force, Job **ret_job, Refusal *refusal) {
        Operation *op = operation_of(ops, vm);
        int r;

        r = check_rebootable(vm, force, op, refusal);
        r = r ?: check_limit(ops->batch, CLASS_JOB, 1, refusal);
        r = r ?: host_check_reachable(vm_host(vm), "rebooting the VM", refusal);
        if (r != 0)
                return r;
        /* Asked for again, as a hard shutdown may be. */
        if (op && op->reboots && op->kind == OPERATION_HARD_SHUTDOWN) {
                *ret_job = operation_job(op);
                stop_resend(ops, vm);
                return 0;
        }
        operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED, "A forced reboot took its place.");
        r = add_job(ops, vm, force, &op);
        if (r < 0)
                return batch_poison(ops->batch, r);
        *ret_job = operation_job(op);
        return stop_order(ops, vm, force);
}

/* The PGPUs that its VGPUs have; null where one has none, as of a VM that was taken over. */
static void note_places(const Vm *vm, Uuid *ret) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];
                const Pgpu *pgpu = v->resident_on ?: v->scheduled_on;

                ret[i] = pgpu ? pgpu->object.id : UUID_NULL;
        }
}

/* As a decision. 1; 0: a place is not known, or went with the booking, as that of a card that is gone. */
static int decide_places(const Operations *ops, const Vm *vm, Host *h, const Uuid *places, Allocation *ret) {
        *ret = (Allocation){.host = h, .n_hosts = 1, .counts[ERROR_NONE] = 1};
        ret->pgpus = calloc(vm->vgpus.n + 1, sizeof(*ret->pgpus));
        if (!ret->pgpus)
                return -ENOMEM;
        for (; ret->n_pgpus < vm->vgpus.n; ret->n_pgpus++) {
                ret->pgpus[ret->n_pgpus] = pool_get(ops->batch->pool, CLASS_PGPU, &places[ret->n_pgpus]);
                if (!ret->pgpus[ret->n_pgpus])
                        return 0;
        }
        return h != NULL;
}

/* The host never had the order to start it, as when policyd died before it was sent: once more, and then no more. */
static int note_lost_order(Operation *op, const Vm *vm) {
        Job *j = operation_job(op);

        if (asprintf(&j->first_try, "Host '%s' had no order to start VM '%s'.", vm_host(vm)->name_label, vm->name_label) < 0) {
                j->first_try = NULL;
                return -ENOMEM;
        }
        j->first_host = vm_host(vm)->object.id;
        return 0;
}

static bool may_go_on(const Operation *op) {
        const Job *j = op ? operation_job(op) : NULL;

        return op && op->reboots && (op->kind != OPERATION_START || (!j->first_try && !j->cancel_requested));
}

bool reboot_goes_on(Operations *ops, Vm *vm) {
        _cleanup_(allocation_done) Allocation place = {};
        Operation *op = operation_of(ops, vm);
        Uuid places[vm->vgpus.n + 1];
        Host *h = vm_host(vm);
        int r, placed;

        if (!may_go_on(op))
                return false;
        note_places(vm, places);
        r = op->kind == OPERATION_START ? note_lost_order(op, vm) : 0;
        booking_release(ops->hosts, vm);
        reconcile_stray(ops->hosts, vm);
        /* Another host may say that it runs the VM; then its word was taken, and the job has ended. */
        if (operation_of(ops, vm) != op)
                return true;
        op->stop_stored = false;
        placed = decide_places(ops, vm, h, places, &place);
        r = r < 0 || placed < 0 ? -ENOMEM : set_phase(op, OPERATION_START);
        r = r < 0 ? r : start_again(op, vm, /* reservation= */ NULL, placed > 0 ? &place : NULL);
        if (r == 0)
                operation_finish(op, JOB_FAILED, ERROR_HOST_OFFLINE,
                        "The VM is halted, and its host has no place for it any more. Start it.");
        (void) batch_poison(ops->batch, MIN_OF(r, 0));
        return true;
}
