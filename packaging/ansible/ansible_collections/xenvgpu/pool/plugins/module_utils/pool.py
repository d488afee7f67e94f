"""What the modules share: the pool, what was changed, and refusals as failures of a task."""

# SPDX-License-Identifier: GPL-2.0-or-later

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import xenvgpu
except ImportError:
    xenvgpu = None
    MISSING = traceback.format_exc()


class Task:
    """A module's run: params, the pool, and whether something was changed."""

    def __init__(self, arguments, **rules):
        arguments = {"address": {"type": "str"}, **arguments}
        self.module = AnsibleModule(argument_spec=arguments, supports_check_mode=True, **rules)
        self.params = self.module.params
        if xenvgpu is None:
            self.module.fail_json(msg=missing_required_lib("xenvgpu (Debian: python3-xenvgpu)"), exception=MISSING)
        self.changed = False
        self.dry = self.module.check_mode

    def run(self, work):
        try:
            self.pool = xenvgpu.Pool(self.params["address"])
            thing = work(self)
            found = {} if thing is None else {
                name: repr_of(value) for name, value in thing.properties().items()}
        except (xenvgpu.errors.Refusal, ImportError, TimeoutError) as error:
            self.module.fail_json(msg=str(error), error=getattr(error, "word", type(error).__name__), changed=self.changed)
        self.module.exit_json(changed=self.changed, object=found)

    def find(self, kind, name):
        """The object, or None."""
        try:
            return self.pool.find(kind, name)
        except xenvgpu.errors.NoSuchObject:
            return None

    def change(self, method, *arguments, **options):
        """Calls the method, but in check mode, and counts as a change. Returns its answer, None in check mode."""
        answer = None if self.dry else method(*arguments, **options)
        self.changed = True
        return answer

    def set(self, thing, **wanted):
        """Sets the properties that are given and differ."""
        for name, value in wanted.items():
            if value is not None and getattr(thing, name) != value:
                self.change(getattr(thing, "Set" + name), value)

    def fail(self, sentence):
        self.module.fail_json(msg=sentence, changed=self.changed)


def repr_of(value):
    """A value as JSON has it: an object is its UUID."""
    if value is None:
        return ""
    if isinstance(value, list):
        return [repr_of(item) for item in value]
    return value.UUID if hasattr(value, "UUID") else value
