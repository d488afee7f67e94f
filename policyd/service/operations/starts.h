#pragma once

/*
 * Starting and stopping VMs
 */

#include "policyd/decide/allocate.h"
#include "policyd/service/operations/operations.h"

int start_vm(Operations *ops, Vm *vm, const StartOptions *options, Job **ret_job, Refusal *refusal);
/* Books a VM that has a job and no booking, and sends the order after the commit, as the job's next try. With NULL
 * it is decided where; 0: nowhere. */
int start_again(Operation *op, Vm *vm, Reservation *reservation, const Allocation *a_or_null);

/* How a start ended: whether a host was asked, what it reported, and whether the guest may have run. */
typedef enum StartEnd {
        START_NOT_SENT,
        START_REFUSED,        /* by its host, which did nothing */
        START_BEFORE_UNPAUSE, /* the host began, and says that the guest never ran */
        START_MAY_HAVE_RUN,
} StartEnd;

/*
 * Releases all that the VM holds, because it was shut down or the try to start it ended. Returns the
 * operation that goes on, or NULL if there is none or it was cancelled. has_another: its host has the VM
 * under another order, which the host's report may name.
 */
Operation *vm_release(Operations *ops, Vm *vm, bool has_another);
void start_failed_on_host(Operations *ops, Vm *vm, StartEnd end, ErrorCode code, const char *message);

/* stops.c */
int stop_vm(Operations *ops, Vm *vm, bool force, Job **ret_job, Refusal *refusal);
int cancel_job(Operations *ops, Job *j, Refusal *refusal);
void stop_resend(Operations *ops, Vm *vm);
int stop_order(Operations *ops, Vm *vm, bool force); /* of a token of its own, sent after the commit */

/* reboot.c */
int reboot_vm(Operations *ops, Vm *vm, bool force, Job **ret_job, Refusal *refusal);
/* The VM has halted, or its host does not have it: books it again where it was. False: no reboot of it goes on. */
bool reboot_goes_on(Operations *ops, Vm *vm);

/* host-events.c: what the events of hosts lead to; userdata: the operations. stale() is not set. */
extern const HostsListener operations_of_hosts;

/* failed-try.c: one try of a start, where it was and what came of it */
typedef struct FailedTry {
        StartPlaces where;
        Uuid *pgpus;    /* those of where */
        char *sentence; /* names all of them, and says what the host said */
} FailedTry;

int failed_try_note(FailedTry *t, const Pool *pool, const Vm *vm,
        const char *words); /* while the VM is still booked there */
void failed_try_done(FailedTry *t);
bool failure_is_of_the_place(ErrorCode code);
