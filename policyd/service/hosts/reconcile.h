#pragma once

/*
 * What a host reports of VMs: in the inventory of a claim (reconcile.c), and in events (events.c)
 */

#include "policyd/service/hosts/peers.h"

int reconcile_host(Hosts *hs, Host *h, const Inventory *inventory);
/* A VM that is new to the pool, or that has no booking any more, may run on a host without one. */
void reconcile_stray(Hosts *hs, Vm *vm);
/* A host that was waited for cannot be reached, so its VMs are adopted where other hosts report them. */
void reconcile_unreached(Hosts *hs, Host *h);

void host_vm_event(Hosts *hs, Host *h, const VmEvent *event);
void host_vgpu_event(Hosts *hs, Host *h, const VgpuEvent *event);
void host_pci_event(Hosts *hs, Host *h, const PciEvent *event);
/* As its host says, while it is resident; "" or NULL says nothing. */
void host_set_vgpu_function(Hosts *hs, Vgpu *v, const char *function);
void host_set_vgpu_attached(Hosts *hs, Host *h, Vgpu *v, const PciAddress *pci, bool attached);
