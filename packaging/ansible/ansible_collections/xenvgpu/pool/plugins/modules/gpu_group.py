#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GPU groups of a pool"""

DOCUMENTATION = """
module: gpu_group
short_description: GPU groups of a Xen pool
description:
  - Creates, changes and removes GPU groups, and puts PGPUs into them.
options:
  name:
    description: The group's name label, or its UUID if it exists.
    type: str
    required: true
  state:
    description: Whether it shall be there.
    type: str
    choices: [present, absent]
    default: present
  description:
    description: Its name description.
    type: str
  allocation_algorithm:
    description: How its PGPUs are filled.
    type: str
    choices: [depth-first, breadth-first, best-fit]
  pgpus:
    description: PGPUs that shall be in the group, as HOST/ADDRESS or UUID. Others that are in it stay.
    type: list
    elements: str
  address:
    description: The D-Bus address of policyd's bus; without it the system's bus, or $XENVGPU_ADDRESS.
    type: str
author: xenvgpu developers
"""

EXAMPLES = """
- name: K1 cards are spread over
  xenvgpu.pool.gpu_group:
    name: Group of NVIDIA Corporation GK107GL [GRID K1] GPUs
    allocation_algorithm: breadth-first
"""

RETURN = """
object:
  description: The group's D-Bus properties; references are UUIDs. Empty if it is not there.
  type: dict
  returned: success
"""

from ansible_collections.xenvgpu.pool.plugins.module_utils.pool import Task


def find_pgpu(task, name):
    host, slash, address = name.partition("/")
    if not slash:
        return task.pool.find("pgpu", name)
    for pgpu in task.pool.list("pgpu", Host=task.pool.find("host", host)):
        if pgpu.PCIID == address:
            return pgpu
    return task.fail(f"Host {host} has no PGPU {address}.")


def work(task):
    params = task.params
    group = task.find("gpu_group", params["name"])
    if params["state"] == "absent":
        if group:
            task.change(group.Destroy)
        return group if task.dry else None
    if not group:
        group = task.change(task.pool.manager.CreateGPUGroup, params["name"])
    pgpus = [find_pgpu(task, name) for name in params["pgpus"] or []]
    if not group:  # check mode: it would be made
        return None
    task.set(group, NameDescription=params["description"], AllocationAlgorithm=params["allocation_algorithm"])
    for pgpu in pgpus:
        task.set(pgpu, GPUGroup=group)
    return group


def main():
    Task({
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "description": {"type": "str"},
        "allocation_algorithm": {"type": "str", "choices": ["depth-first", "breadth-first", "best-fit"]},
        "pgpus": {"type": "list", "elements": "str"},
    }).run(work)


if __name__ == "__main__":
    main()
