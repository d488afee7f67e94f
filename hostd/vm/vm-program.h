#pragma once

/*
 * Following a VM's program
 */

#include "hostd/vm/vm.h"

/* A VM that is queued has its turn: what monitors the GPUs is stopped where it takes one, then its program is
 * started. A failure becomes the VM's end. */
void vm_begin(HostVm *vm);

/* Takes up a VM whose program was started by an earlier hostd: connects to it, or starts another one that
 * adopts. */
void vm_adopt(HostVm *vm);

/* Passes on vm->stop_*: at once when connected, else as soon as it is. */
void vm_pass_stop(HostVm *vm);
