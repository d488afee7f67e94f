/*
 * xenvgpu-dm, which becomes qemu, and the display emulator that it starts
 *
 * Both outlive the program that had the domain created. What they leave in dm.json is all that the next program knows of them.
 */

#include "tests/proof/machine-private.h"

typedef enum Fate {
        FATE_NONE,
        FATE_DIE_EARLY,
        FATE_FAIL,  /* the emulator says so; or qemu cannot be executed */
        FATE_HANG,  /* it never comes up */
        FATE_DIE_LATE, /* after it was up */
        FATE_NEVER_RUNS, /* it comes up, and does not say "running" */
        _FATE_MAX,
} Fate;

typedef struct DeviceModel {
        Process *process;
        Machine *machine;
        Uuid vm, token;
        uint32_t domid;
        char *folder;
        ProcessId emulator; /* pid 0: none */
        Fate fate;
        bool is_qemu;
        Step step;
} DeviceModel;

typedef struct Emulator {
        Process *process;
        Machine *machine;
        Uuid vm, token;
        uint32_t domid;
        ProcessId device_model;
        Fate fate;
        bool is_up;
        Step step;
} Emulator;

static Fate choose_fate(const Machine *m) {
        return trouble(m, 80) ? (Fate) chance_between(m->dice, FATE_NONE + 1, _FATE_MAX - 1) : FATE_NONE;
}

static void after(Machine *m, Step *s, uint64_t usec, LoopFunction then, void *userdata) {
        step_in(m->loop, s, usec, then, userdata);
}

static void set_habits(Process *p) {
        p->deaf = trouble(p->machine, 100);
        if (trouble(p->machine, 30))
                p->dies_after = chance_between(p->machine->dice, SECOND, 40 * SECOND);
}

static void say_start(const Process *p, const char *what, const Uuid *vm, const Uuid *token, const char *more) {
        history_add(p->machine->history, "%s %s vm=%s starts pid=%d token=%s%s", p->machine->name, what, UUID_TEXT(vm),
                (int) p->id.pid, UUID_TEXT(token), more);
}

static void say_end(const Process *p, const char *what, const Uuid *vm) {
        history_add(p->machine->history, "%s %s vm=%s ends pid=%d", p->machine->name, what, UUID_TEXT(vm), (int) p->id.pid);
}

/* The emulator */

static void emulator_ready(Emulator *e, int result);

static void on_emulator_end(Process *p) {
        Emulator *e = p->owner;

        say_end(p, "emulator", &e->vm);
        step_done(&e->step);
        if (!e->is_up)
                emulator_ready(e, -ECHILD);
        free(e);
}

static void die_now(void *userdata) {
        Emulator *e = userdata;

        machine_count(e->machine, TROUBLE_EMULATOR_ENDS, &e->vm);
        process_end(e->process, 1);
}

static void count_fate(const Emulator *e, Fate fate, Trouble t) {
        if (e->fate == fate)
                machine_count(e->machine, t, &e->vm);
}

static void on_emulator_runs(void *userdata) {
        XenDomain *d = xen_find(((Emulator *) userdata)->machine, ((Emulator *) userdata)->domid);
        Emulator *e = userdata;
        uint64_t late = chance_between(e->machine->dice, 10 * MS, 60 * SECOND);

        count_fate(e, FATE_NEVER_RUNS, TROUBLE_EMULATOR_HANGS);
        count_fate(e, FATE_FAIL, TROUBLE_EMULATOR_FAILS);
        if (d && e->fate != FATE_NEVER_RUNS)
                xen_set_emulator(d, e->fate == FATE_FAIL ? "error" : "running");
        if (e->fate == FATE_DIE_LATE)
                after(e->machine, &e->step, late, die_now, e);
}

static void on_emulator_up(void *userdata) {
        Emulator *e = userdata;

        if (e->process->is_dying)
                return;
        if (e->fate == FATE_DIE_EARLY) {
                die_now(e);
                return;
        }
        count_fate(e, FATE_HANG, TROUBLE_EMULATOR_HANGS);
        if (e->fate == FATE_HANG)
                return;
        e->is_up = true;
        after(e->machine, &e->step, soon_or_late(e->machine, MS, SECOND), on_emulator_runs, e);
        emulator_ready(e, 0);
}

static void start_emulator(DeviceModel *dm, const char *gpus) {
        Machine *m = dm->machine;
        Emulator *e = calloc(1, sizeof(*e));

        *e = (Emulator){
                .machine = m,
                .vm = dm->vm,
                .token = dm->token,
                .domid = dm->domid,
                .device_model = dm->process->id,
                .fate = choose_fate(m),
        };
        e->process = process_new(m, on_emulator_end, e);
        set_habits(e->process);
        dm->emulator = e->process->id;
        say_start(e->process, "emulator", &e->vm, &e->token, gpus);
        after(m, &e->step, soon_or_late(m, 2 * MS, 500 * MS), on_emulator_up, e);
}

/* The device model */

static int write_record(DeviceModel *dm, const char *stage, const char *error) {
        const DmRecord record = {
                .stage = (char *) stage,
                .emulator = dm->emulator,
                .qemu = streq(stage, "ready") ? dm->process->id : (ProcessId){},
                .error = (char *) error,
        };

        return folder_write_dm(dm->machine, dm->folder, &record);
}

