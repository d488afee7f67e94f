#pragma once

/*
 * The VMs that run on a host, as the run folders tell (hostd/run/run-record.h)
 */

#include "hostd/run/run-record.h"
#include "tests/lab/lab.h"

typedef struct Run {
        const LabHost *host;
        char uuid[UUID_TEXT_MAX];
        char *name; /* name_label, "" when the order cannot be read */
        uint32_t domid;
        VmState state;
        ProcessId program, emulator, qemu;
} Run;

void run_done(Run *run);

typedef void (*RunVisitor)(const Run *run, void *userdata);
int runs_each(const LabHost *host, RunVisitor visitor, void *userdata);

/* By uuid or name over all hosts; prints and returns -ENOENT, or -ENOTUNIQ for a name that several VMs have.
 */
int runs_find(const Lab *lab, const char *vm, Run *ret);
