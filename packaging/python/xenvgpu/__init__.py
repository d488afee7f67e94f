"""Virtual GPUs of a Xen pool, over the D-Bus interface of xenvgpu-policyd

    import xenvgpu

    pool = xenvgpu.Pool()                       # the system's bus; Pool("unix:path=…") is another
    vm = pool.find("vm", "desk-1")
    try:
        pool.ensure_running(vm)                 # returns when the VM runs
    except xenvgpu.errors.PGPUInsufficientCapacity as refusal:
        print(refusal)                          # the sentence that says what would help
    print(vm.PowerState, vm.ResidentOn.NameLabel)

Objects of the pool have the properties and methods of their D-Bus interface, under the same names (protocol/*.xml,
installed in /usr/share/dbus-1/interfaces, says what they mean):

    vm.PowerState                               # asks policyd at each use
    vm.Start(dry_run=True)                      # keyword arguments are the method's options
    group.GetRemainingCapacity(vgpu_type)       # references are objects; None is the empty one

Methods that answer in JSON return what it describes. A method that is refused raises the class of its error word in
xenvgpu.errors; each is an xenvgpu.errors.Refusal.

Calls wait for their answer. One thread uses a Pool; a second thread takes a Pool of its own.
"""

import contextlib
import json
import os
import time

from gi.repository import Gio, GLib

from . import errors

__all__ = ["Pool", "Object", "errors"]

SERVICE = "org.xenvgpu.Policy1"
ROOT = "/org/xenvgpu/Policy1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
ENDED = ("done", "failed", "cancelled")
CALL_TIMEOUT = 120  # seconds; a plan of a large pool takes some
PAGE = 500


def _interfaces():
    """The interfaces of policyd, by the name of their class in an object path: "gpugroup"."""
    folders = [os.environ.get("XENVGPU_INTERFACES"), "/usr/share/dbus-1/interfaces", "/usr/local/share/dbus-1/interfaces"]
    found = {}
    for folder in filter(None, folders):
        with contextlib.suppress(FileNotFoundError):
            names = [name for name in os.listdir(folder) if name.startswith(SERVICE + ".") and name.endswith(".xml")]
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for interface in Gio.DBusNodeInfo.new_for_xml(file.read()).interfaces:
                        found.setdefault(interface.name.rpartition(".")[2].lower(), interface)
    if not found:
        raise ImportError("The interfaces of xenvgpu are missing: install xenvgpu-common, or name the folder of "
                          "org.xenvgpu.Policy1.*.xml in XENVGPU_INTERFACES.")
    return found


def _option(value):
    """The variant that an option is: policyd's numbers are t, its references o."""
    if isinstance(value, Object):
        return GLib.Variant("o", value.path)
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        return GLib.Variant("t", value)
    if isinstance(value, str):
        return GLib.Variant("s", value)
    raise TypeError(f"An option is a text, a number, a bool or an object, not {value!r}.")


def _argument(signature, value):
    if signature == "o":
        return "/" if value is None else value.path if isinstance(value, Object) else value
    if signature == "ao":
        return [_argument("o", item) for item in value]
    return value


class Object:
    """An object of the pool. Two are equal when they have the same path."""

    def __init__(self, pool, path):
        self.pool, self.path = pool, path
        self.interface = pool.interface_of(path)

    def __eq__(self, other):
        return isinstance(other, Object) and self.path == other.path

    def __hash__(self):
        return hash(self.path)

    def __repr__(self):
        return f"<xenvgpu {self.path.removeprefix(ROOT).strip('/') or 'manager'}>"

    def __dir__(self):
        return [*super().__dir__(), *(p.name for p in self.interface.properties), *(m.name for m in self.interface.methods)]

    def __copy__(self):
        return self

    def __deepcopy__(self, _):
        return self

    def __getattr__(self, name):
        if self.interface.lookup_property(name):
            return self.pool.get(self, name)
        method = self.interface.lookup_method(name)
        if not method:
            raise AttributeError(f"{self.interface.name} has neither a property nor a method {name!r}")

        def call(*arguments, **options):
            return self.pool.call(self, method, arguments, options)
        return call

    def properties(self):
        """All properties at one moment, by name."""
        answer = self.pool.request(self.path, PROPERTIES, "GetAll", GLib.Variant("(s)", (self.interface.name,)))
        return {name: self.pool.from_bus(self.interface.lookup_property(name).signature, value)
                for name, value in answer.unpack()[0].items()}

    # Jobs

    def wait(self, timeout=None):
        """Waits until this job has ended. A job that failed or was cancelled raises its error."""
        self.pool.wait_until(lambda: self.State in ENDED, self.path, timeout)
        if self.State != "done":
            name, sentence = self.Error
            raise errors.from_name(name, sentence)
        return self


