#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts of a pool"""

DOCUMENTATION = """
module: host
short_description: Hosts of a Xen pool
description:
  - Adds hosts to a pool and removes them, and takes them out of service.
options:
  name:
    description: The host's name, or its UUID if it exists.
    type: str
    required: true
  state:
    description: Whether it shall be in the pool; online also waits until it has answered.
    type: str
    choices: [present, online, absent]
    default: present
  host_address:
    description: Where the host's bus is, unix:path=… or ssh:USER@HOST. Needed to add it; it is never changed.
    type: str
  fingerprint:
    description: Of the host's key, SHA256:…, as xenvgpu-accept-master prints it there; of hosts by ssh.
    type: str
  enabled:
    description: Whether VMs may be started on it.
    type: bool
  timeout:
    description: Seconds to wait for it to be online.
    type: int
    default: 60
  address:
    description: The D-Bus address of policyd's bus; without it the system's bus, or $XENVGPU_ADDRESS.
    type: str
author: xenvgpu developers
"""

EXAMPLES = """
- name: A second host
  xenvgpu.pool.host:
    name: beta
    host_address: ssh:xenvgpu@beta.example.org
    fingerprint: SHA256:ihPyNRLCXyMXNGX3mlvpVSdmNvYSCh6h4GYfIyHN0DM
    state: online
"""

RETURN = """
object:
  description: The host's D-Bus properties; references are UUIDs. Empty if it is not there.
  type: dict
  returned: success
"""

from ansible_collections.xenvgpu.pool.plugins.module_utils.pool import Task


def wait_online(task, host):
    try:
        task.pool.wait_until(lambda: host.State == "online", host.path, task.params["timeout"])
    except TimeoutError:
        task.fail(f"Host {host.NameLabel} is {host.State}: {host.StateReason or 'it has not answered yet.'}")


def work(task):
    params = task.params
    host = task.find("host", params["name"])
    if params["state"] == "absent":
        if host:
            task.change(host.Remove)
        return host if task.dry else None
    if not host:
        if not params["host_address"]:
            task.fail(f"There is no host {params['name']} in the pool; host_address is needed to add it.")
        host = task.change(task.pool.manager.AddHost, params["name"], params["host_address"])
    elif params["host_address"] and host.Address != params["host_address"]:
        task.fail(f"Host {host.NameLabel} has the address {host.Address}, which cannot be changed; remove it and add it again.")
    if not host:  # check mode: it would be made
        return None
    if params["fingerprint"] is not None and params["fingerprint"] != host.Fingerprint:
        task.change(host.SetFingerprint, params["fingerprint"])
    if params["enabled"] is not None and params["enabled"] != host.Enabled:
        task.change(host.Enable if params["enabled"] else host.Disable)
    if params["state"] == "online" and not task.dry:
        wait_online(task, host)
    return host


def main():
    Task({
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "online", "absent"], "default": "present"},
        "host_address": {"type": "str"},
        "fingerprint": {"type": "str"},
        "enabled": {"type": "bool"},
        "timeout": {"type": "int", "default": 60},
    }).run(work)


if __name__ == "__main__":
    main()
