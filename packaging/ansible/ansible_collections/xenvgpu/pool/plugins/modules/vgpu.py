#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual GPUs of a VM"""

DOCUMENTATION = """
module: vgpu
short_description: Virtual GPUs of a VM in a Xen pool
description:
  - Gives a halted VM a virtual GPU, or takes one away.
  - Without device, a VGPU of the same GPU group and type is the one that is meant.
options:
  vm:
    description: The VM, by name or UUID.
    type: str
    required: true
  gpu_group:
    description: The GPU group, by name or UUID.
    type: str
  type:
    description: The VGPU type, by name or UUID; without it the VM gets a whole GPU by passthrough.
    type: str
  device:
    description: The VGPU's device number; without it the lowest that is free.
    type: int
  state:
    description: Whether the VM shall have it.
    type: str
    choices: [present, absent]
    default: present
  address:
    description: The D-Bus address of policyd's bus; without it the system's bus, or $XENVGPU_ADDRESS.
    type: str
author: xenvgpu developers
"""

EXAMPLES = """
- name: A K100 for the desktop
  xenvgpu.pool.vgpu:
    vm: desk-1
    gpu_group: Group of NVIDIA Corporation GK107GL [GRID K1] GPUs
    type: GRID K100
"""

RETURN = """
object:
  description: The VGPU's D-Bus properties; references are UUIDs. Empty if it is not there.
  type: dict
  returned: success
"""

from ansible_collections.xenvgpu.pool.plugins.module_utils.pool import Task


def is_meant(task, vgpu, group, kind):
    device = task.params["device"]
    if device is not None and vgpu.Device != str(device):
        return False
    if device is not None and group is None:
        return True
    return vgpu.GPUGroup == group and vgpu.Type == kind


def work(task):
    params, pool = task.params, task.pool
    absent = params["state"] == "absent"
    vm = task.find("vm", params["vm"])
    if not vm and (absent or task.dry):
        task.changed = not absent  # check mode: a task before this one would make the VM
        return None
    vm = vm or pool.find("vm", params["vm"])
    group = pool.find("gpu_group", params["gpu_group"]) if params["gpu_group"] else None
    kind = pool.find("vgpu_type", params["type"]) if params["type"] else None
    found = next((vgpu for vgpu in vm.VGPUs if is_meant(task, vgpu, group, kind)), None)
    if absent:
        if found:
            task.change(found.Destroy)
        return found if task.dry else None
    if found:
        return found
    device = None if params["device"] is None else str(params["device"])
    return task.change(pool.manager.CreateVGPU, vm, group, kind, device=device)


def main():
    Task({
        "vm": {"type": "str", "required": True},
        "gpu_group": {"type": "str"},
        "type": {"type": "str"},
        "device": {"type": "int"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }, required_if=[("state", "present", ("gpu_group",))], required_one_of=[("gpu_group", "device")]).run(work)


if __name__ == "__main__":
    main()
