#pragma once

/*
 * A VM that takes a GPU, and what monitors the GPUs
 *
 * The lease is taken before the VM's program is started, and kept until the VM runs or is over. A start that
 * an earlier hostd had begun takes it again without waiting: its program is at work already.
 */

#include "hostd/vm/vm.h"

/* go_on() is called when the monitors have stopped, at once where the VM needs no lease; else the VM ends. */
void vm_lease(HostVm *vm, void (*go_on)(HostVm *vm));

/* Of a start that an earlier hostd had begun; and when the record may say that the start is over. */
void vm_lease_again(HostVm *vm);
void vm_lease_over(HostVm *vm);
