#pragma once

/*
 * Following a VM's program
 */

#include "hostd/vm/vm.h"

/* A VM that is queued has its turn: what monitors the GPUs is stopped where it takes one, then its program is
 * started. A failure becomes the VM's end. */
void vm_begin(HostVm *vm);
void vm_launch(HostVm *vm);

/* Of a start that an earlier hostd had begun; and when the record may say that the start is over. */
void vm_lease_again(HostVm *vm);
void vm_lease_over(HostVm *vm);

/* Takes up a VM whose program was started by an earlier hostd: connects to it, or starts another one that
 * adopts. */
void vm_adopt(HostVm *vm);

/* Passes on vm->stop_*: at once when connected, else as soon as it is. */
void vm_pass_stop(HostVm *vm);

/*
 * The VM is over: its end is stored, then told, then the VM is forgotten; vm is gone afterwards, unless
 * storing failed, in which case it is tried again. The reason and the error are those of the record, or those
 * given.
 */
void vm_end_by_record(HostVm *vm);
void vm_end(HostVm *vm, const char *reason, ErrorCode error, const char *message);

/* Its program cannot be kept running: kills what is left of the domain, then ends the VM as failed. Where a
 * domain may stand without its processes the program is started again, until it has taken the domain down. */
void vm_give_up(HostVm *vm, const char *why);
void vm_start_later(HostVm *vm, uint64_t delay);
