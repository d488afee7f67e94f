"""What the scenario python does with the module: a line "pass WHAT" for each check that holds."""

import copy
import os
import subprocess
import threading
import time

import xenvgpu
from xenvgpu import errors


def check(holds, what):
    print("pass" if holds else "fail", what, flush=True)


def refused(kind, what, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except kind as refusal:
        check(str(refusal).endswith(".") and refusal.word == kind.__name__, f"{what}: {refusal}")
    else:
        check(False, what)


def lab(*words):
    subprocess.run(["xenvgpu-lab", words[0], os.environ["XENVGPU_LAB_DIR"], *words[1:]], check=True)


pool = xenvgpu.Pool()
check(pool.manager.HostsOnline == 2, "two hosts are online")
k1 = next(group for group in pool.list("gpu_group") if "GRID K1" in group.NameLabel)
k100 = pool.find("vgpu_type", "GRID K100")
check(len(k1.PGPUs) == 4 and k1.PGPUs[0].Host.NameLabel == "alpha", "references are objects")
check(k1.GetRemainingCapacity(k100) == 32, "a method with an object as its argument")
check(any(group["uuid"] == k1.UUID for group in pool.capacity()["groups"]), "JSON comes as what it says")

name = "bureau-é-日本"
vm = pool.create_vm(name, owner="lab")
check(pool.find("vm", name) == vm and vm.NameLabel == name, "a name in any script")
vgpu = pool.manager.CreateVGPU(vm, k1, k100, device="3")
check(vgpu.properties()["Device"] == "3" and vgpu.VM == vm, "an option, and all properties at once")
check(vm.Start(dry_run=True) is None and vm.PowerState == "halted", "a dry run has no job")

events = pool.watch(timeout=20)
check(pool.ensure_running(vm) is True, "ensure_running starts it")
check(pool.ensure_running(vm) is False and vm.PowerState == "running", "once")
check(vm.ResidentOn.NameLabel == "alpha" and vgpu.ResidentOn in k1.PGPUs, "it runs where its GPU is")
kinds = set()
for what, thing, details in events:
    kinds.add(what)
    if what == "job-ended":
        check(details["result"] == "done" and thing.Objects[0] == vm, "watch heard the job's end")
        break
check({"added", "changed"} <= kinds, "and what changed before it")
events.close()

refused(errors.VMBadPowerState, "a running VM is not destroyed", vm.Destroy)
refused(errors.NoSuchObject, "a name that nobody has", pool.find, "vm", "nobody")
refused(errors.InvalidRecord, "an option that is none", vm.Shutdown, politely=True)
for call, what in ((lambda: vm.Fly(), "a method that is none"), (lambda: k1.Plan(), "an argument that is missing"),
                   (lambda: vm.Start(when=1.5), "an option of no known kind")):
    try:
        call()
    except (AttributeError, TypeError) as error:
        check(True, f"{what}: {error}")
    else:
        check(False, what)

whole = [pool.create_vm(f"whole-{i}") for i in range(2)]
k2 = next(group for group in pool.list("gpu_group") if "GRID K2" in group.NameLabel)
for each in whole:
    pool.manager.CreateVGPU(each, k2, None)
    pool.ensure_running(each)
third = pool.create_vm("whole-2")
pool.manager.CreateVGPU(third, k2, None)
refused(errors.VMRequiresGPU, "the third on two GPUs", pool.ensure_running, third)
check(pool.ensure_halted(whole[0], force=True) is True and pool.ensure_running(third), "room again")

check(pool.ensure_halted(vm) is True and pool.ensure_halted(vm) is False, "ensure_halted")
lab("fault", "alpha", "emulator=exit-at-once")
try:
    pool.ensure_running(vm)
except errors.FailedToStartEmulator as error:
    check(True, f"a start that fails raises its error: {error}")
lab("fault", "alpha", "emulator=slow=3000")
job = vm.Start()
try:
    job.wait(timeout=0.2)
except TimeoutError:
    check(True, "a wait that is over")
restart = threading.Thread(target=lambda: (lab("policyd-kill"), time.sleep(0.3), lab("policyd-start")))
restart.start()
check(job.wait(timeout=60).State == "done", "a wait goes on over a kill -9 of policyd")
restart.join()
lab("fault", "alpha", "emulator=off")

many = [pool.create_vm(f"m{i}") for i in range(501)]
check(pool.list("vm")[-501:] == many, "a list of more than one page")
check(pool.list("vm", NameLabel="m7") == [many[7]], "a filter")
xenvgpu.PAGE = 50
ask, pages = pool.call, []


def call(thing, method, arguments, options):
    """Before the third page, objects of the first one go."""
    if method.name == "List":
        pages.append(arguments)
        if len(pages) == 3:
            for each in many[:3]:
                ask(each, each.interface.lookup_method("Destroy"), (), {})
    return ask(thing, method, arguments, options)


pool.call = call
found = pool.list("vm")
pool.call = ask
check(len(pages) > 10 and set(many[3:]) <= set(found), "a list from which objects go meanwhile has all others")
check(len(found) == len(set(found)), "each once")
check(copy.copy(vm) == vm and copy.deepcopy([vm]) == [vm], "objects can be copied")
get = pool.get
pool.get = lambda thing, name: "paused" if name == "PowerState" else get(thing, name)
refused(errors.VMBadPowerState, "a VM that was paused on its host", pool.ensure_running, vm)
pool.get = get
pool.close()
print("pass to the end")
