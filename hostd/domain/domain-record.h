#pragma once

/*
 * A domain's run record: what the machine, the hypervisor and the watches say, in one place
 */

#include "hostd/domain/domain-state.h"
#include "hostd/run/run-record.h"

typedef struct DomainView {
        const DomainMachine *machine;
        bool has_vgpus, has_pcis;
        bool emulator_dead, needs_emulator;
        uint32_t domid; /* 0: there is none, or none that others should know */
        uint64_t now;   /* CLOCK_MONOTONIC, µs */
} DomainView;

/* true: it has come to another stage. */
bool domain_record_update(RunRecord *rec, const DomainView *v);
