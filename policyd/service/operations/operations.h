#pragma once

/*
 * Operations: the running job of a VM, and the jobs that have ended
 */

#include "policyd/service/base/kinds.h"
#include "policyd/service/hosts/peers.h"

typedef struct Operation Operation;

typedef struct Operations {
        Batch *batch;
        Hosts *hosts;
        HashMap *of_vm; /* VM uuid → Operation: at most one for each VM */
        Job **ended;    /* in the order of their ends; those before ended_first were removed */
        size_t n_ended, ended_first, ended_size;
        uint64_t usec[_OPERATION_KIND_MAX]; /* that operations took lately; 0: none ended yet */
} Operations;

struct Operation {
        Operations *operations;
        OperationKind kind; /* what goes on: never a reboot, which is a shutdown and then a start */
        bool reboots;
        Uuid vm, job;
        Uuid only;   /* StartOn: the host; null: any */
        Uuid *avoid; /* hosts that refused this start */
        size_t n_avoid;
        size_t n_held;    /* times that a host refused it for a PGPU that somebody else has */
        bool stop_stored; /* the host has the stop order that this operation sent last */
        LoopTimer *timer; /* runs while the host is not heard of */
        StartStage stage; /* that a start is in, as last heard, since stage_since, µs; _START_STAGE_INVALID: none */
        uint64_t stage_since;
};

int operations_init(Operations *ops, Batch *batch, Hosts *hosts);
void operations_clear(Operations *ops); /* the jobs stay */
void operations_done(Operations *ops);
int operations_restore(Operations *ops); /* from the unfinished jobs of the pool */
void operations_host_lost(Operations *ops, Host *h);

int operation_new(Operations *ops, OperationKind kind, Vm *vm, const Uuid *token, Operation **ret);
Operation *operation_of(const Operations *ops, const Vm *vm);
Job *operation_job(const Operation *op);
const char *operation_done_to_vm(const Operation *op); /* it is being "started", "shut down" or "rebooted" */
/* These do nothing for NULL. */
void operation_wait_for_host(
        Operation *op); /* the job fails with HostOffline when nothing is heard in time */
void operation_heard(Operation *op);
void operation_finish(Operation *op, JobState state, ErrorCode code, const char *message); /* frees it */
void operation_set_stage(Operation *op, const char *stage, double progress); /* for the next commit */
void operation_progress(Operation *op, const char *stage, double progress);

/* durations.c. What jobs took, as a mean in which the last counts a quarter. It is not stored: after a start of policyd it is learned
 * from the jobs that are kept. */
void durations_forget(Operations *ops);
void durations_learn(Operations *ops, const Job *j); /* that is done */
uint64_t durations_expect(const Operations *ops, const Job *j); /* when it will end; 0: not known */

/* jobs.c */
int job_start(Operations *ops, const char *operation, Vm *vm, const Uuid *token, Job **ret);
void job_finish(Operations *ops, Job *j, JobState state, ErrorCode code, const char *message);
int job_set_started_by(Operations *ops, const Uuid *id, const char *who); /* does nothing where the job is gone */
int jobs_index(Operations *ops);   /* after the pool was read */
void jobs_expire(Operations *ops); /* finished ones whose time is over, and those beyond the limit */
uint64_t jobs_next_expiry(const Operations *ops);