static void on_device_model_end(Process *p) {
        DeviceModel *dm = p->owner;

        if (dm->is_qemu)
                say_end(p, "qemu", &dm->vm);
        xen_device_model_is_up(dm->machine, dm->domid, -ECHILD);
        step_done(&dm->step);
        free(dm->folder);
        free(dm);
}

/* It stops the emulator again. */
static void fail(DeviceModel *dm, const char *error) {
        Process *emulator = process_find(dm->machine, &dm->emulator);

        (void) write_record(dm, "failed", error);
        if (emulator)
                process_kill(emulator);
        process_end(dm->process, 1);
}

static void qemu_dies(void *userdata) {
        DeviceModel *dm = userdata;

        machine_count(dm->machine, TROUBLE_QEMU_ENDS, &dm->vm);
        process_end(dm->process, 1);
}

static void on_qemu_up(void *userdata) {
        DeviceModel *dm = userdata;

        if (dm->process->is_dying)
                return;
        if (dm->fate == FATE_DIE_LATE)
                after(dm->machine, &dm->step, chance_between(dm->machine->dice, 10 * MS, 60 * SECOND), qemu_dies, dm);
        xen_device_model_is_up(dm->machine, dm->domid, 0);
}

static void become_qemu(DeviceModel *dm) {
        Machine *m = dm->machine;

        if (write_record(dm, "ready", "") < 0) {
                fail(dm, "Cannot prepare qemu.");
                return;
        }
        if (dm->fate == FATE_FAIL) {
                machine_count(m, TROUBLE_QEMU_FAILS, &dm->vm);
                fail(dm, "Cannot execute qemu.");
                return;
        }
        dm->is_qemu = true;
        if (dm->fate == FATE_HANG)
                machine_count(m, TROUBLE_QEMU_HANGS, &dm->vm);
        say_start(dm->process, "qemu", &dm->vm, &dm->token, "");
        if (dm->fate == FATE_DIE_EARLY)
                after(m, &dm->step, soon_or_late(m, MS, 300 * MS), qemu_dies, dm);
        else if (dm->fate != FATE_HANG)
                after(m, &dm->step, soon_or_late(m, MS, 300 * MS), on_qemu_up, dm);
}

static void on_emulator_late(void *userdata) {
        DeviceModel *dm = userdata;

        if (!dm->process->is_dying)
                fail(dm, "The vgpu emulator did not come up.");
}

static void emulator_ready(Emulator *e, int result) {
        const Process *p = process_find(e->machine, &e->device_model);
        DeviceModel *dm = p ? p->owner : NULL;

        if (!dm || dm->is_qemu || p->is_dying)
                return;
        step_stop(&dm->step);
        if (result < 0)
                fail(dm, "The vgpu emulator ended before it was up.");
        else
                become_qemu(dm);
}

static void begin(void *userdata) {
        DeviceModel *dm = userdata;
        const Folder *f = folder_find(dm->machine, dm->folder);

        if (dm->process->is_dying)
                return;
        if (!f || !f->order) {
                fail(dm, "Cannot read order.json.");
                return;
        }
        if (!f->needs_emulator) {
                become_qemu(dm);
                return;
        }
        start_emulator(dm, f->gpus);
        if (write_record(dm, "emulator", "") < 0)
                fail(dm, "Cannot write dm.json.");
        else
                after(dm->machine, &dm->step, MACHINE_EMULATOR_TIMEOUT, on_emulator_late, dm);
}

int device_model_start(XenDomain *d, const char *folder, ProcessId *ret) {
        DeviceModel *dm;

        if (trouble(d->machine, 5))
                return -EAGAIN;
        dm = calloc(1, sizeof(*dm));
        *dm = (DeviceModel){
                .machine = d->machine,
                .vm = d->vm,
                .token = d->token,
                .domid = d->domid,
                .folder = strdup(folder),
                .fate = choose_fate(d->machine),
        };
        dm->process = process_new(d->machine, on_device_model_end, dm);
        set_habits(dm->process);
        *ret = dm->process->id;
        after(d->machine, &dm->step, soon_or_late(d->machine, MS, 30 * MS), begin, dm);
        return 0;
}

static bool is_one(const Process *p, bool emulator) {
        if (emulator || p->ended != on_device_model_end)
                return emulator && p->ended == on_emulator_end;
        return ((const DeviceModel *) p->owner)->is_qemu;
}

bool guests_kill_process(Machine *m, bool emulator) {
        size_t n = 0, k;
        Process *p;

        for (p = m->inside->processes; p; p = p->next)
                n += is_one(p, emulator) && !p->is_dying;
        if (n == 0)
                return false;
        k = chance_between(m->dice, 1, n);
        for (p = m->inside->processes; k > 0; p = k > 0 ? p->next : p)
                k -= is_one(p, emulator) && !p->is_dying;
        machine_count(m, emulator ? TROUBLE_EMULATOR_ENDS : TROUBLE_QEMU_ENDS,
                emulator ? &((const Emulator *) p->owner)->vm : &((const DeviceModel *) p->owner)->vm);
        process_kill(p);
        return true;
}
