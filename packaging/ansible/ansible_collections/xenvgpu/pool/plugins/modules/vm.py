#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""VMs of a pool"""

DOCUMENTATION = """
module: vm
short_description: VMs of a Xen pool
description:
  - Creates, changes, starts, stops and removes VMs. Its virtual GPUs are the module vgpu's.
  - In check mode, a VM that exists and shall run is decided upon, so that the task fails with the reason of a refusal.
options:
  name:
    description: The VM's name label, or its UUID if it exists.
    type: str
    required: true
  state:
    description: What it shall be. A VM that is present is left in the power state that it has.
    type: str
    choices: [present, running, halted, absent]
    default: present
  memory:
    description: As in 4GiB; a VM that exists must be halted to get another.
    type: str
  vcpus:
    description: As many; a VM that exists must be halted to get another number.
    type: int
  config:
    description: A libxl_domain_config to create it with; memory and vcpus win over what it says. Not compared later.
    type: dict
  owner:
    description: Whose quotas it counts for.
    type: str
  affinity:
    description: The preferred host, by name or UUID.
    type: str
  "on":
    description: The one host to start it on.
    type: str
  force:
    description: End it without asking the guest.
    type: bool
    default: false
  timeout:
    description: Seconds to wait until it is what it shall be.
    type: int
    default: 600
  address:
    description: The D-Bus address of policyd's bus; without it the system's bus, or $XENVGPU_ADDRESS.
    type: str
author: xenvgpu developers
"""

EXAMPLES = """
- name: A desktop that runs
  xenvgpu.pool.vm:
    name: desk-1
    memory: 8GiB
    vcpus: 4
    state: running
"""

RETURN = """
object:
  description: The VM's D-Bus properties; references are UUIDs. Empty if it is not there.
  type: dict
  returned: success
error:
  description: policyd's error word, such as PGPUInsufficientCapacity.
  type: str
  returned: when policyd refused
"""

import copy
import json
import re

from ansible_collections.xenvgpu.pool.plugins.module_utils.pool import Task

UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def read_memory(task):
    text = task.params["memory"]
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)\s*(?:([KMGT])iB)?", text)
    if not match:
        task.fail(f"memory: {text} is no size; write it as in 4GiB.")
    memory = int(match[1]) << UNITS[match[2] or ""]
    return memory if memory >> 10 else task.fail(f"memory: {text} is less than 1 KiB.")


def with_size(task, config, memory):
    vcpus = task.params["vcpus"]
    config = copy.deepcopy(config)
    b_info = config.setdefault("b_info", {})
    if not isinstance(b_info, dict):
        task.fail("config: b_info is not a dictionary.")
    if memory:
        b_info["max_memkb"] = b_info["target_memkb"] = memory >> 10
    if vcpus and b_info.get("max_vcpus") != vcpus:
        b_info["max_vcpus"] = vcpus
        b_info.pop("avail_vcpus", None)  # of the old number
    return config


def create(task, memory):
    params = task.params
    config = params["config"] and with_size(task, params["config"], memory)
    return task.change(task.pool.create_vm, params["name"], memory or 4 << 30, params["vcpus"] or 1, config, params["owner"],
                       params["affinity"])


def update(task, vm, memory):
    params = task.params
    if memory or params["vcpus"]:
        config = vm.GetConfig()
        wanted = with_size(task, config, memory)
        if wanted != config:
            task.change(vm.SetConfig, json.dumps(wanted))
    task.set(vm, Owner=params["owner"], Affinity=params["affinity"])


def power(task, vm):
    params, pool = task.params, task.pool
    state = params["state"]
    if state == "present" or vm.PowerState == state:
        return
    host = pool.find("host", params["on"]) if params["on"] else None
    if task.dry:
        if state == "running" and vm.PowerState == "halted":
            _ = vm.StartOn(host, dry_run=True) if host else vm.Start(dry_run=True)
        task.changed = True
    elif state == "running":
        task.changed |= pool.ensure_running(vm, on=host, timeout=params["timeout"])
    else:
        task.changed |= pool.ensure_halted(vm, force=params["force"], timeout=params["timeout"])


def remove(task, vm):
    if not task.dry and vm.PowerState != "halted":
        task.changed |= task.pool.ensure_halted(vm, force=task.params["force"], timeout=task.params["timeout"])
    task.change(vm.Destroy)


def work(task):
    vm, memory = task.find("vm", task.params["name"]), read_memory(task)
    if task.params["vcpus"] is not None and task.params["vcpus"] < 1:
        task.fail("vcpus: a VM has at least 1.")
    if task.params["state"] == "absent":
        if vm:
            remove(task, vm)
        return vm if task.dry else None
    if vm:
        update(task, vm, memory)
    else:
        vm = create(task, memory)
    if not vm:  # check mode: it would be made
        return None
    power(task, vm)
    return vm


def main():
    Task({
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "running", "halted", "absent"], "default": "present"},
        "memory": {"type": "str"},
        "vcpus": {"type": "int"},
        "config": {"type": "dict"},
        "owner": {"type": "str"},
        "affinity": {"type": "str"},
        "on": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 600},
    }).run(work)


if __name__ == "__main__":
    main()
