#pragma once

/*
 * How a VM ends
 */

#include "hostd/vm/vm.h"

/*
 * The VM is over: its end is stored, then reported, and vm is freed. If storing fails, vm stays and it is
 * tried again. The reason and the error are those of the record, or those given.
 */
void vm_end_by_record(HostVm *vm);
void vm_end(HostVm *vm, const char *reason, ErrorCode error, const char *message);

/* Its program cannot be kept running: kills what is left of the domain, then ends the VM as failed. Where a
 * domain may stand without its processes start_again() is called, until the program has taken the domain down. */
void vm_give_up(HostVm *vm, const char *why, void (*start_again)(HostVm *vm));
