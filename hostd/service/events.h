#pragma once

/*
 * Telling what happens to VMs
 *
 * Each event takes the next number from the store before it is told, so that no number is ever used twice,
 * over crashes too. A failure to number or to build one is logged; the inventory that follows says the same.
 */

#include "hostd/vm/vm.h"

/* The VM's record as it stands. */
void events_tell_vm(HostVm *vm);
void events_tell_gpus(HostVm *vm);

/* Fills an event from the record; the caller is done with it by vm_event_done(). */
int events_make_vm(HostVm *vm, VmEvent *ret);
void events_tell(Host *h, const VmEvent *event);
