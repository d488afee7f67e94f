/*
 * What the events of hosts lead to: jobs continue, end, or become useless
 *
 * The bookings were changed before these functions are called: a VM that runs is booked as running.
 */

#include "policyd/service/operations/starts.h"

#include <stdio.h>

#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/places.h"

static char *halt_message(const VmEvent *event) {
        char *text;

        if (!isempty(event->error_message))
                return strdup(event->error_message);
        return asprintf(&text, "The VM ended: %s.",
                       isempty(event->reason) ? "no reason given" : event->reason) < 0
                       ? NULL
                       : text;
}

static void vm_halted(Operations *ops, Vm *vm, Host *h, const VmEvent *event) {
        Operation *op = operation_of(ops, vm);
        ErrorCode code = ERROR_NONE;
        _cleanup_free_ char *text = NULL;
        const char *message;

        if (event->error_name) {
                code = error_code_from_name(event->error_name);
                if (code == _ERROR_INVALID || code == ERROR_NONE)
                        code = ERROR_DOMAIN_FAILED;
        }
        text = halt_message(event);
        message = text ?: "The VM ended.";
        if (op && op->kind == OPERATION_START) {
                start_failed_on_host(ops, vm,
                        event->before_unpause && event->error_name ? START_BEFORE_UNPAUSE
                                                                   : START_MAY_HAVE_RUN,
                        code == ERROR_NONE ? ERROR_DOMAIN_FAILED : code, message);
                return;
        }

        if (code == ERROR_NONE)
                log_vm(LOG_INFO, MSG_VM_HALTED, vm, h, "VM %s halted on host %s: %s.", vm->name_label,
                        h->name_label, isempty(event->reason) ? "no reason given" : event->reason);
        else
                log_vm_failed(code, vm, h, "VM %s failed on host %s. %s", vm->name_label, h->name_label, message);
        if (!reboot_goes_on(ops, vm))
                (void) vm_release(ops, vm, /* has_another= */ false);
}

static void vm_runs(Operations *ops, Vm *vm) {
        Operation *op = operation_of(ops, vm);

        if (!op || op->kind != OPERATION_START)
                return;
        places_started(ops->hosts, vm);
        if (!operation_job(op)->cancel_requested)
                operation_finish(op, JOB_DONE, ERROR_NONE, "");
}

static bool on_vm_mentioned(Vm *vm, void *userdata) {
        operation_heard(operation_of(userdata, vm));
        return operation_of(userdata, vm);
}

static void on_vm_event(Vm *vm, Host *h, const VmEvent *event, void *userdata) {
        Operations *ops = userdata;
        Operation *op = operation_of(ops, vm);

        operation_heard(op);
        switch (event->state) {
        case VM_STATE_STARTING:
                if (op && op->kind == OPERATION_START && !operation_job(op)->cancel_requested)
                        operation_progress(op, event->stage, MAX_OF(0.1, MIN_OF(event->progress, 0.99)));
                break;
        case VM_STATE_RUNNING:
        case VM_STATE_PAUSED:
                vm_runs(ops, vm);
                break;
        case VM_STATE_STOPPING:
                if (op && op->kind != OPERATION_START)
                        operation_progress(op, event->stage, MAX_OF(0.2, MIN_OF(event->progress, 0.99)));
                break;
        case VM_STATE_HALTED:
                vm_halted(ops, vm, h, event);
                break;
        case _VM_STATE_MAX:
        case _VM_STATE_INVALID:
                break;
        }
}

static void on_vm_missing(Vm *vm, Host *h, void *userdata) {
        if (reboot_goes_on(userdata, vm))
                return;
        operation_finish(vm_release(userdata, vm, /* has_another= */ false), JOB_FAILED, ERROR_HOST_OFFLINE,
                "The host was lost while the VM started, and came back without it. Start the VM again.");
}

static void on_vm_adopted(Vm *vm, const char *message, void *userdata) {
        operation_finish(operation_of(userdata, vm), JOB_FAILED, ERROR_OTHER_OPERATION_IN_PROGRESS, message);
}

/* Whatever state it is in: it may be stopping by a polite order, and a forced one was lost. */
static void on_vm_still_runs(Vm *vm, void *userdata) {
        if (operation_of(userdata, vm))
                stop_resend(userdata, vm);
}

static void on_host_lost(Host *h, void *userdata) {
        operations_host_lost(userdata, h);
}

const HostsListener operations_of_hosts = {
        .vm_event = on_vm_event,
        .vm_mentioned = on_vm_mentioned,
        .vm_missing = on_vm_missing,
        .vm_adopted = on_vm_adopted,
        .vm_still_runs = on_vm_still_runs,
        .host_lost = on_host_lost,
};
