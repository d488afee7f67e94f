#pragma once

/*
 * What an operator may do: the checks before a change
 *
 * Each returns 0 and leaves ret->code ERROR_NONE when allowed, or fills ret with the refusal; negative only for -ENOMEM.
 * Sources: XenServer's xapi_pgpu.ml, xapi_gpu_group.ml, xapi_vgpu.ml; where we differ it is said.
 */

#include "policyd/pool/pool.h"

/*
 * VGPU creation, in xapi's order: the VM is halted and nothing is booked for it; every VGPU of the VM lists the type in compatible_in_vm
 * (and the new type lists theirs; a whole GPU stands beside any, unlike in xapi), else VGPU_TYPE_NOT_COMPATIBLE; device: "", NULL and, as in xapi, "0" mean the lowest free of 0..20;
 * VM_PCI_BUS_FULL if none is free, DEVICE_ALREADY_EXISTS if another number is used, INVALID_DEVICE for anything else. Beyond xapi: a group
 * that has PGPUs none of which supports the type refuses with VGPU_TYPE_NOT_SUPPORTED (a group without PGPUs does not, and neither does
 * import).
 */
int rule_vgpu_create(const Pool *pool, const Vm *vm, const GpuGroup *group, const VgpuType *type, const char *device, bool importing, uint32_t *ret_device, Refusal *ret);
int rule_vgpu_destroy(const Vgpu *v, Refusal *ret);
int rule_vm_destroy(const Vm *vm, Refusal *ret);
int rule_vm_set_config(const Vm *vm, Refusal *ret);
int rule_vm_set_platform_vgpu(const Vm *vm, Refusal *ret); /* the keys of the 6.x form */
/* PGPU_IN_USE_BY_VM names the VMs, resident or scheduled; reservations count too. */
int rule_pgpu_enable_type(const Pgpu *p, const VgpuType *t, Refusal *ret);
int rule_pgpu_disable_type(const Pgpu *p, const VgpuType *t, Refusal *ret);
int rule_pgpu_set_group(const Pgpu *p, const GpuGroup *group_or_null, Refusal *ret);
int rule_group_destroy(const GpuGroup *g, Refusal *ret); /* VGPUs attached or not, then PGPUs */
int rule_host_remove(const Host *h, Refusal *ret);
/* 1 when the type can be collected: no VGPU has it, no PGPU supports it, no reservation names it. */
bool type_is_garbage(const Pool *pool, const VgpuType *t);

/*
 * Type lookup for what a host reports or an import brings: by identifier; else by (vendor_name, model_name) among records without
 * identifier, and where the record looked for has none itself (an old export) among all; NULL in *ret: create. Two matches: refusal INVALID_RECORD that names both.
 */
int rule_find_type(const Pool *pool, const char *identifier, const char *vendor_name, const char *model_name, VgpuType **ret, Refusal *ret_refusal);

/* The group that a PGPU of vendor/device joins: GPU_types exactly that one; NULL: make "Group of <vendor> <device> GPUs". */
GpuGroup *rule_group_for(const Pool *pool, const char *gpu_type);
