#pragma once

/*
 * The VMs of a host, by uuid
 *
 * Answers questions about all of them together. Texts belong to the VMs; the caller frees the arrays.
 */

#include "common/base/hashmap.h"
#include "hostd/vm/vm.h"

HostVm *vms_find_token(const HashMap *vms, const Uuid *token);

/* The next VM that may start; NULL when none waits, or as many are being started as the setting allows. */
HostVm *vms_next_in_queue(const HashMap *vms, uint64_t concurrent_starts);

/* What VMs that have no domain yet will take, bytes. */
uint64_t vms_memory_awaited(const HashMap *vms);

/* VGPUs and passed-through PGPUs that are resident or being started, as the order check wants them. */
int vms_list_occupants(const HashMap *vms, Occupant **ret, size_t *ret_n);
/* Names of the VMs that have something on the PGPU, and the types of it; NULL-terminated. */
int vms_list_users(const HashMap *vms, const PciAddress *pgpu, const char ***ret_names, const char ***ret_types);
/* PCI functions that the configs of all VMs but one pass through; NULL-terminated. */
int vms_list_functions(const HashMap *vms, const Uuid *but, const char ***ret);

/* Virtual functions that VMs have; the same. */
int vms_list_virtual(const HashMap *vms, const char ***ret);

/* Uuids of the resident VGPUs, sorted; a VGPU that came without one is "<vm uuid>/<device>", a passthrough "<vm
 * uuid>/<address>". The caller frees the texts too. */
int vms_list_resident(const HashMap *vms, const PciAddress *pgpu, char ***ret);
