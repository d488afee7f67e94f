#pragma once

/*
 * Strangers: domains that have a GPU of this host and that nobody here started
 *
 * They are looked for before a start with GPUs, when the host begins and with each rescan; while there are any, every few
 * seconds. What has changed is told with the inventory.
 */

#include "hostd/service/host-internal.h"

/* 0 or what kept the hypervisor from telling; then what was known stays. */
int host_look_for_strangers(Host *h);
/* The stored order of the VM, or its run folder, cannot be read. As long as its domain is there, every GPU
 * counts as in use by it. */
int host_note_unread_order(Host *h, const Uuid *vm);
bool host_has_unread_order(const Host *h, const Uuid *vm);
/* One that has a function in the slot of the GPU, which a function that is passed through takes along; or NULL. */
const DomainFunction *host_find_stranger(const Host *h, const PciAddress *gpu);
/* "domain 'by hand' (id 7)"; allocated, "" where there is none. NULL: -ENOMEM. */
char *host_describe_stranger(const Host *h, const PciAddress *gpu);
void host_forget_strangers(Host *h);
