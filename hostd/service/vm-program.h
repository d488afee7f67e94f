#pragma once

/*
 * Following a VM's program
 */

#include "hostd/service/vm.h"

/* Starts the program for a VM that is queued. A failure becomes the VM's end. */
void vm_begin(HostVm *vm);

/* Takes up a VM whose program was started by an earlier hostd: connects to it, or starts another one that adopts. */
void vm_adopt(HostVm *vm);

/* Passes on vm->stop_*: at once when connected, else as soon as it is. */
void vm_pass_stop(HostVm *vm);

/* The VM is over: stores its end, tells it, forgets the VM. vm is gone afterwards. */
void vm_end(HostVm *vm, const char *reason, ErrorCode error, const char *message);