class Pool:
    """The pool, as policyd shows it on a bus"""

    def __init__(self, address=None):
        """address: of the bus, as in unix:path=…; without it that of $XENVGPU_ADDRESS, else the system's bus."""
        self._interfaces = _interfaces()
        address = address or os.environ.get("XENVGPU_ADDRESS") or \
            Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
        self._context = GLib.MainContext.new()
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        try:
            with self._own_context():  # the end of the connection ends a wait, too
                self._bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        except GLib.Error as error:
            raise errors.NotThere(f"The bus {address} cannot be reached: {error.message}.") from error
        self.manager = Object(self, ROOT)

    def close(self):
        self._bus.close_sync(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The bus

    def interface_of(self, path):
        name = path.removeprefix(ROOT).strip("/").partition("/")[0] or "manager"
        return self._interfaces[name.replace("_", "")]

    def request(self, path, interface, method, arguments, timeout=CALL_TIMEOUT):
        try:
            return self._bus.call_sync(SERVICE, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE,
                                       timeout * 1000, None)
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error)
            sentence = error.message.removeprefix(f"GDBus.Error:{name}: ")
            raise errors.from_name(name, sentence) from None

    def from_bus(self, signature, value):
        if signature == "o":
            return None if value == "/" else Object(self, value)
        if signature == "ao":
            return [Object(self, path) for path in value]
        return value

    def get(self, thing, name):
        answer = self.request(thing.path, PROPERTIES, "Get", GLib.Variant("(ss)", (thing.interface.name, name)))
        return self.from_bus(thing.interface.lookup_property(name).signature, answer.unpack()[0])

    def call(self, thing, method, arguments, options):
        wanted = [argument.signature for argument in method.in_args]
        values = list(arguments)
        if "a{sv}" in wanted and len(values) < len(wanted):
            values.append({name: _option(value) for name, value in options.items() if value is not None})
        elif options:
            raise TypeError(f"{method.name} takes no options")
        if len(values) != len(wanted):
            names = ", ".join(argument.name for argument in method.in_args)
            raise TypeError(f"{method.name} takes: {names or 'no arguments'}")
        values = tuple(_argument(signature, value) for signature, value in zip(wanted, values))
        answer = self.request(thing.path, thing.interface.name, method.name,
                              GLib.Variant(f"({''.join(wanted)})", values)).unpack()
        results = [json.loads(value) if argument.name in ("json", "record", "config") else
                   self.from_bus(argument.signature, value) for argument, value in zip(method.out_args, answer)]
        return results[0] if len(results) == 1 else results or None

    @contextlib.contextmanager
    def _own_context(self):
        self._context.push_thread_default()
        try:
            yield
        finally:
            self._context.pop_thread_default()

    @contextlib.contextmanager
    def _signals(self, handler, path=None):
        """Inside, handler(path, interface, signal, arguments) hears policyd's signals while the context is turned."""
        def heard(_bus, _sender, signal_path, interface, signal, arguments, *_):
            handler(signal_path, interface, signal, arguments.unpack())

        with self._own_context():
            ids = [self._bus.signal_subscribe(SERVICE, None, None, path, None, Gio.DBusSignalFlags.NONE, heard),
                   self._bus.signal_subscribe("org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                                              "/org/freedesktop/DBus", SERVICE, Gio.DBusSignalFlags.NONE, heard)]
        try:
            yield
        finally:
            for number in ids:
                self._bus.signal_unsubscribe(number)

    def _turn(self, end):
        """Until something was heard, or it is time: then it returns False."""
        if self._bus.is_closed():
            raise errors.NotThere("The bus has closed the connection.")
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            return False
        timer = None
        if left is not None:
            timer = GLib.timeout_source_new(int(left * 1000) + 1)
            timer.set_callback(lambda *_: False)
            timer.attach(self._context)
        self._context.iteration(True)
        if timer:
            timer.destroy()
        return True

    def wait_until(self, holds, path=None, timeout=None):
        """Waits until holds() is true. It is asked at the beginning and after each signal of the object at path, and
        while policyd is away (a restart) its absence counts as "not yet". Raises TimeoutError."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._signals(lambda *_: None, path):
            while True:
                with contextlib.suppress(errors.NotThere):
                    if holds():
                        return
                # A bus that is gone raises NotThere here; policyd alone may come again.
                if not self._turn(end):
                    raise TimeoutError(f"It did not come about within {timeout} s.")

    # What there is

    def find(self, kind, name):
        """The one object of a class ("vm", "gpu_group", …) with this UUID or name."""
        return self.manager.Find(kind, name)

    def list(self, kind, **filters):
        """The objects of a class, oldest first. filters are properties with the values that they must have."""
        found, offset = {}, 0
        filters = {name: _option(value) for name, value in filters.items()}
        while True:
            page = self.manager.List(kind, filters, offset, PAGE)
            paths = [item["path"] for item in page["objects"]]
            end = offset + len(paths)
            # A page begins with the last of the one before; else objects before it went, and others moved up unseen.
            if offset and (not paths or paths[0] not in found):
                offset = max(0, offset - PAGE + 1)
                continue
            found.update((path, Object(self, path)) for path in paths)
            if end >= page["total"] or end <= offset + 1:
                return list(found.values())
            offset = end - 1

    def capacity(self):
        return self.manager.Capacity()

    def check(self):
        """What is found of the pool that should not be: {"findings": [{"invariant", "object", "sentence", …}], …}."""
        return self.manager.Check()

    # What is wanted

    def create_vm(self, name, memory=4 << 30, vcpus=1, config=None, owner=None, affinity=None, platform=None):
        """A halted VM. memory is in bytes. config is a libxl_domain_config; it has its own memory and vcpus."""
        config = config or {
            "c_info": {"type": "hvm", "name": name},
            "b_info": {"max_memkb": memory >> 10, "target_memkb": memory >> 10, "max_vcpus": vcpus, "type.hvm": {}},
        }
        record = {"name_label": name, "config": config, "owner": owner, "affinity": affinity, "platform": platform}
        return self.manager.CreateVM(json.dumps({key: value for key, value in record.items() if value is not None}))

    def _settle(self, vm, timeout):
        """Waits for the operations that run on the VM, whoever began them."""
        for state in ("pending", "running"):
            for job in self.list("job", State=state):
                if vm in job.Objects:
                    with contextlib.suppress(errors.Refusal):
                        job.wait(timeout)

    def _ensure(self, vm, state, begin, timeout):
        end = None if timeout is None else time.monotonic() + timeout

        def left():
            return None if end is None else max(0.0, end - time.monotonic())
        changed = False
        while True:
            self._settle(vm, left())
            power = vm.PowerState
            if power == state:
                return changed
            if power == "paused" and state == "running":
                raise errors.from_name(errors.PREFIX + "VMBadPowerState", f"VM '{vm.NameLabel}' is paused; unpause it on its host.")
            try:
                begin().wait(left())
                changed = True
            except (errors.OtherOperationInProgress, errors.VMBadPowerState):
                if end is not None and time.monotonic() >= end:
                    raise
                time.sleep(0.1)  # somebody else was faster; look again

    def ensure_running(self, vm, on=None, timeout=None):
        """Returns when the VM runs: True if it was started, False if it ran already. A host given as on is where it is
        started, if it is. A refusal, or the failure of the start, is raised."""
        return self._ensure(vm, "running", lambda: vm.StartOn(on) if on else vm.Start(), timeout)

    def ensure_halted(self, vm, force=False, timeout=None):
        """Returns when the VM is halted: True if it was ended, False if it was halted already. force does not ask the
        guest."""
        return self._ensure(vm, "halted", lambda: vm.HardShutdown() if force else vm.Shutdown(), timeout)

    def watch(self, timeout=None):
        """What happens in the pool from now on, for as many seconds or for ever: (what, object, details), where what is
        "changed" (details: properties by name; None for one that must be asked for), "added", "removed", "job-ended"
        (details: its result), or "restarted" when policyd is there again: then look at everything anew."""
        events = self._watch(timeout)
        next(events)
        return events

    def _watch(self, timeout):
        heard = []
        end = None if timeout is None else time.monotonic() + timeout
        with self._signals(lambda *signal: heard.append(signal)):
            yield None  # it listens
            while self._turn(end) or heard:
                while heard:
                    event = self._event(*heard.pop(0))
                    if event:
                        yield event

    def _event(self, path, interface, signal, arguments):
        if signal == "NameOwnerChanged":
            return ("restarted", self.manager, {}) if arguments[2] else None
        if signal == "PropertiesChanged":
            thing, (_, values, invalidated) = Object(self, path), arguments
            details = {name: self.from_bus(thing.interface.lookup_property(name).signature, value)
                       for name, value in values.items()}
            return "changed", thing, {**details, **dict.fromkeys(invalidated)}
        if interface == OBJECT_MANAGER:
            return ("added" if signal == "InterfacesAdded" else "removed"), Object(self, arguments[0]), {}
        if signal == "JobRemoved":
            return "job-ended", Object(self, arguments[0]), {"result": arguments[1]}
        return None
