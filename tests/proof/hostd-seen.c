/*
 * What a hostd goes through, to the history: the phases of its VMs, and what it finds when it starts
 */

#include "hostd/service/host-internal.h"
#include "tests/proof/machine-private.h"

static MachineInside *inside_of(Hostd *h) {
        return CONTAINER_OF(h->parts, MachineInside, parts);
}

static void on_moved(HostVm *vm, void *userdata) {
        MachineInside *in = inside_of(userdata);

        history_add(in->machine->history, "%s vm-phase vm=%s phase=%s", in->machine->name, UUID_TEXT(&vm->uuid),
                vm_phase_to_string(vm->phase));
        in->vm_listener->moved(vm, userdata);
}

void hostd_watch_phases(Machine *m) {
        MachineInside *in = m->inside;
        VmListener watched = *in->hostd->vm_context.listener;

        in->vm_listener = in->hostd->vm_context.listener;
        watched.moved = on_moved;
        in->vm_listener_watched = watched;
        in->hostd->vm_context.listener = &in->vm_listener_watched;
}

/* At a start */

#define FOUND_MAX 256

typedef struct Found {
        Machine *machine;
        Uuid orders[FOUND_MAX];
        size_t n_orders;
        const Uuid *looked_for;
        char *folder; /* of it */
        bool has_order;
} Found;

static void say(Machine *m, const Uuid *vm, const char *what) {
        history_add(m->history, "%s vm=%s finds=%s", m->name, UUID_TEXT(vm), what);
}

static void note_folder(const Uuid *vm, const char *folder, void *userdata) {
        Found *f = userdata;

        if (uuid_equal(vm, f->looked_for) && !f->folder)
                f->folder = strdup(folder);
}

static bool has_domain(const Machine *m, const Uuid *vm) {
        for (const XenDomain *d = m->inside->domains; d; d = d->next)
                if (uuid_equal(&d->vm, vm))
                        return true;
        return false;
}

static const char *what_is_in(Machine *m, const Uuid *vm, const char *folder) {
        Programs *p = &m->inside->parts.programs;
        _cleanup_(run_record_done) RunRecord record = {};
        ProcessId holder;
        int r;

        r = p->ops->read_record(p, folder, &record);
        if (r == -ENOENT)
                return "no-record";
        if (r < 0 && p->ops->find_holder(p, folder, &holder) >= 0)
                return "unreadable-held";
        if (r < 0)
                return has_domain(m, vm) ? "unreadable-domain" : "unreadable";
        if (record.state == VM_STATE_HALTED)
                return "halted";
        return p->ops->is_alive(p, &record.program) ? "program-alive" : "program-dead";
}

static int note_order(const StoredOrder *order, void *userdata) {
        Found *f = userdata;
        Machine *m = f->machine;
        Programs *p = &m->inside->parts.programs;
        char boot[32];

        if (f->n_orders < FOUND_MAX)
                f->orders[f->n_orders++] = order->vm;
        (void) snprintf(boot, sizeof(boot), "\"boot-%u-%u\"", m->number, m->boots);
        if (!strstr(strempty(order->detail), boot)) {
                say(m, &order->vm, "order-of-another-boot");
                return 0;
        }
        f->looked_for = &order->vm;
        (void) p->ops->each_folder(p, note_folder, f);
        say(m, &order->vm, f->folder ? what_is_in(m, &order->vm, f->folder) : "order-without-folder");
        free(take_ptr(f->folder));
        return 0;
}

static void note_stray(const Uuid *vm, const char *folder, void *userdata) {
        Found *f = userdata;

        for (size_t i = 0; i < f->n_orders; i++)
                if (uuid_equal(&f->orders[i], vm))
                        return;
        say(f->machine, vm, "folder-without-order");
}

void hostd_say_found(Machine *m) {
        Programs *p = &m->inside->parts.programs;
        Found f = {.machine = m};

        (void) host_store_each_order(m->inside->parts.store, note_order, NULL, &f);
        (void) p->ops->each_folder(p, note_stray, &f);
}
