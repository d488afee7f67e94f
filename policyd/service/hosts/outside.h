#pragma once

/*
 * VMs that a host runs and that the pool does not have there, and problems for an administrator
 *
 * outside_update() is called after each change of a host's report, or of where its VMs are booked.
 */

#include "policyd/service/hosts/peers.h"

int outside_update(Hosts *hs, Host *h);
int outside_update_all(Hosts *hs);
int outside_vm_ended(Hosts *hs, Host *h); /* a VM, of the pool or not, left the host's report */
int outside_forget_host(Hosts *hs, Host *h);

/* problems.c: makes Host.Problems again, after what they are made from has changed; those of all hosts, and VM.Problems */
int host_problems_update(Hosts *hs, Host *h);
int problems_update(Hosts *hs);
