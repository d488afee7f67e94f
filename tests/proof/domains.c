/*
 * The domains of a machine, and the hypervisor as one program of a VM reaches it
 *
 * As with libxl: the domain appears early in its creation and stands paused; what a program that dies had under way is over, and
 * the domain and its device model stay as they are.
 */

#include "common/json/json-get.h"
#include "tests/proof/boards.h"

#define DEVICE_MODEL_TIMEOUT (60 * SECOND)

/* Domains */

XenDomain *xen_find(const Machine *m, uint32_t domid) {
        for (XenDomain *d = m->inside->domains; d && domid > 0; d = d->next)
                if (d->domid == domid)
                        return d;
        return NULL;
}

static XenDomain *find_vm(const Machine *m, const Uuid *vm) {
        for (XenDomain *d = m->inside->domains; d; d = d->next)
                if (uuid_equal(&d->vm, vm))
                        return d;
        return NULL;
}

static void look(void *userdata);
static void look_at_emulator(void *userdata);

static void tell_all(const XenDomain *d) {
        for (Program *p = d->machine->inside->programs; p; p = p->next)
                if (p->hypervisor.domid == d->domid && p->hypervisor.changed &&
                        loop_call_soon(&p->loop.loop, &p->hypervisor.look, look, &p->hypervisor) < 0)
                        abort();
}

void xen_set_state(XenDomain *d, GuestState state) {
        d->state = state;
        tell_all(d);
}

void xen_set_emulator(XenDomain *d, const char *state) {
        free(d->emulator_state);
        d->emulator_state = strdup(state);
        for (Program *p = d->machine->inside->programs; p; p = p->next)
                if (p->hypervisor.domid == d->domid && p->hypervisor.emulator_changed &&
                        loop_call_soon(&p->loop.loop, &p->hypervisor.emulator_look, look_at_emulator, &p->hypervisor) < 0)
                        abort();
}

static const char *what_is(const XenDomain *d) {
        return d->is_foreign ? "foreign" : "domain";
}

void xen_remove(XenDomain *d, const char *why) {
        Machine *m = d->machine;

        for (XenDomain **at = &m->inside->domains; *at; at = &(*at)->next)
                if (*at == d) {
                        *at = d->next;
                        break;
                }
        history_add(m->history, "%s %s vm=%s gone domid=%u why=%s", m->name, what_is(d), UUID_TEXT(&d->vm), d->domid, why);
        tell_all(d);
        step_done(&d->life);
        free(d->emulator_state);
        free(d->functions);
        free(d);
}

static uint64_t number_of(struct json_object *o, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(o, member, &value) ? json_object_get_uint64(value) : 0;
}

static void read_functions(XenDomain *d, struct json_object *config) {
        struct json_object *list;

        if (!json_object_object_get_ex(config, "pcidevs", &list))
                return;
        d->functions = calloc(json_object_array_length(list) + 1, sizeof(PciAddress));
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);

                d->functions[d->n_functions++] = (PciAddress){
                        .domain = (uint16_t) number_of(o, "domain"),
                        .bus = (uint8_t) number_of(o, "bus"),
                        .dev = (uint8_t) number_of(o, "dev"),
                        .fn = (uint8_t) number_of(o, "func"),
                };
        }
}

/* A virtual function: with the type that its order names of the PGPU. */
static int describe_function(const XenDomain *d, const char *before, const Folder *f, const PciAddress *function, char **ret) {
        unsigned card, number = 0;

        if (boards_find(d->machine, function, &card, &number) && number > 0)
                return asprintf(ret, "%s%s function=%s", before, f && f->function ? f->function : "", PCI_TEXT(function));
        return asprintf(ret, "%s gpu=%s,whole,%u", before, PCI_TEXT(function), PGPU_SIZE);
}

static void say_created(const XenDomain *d, const Folder *f) {
        char *gpus = strdup("");

        for (size_t i = 0; i < d->n_functions; i++) {
                _cleanup_free_ char *before = gpus;

                if (describe_function(d, before, f, &d->functions[i], &gpus) < 0)
                        abort();
        }
        history_add(d->machine->history, "%s %s vm=%s created domid=%u token=%s%s", d->machine->name, what_is(d),
                UUID_TEXT(&d->vm), d->domid, UUID_TEXT(&d->token), gpus);
        free(gpus);
}

static XenDomain *make_domain(Machine *m, const Uuid *vm, const Folder *f, struct json_object *config) {
        struct json_object *b_info = NULL;
        XenDomain *d = calloc(1, sizeof(*d));

        (void) json_object_object_get_ex(config, "b_info", &b_info);
        *d = (XenDomain){
                .machine = m,
                .next = m->inside->domains,
                .vm = *vm,
                .token = f ? f->token : UUID_NULL,
                .domid = ++m->inside->last_domid,
                .memory = number_of(b_info, "max_memkb") * 1024,
                .state = GUEST_PAUSED,
        };
        if (config)
                read_functions(d, config);
        m->inside->domains = d;
        return d;
}

/* The guest */

/* xl destroy */
static void end_by_hand(void *userdata) {
        XenDomain *d = userdata;
        Process *p = process_find(d->machine, &d->device_model);

        if (p)
                process_kill(p);
        d->machine->inside->n_foreign -= d->is_foreign;
        xen_remove(d, "destroyed");
}

static void end_guest(void *userdata) {
        static const GuestState ends[] = {
                GUEST_POWEROFF, GUEST_REBOOT, GUEST_SUSPEND, GUEST_CRASH, GUEST_WATCHDOG, GUEST_CRASH, GUEST_REBOOT, GUEST_GONE};
        XenDomain *d = userdata;
        GuestState end = ends[chance_between(d->machine->dice, 0, ARRAY_SIZE(ends) - 1)];

        if (d->state != GUEST_RUNNING)
                return;
        machine_count(d->machine, end == GUEST_CRASH || end == GUEST_WATCHDOG ? TROUBLE_GUEST_FAILS : TROUBLE_GUEST_ENDS, &d->vm);
        history_add(d->machine->history, "%s guest vm=%s ends=%d", d->machine->name, UUID_TEXT(&d->vm), (int) end);
        if (end != GUEST_GONE)
                xen_set_state(d, end);
        else
                end_by_hand(d);
}

static void obey(void *userdata) {
        XenDomain *d = userdata;

        if (d->state == GUEST_RUNNING)
                xen_set_state(d, GUEST_POWEROFF);
}

static void live(XenDomain *d, uint64_t usec, LoopFunction then) {
        step_in(d->machine->loop, &d->life, usec, then, d);
}

void xen_end_by_hand(Machine *m, const Uuid *vm, uint64_t in_usec) {
        XenDomain *d = find_vm(m, vm);

        if (d)
                live(d, in_usec, end_by_hand);
}

/* Other people's */

static void end_foreign(void *userdata) {
        XenDomain *d = userdata;

        d->machine->inside->n_foreign--;
        boards_take_back(d->machine, &d->functions[0]);
        xen_remove(d, "ended");
}

/* A whole card, where the host has no orders; nothing of a board that is divided. */
static bool choose_card(Machine *m, PciAddress *ret) {
        char status[HOST_DESCRIPTION_MAX];
        unsigned card, number;
        const MachineBoard *b;

        if (m->inside->folders || !strstr(host_describe(m->inside->hostd, status), " 0 VMs running,") || strstr(status, " starting"))
                return false;
        *ret = (PciAddress){.bus = (uint8_t) (0x83 + chance_between(m->dice, 0, m->n_pgpus - 1))};
        b = boards_find(m, ret, &card, &number);
        return !b || b->n == 0;
}

bool guests_make_foreign(Machine *m) {
        PciAddress function;
        XenDomain *d;
        Uuid vm;

        if (!m->inside->hostd || m->inside->n_foreign > 0 || (!boards_lend(m, &function) && !choose_card(m, &function)) ||
                loop_new_uuid(m->loop, &vm) < 0)
                return false;
        d = make_domain(m, &vm, NULL, NULL);
        d->is_foreign = true;
        d->functions = calloc(1, sizeof(PciAddress));
        d->functions[0] = function;
        d->n_functions = 1;
        m->inside->n_foreign++;
        say_created(d, NULL);
        live(d, chance_between(m->dice, SECOND, 120 * SECOND), end_foreign);
        return true;
}

/* One program's view */

static XenHandle *of(Hypervisor *h) {
        return CONTAINER_OF(h, XenHandle, hypervisor);
}

/* libxl returns the id of a domain only after it is built; the hypervisor knows it earlier. */
static uint32_t domid(Hypervisor *hypervisor) {
        XenHandle *h = of(hypervisor);
        XenDomain *d;

        if (h->domid == 0 && (d = find_vm(h->machine, &h->vm)))
                h->domid = d->domid;
        return h->domid;
}

/* Whether the hypervisor refuses something now. */
static bool refuses(XenHandle *h, unsigned per_thousand) {
        bool does = trouble(h->machine, per_thousand);

        if (does)
                machine_count(h->machine, TROUBLE_HYPERVISOR_FAILS, &h->program->vm);
        return does;
}

static int find(Hypervisor *hypervisor, const Uuid *vm, GuestState *ret) {
        XenHandle *h = of(hypervisor);
        const XenDomain *d = find_vm(h->machine, vm);

        if (refuses(h, 5))
                return -EIO;
        h->vm = *vm;
        if (!d)
                return -ENOENT;
        h->domid = d->domid;
        *ret = d->state;
        return 0;
}

static int device_model(Hypervisor *hypervisor, ProcessId *ret) {
        XenHandle *h = of(hypervisor);
        const XenDomain *d = xen_find(h->machine, domid(hypervisor));
        const Process *p = d ? process_find(h->machine, &d->device_model) : NULL;

        if (!p)
                return -ENOENT;
        *ret = p->id;
        return 0;
}

static int check_memory(Hypervisor *h, struct json_object *config, char **ret_error) {
        Machine *m = of(h)->machine;
        struct json_object *b_info = NULL;

        (void) json_object_object_get_ex(config, "b_info", &b_info);
        if (refuses(of(h), 5))
                return -EIO;
        if (guests_memory(m) + number_of(b_info, "max_memkb") * 1024 <= MACHINE_MEMORY)
                return 0;
        *ret_error = strdup("There is not enough memory.");
        return -ENOSPC;
}

/* Creation */

static void then(XenHandle *h, uint64_t usec, LoopFunction step) {
        step_in(h->hypervisor.loop, &h->step, usec, step, h);
}

static void finish(XenHandle *h, int result, const char *error) {
        h->creating = false;
        step_stop(&h->step);
        loop_timer_stop(h->patience);
        json_object_put(take_ptr(h->config));
        long_operation_end(&h->operation, h->hypervisor.loop, result, strdup(error));
}

static void on_late(void *userdata) {
        finish(userdata, -ECHILD, "The device model was not up after 60 seconds.");
}

static void spawn_device_model(void *userdata) {
        XenHandle *h = userdata;
        XenDomain *d = xen_find(h->machine, h->domid);

        if (!d) {
                finish(h, -EIO, "The domain is gone.");
                return;
        }
        if (refuses(h, 15)) {
                finish(h, -EIO, "The domain cannot be built.");
                return;
        }
        if (device_model_start(d, h->program->settings.folder, &d->device_model) < 0 ||
                loop_call_in(h->hypervisor.loop, &h->patience, DEVICE_MODEL_TIMEOUT, on_late, h) < 0)
                finish(h, -ECHILD, "The device model cannot be started.");
}

/* A virtual one is at a number of its board's slot. */
static bool has_vanished_function(const XenDomain *d) {
        unsigned card, number;

        for (size_t i = 0; i < d->n_functions; i++)
                if (d->functions[i].bus >= 0x83 && d->functions[i].fn > 0 && !boards_find(d->machine, &d->functions[i], &card, &number))
                        return true;
        return false;
}

static void make(void *userdata) {
        XenHandle *h = userdata;
        const Folder *f;
        XenDomain *d;

        if (refuses(h, 15)) {
                finish(h, chance(h->machine->dice, 500) ? -ENOSPC : -EIO, "The domain cannot be made.");
                return;
        }
        f = folder_find(h->machine, h->program->settings.folder);
        d = make_domain(h->machine, &h->vm, f, h->config);
        h->domid = d->domid;
        if (has_vanished_function(d)) {
                xen_remove(d, "device-is-gone");
                finish(h, -EIO, "A device cannot be assigned.");
                return;
        }
        say_created(d, f);
        then(h, soon_or_late(h->machine, 2 * MS, 300 * MS), spawn_device_model);
}

void xen_device_model_is_up(Machine *m, uint32_t id, int result) {
        for (Program *p = m->inside->programs; p; p = p->next) {
                XenHandle *h = &p->hypervisor;

                if (!h->creating || h->domid != id)
                        continue;
                finish(h, result, result < 0 ? "The device model died before it was up." : "");
        }
}

static int create(Hypervisor *hypervisor, struct json_object *config, HypervisorDone done, void *userdata) {
        XenHandle *h = of(hypervisor);
        struct json_object *c_info, *uuid;

        if (h->operation.running)
                return -EBUSY;
        if (!json_object_object_get_ex(config, "c_info", &c_info) || !json_object_object_get_ex(c_info, "uuid", &uuid) ||
                uuid_from_string(json_object_get_string(uuid), &h->vm) < 0)
                return -EINVAL;
        h->domid = 0;
        h->creating = true;
        h->config = json_object_get(config);
        long_operation_begin(&h->operation, done, userdata);
        then(h, soon_or_late(h->machine, MS, 20 * MS), make);
        return 0;
}

/* The device model is told to end, and may not have reacted yet. */
static void on_cancelled(void *userdata) {
        XenHandle *h = userdata;
        const XenDomain *d = xen_find(h->machine, h->domid);
        Process *p = d ? process_find(h->machine, &d->device_model) : NULL;

        if (p && !trouble(h->machine, 100))
                process_kill(p);
        finish(h, -ECANCELED, "The start was cancelled.");
}

static void cancel_create(Hypervisor *hypervisor) {
        XenHandle *h = of(hypervisor);

        if (h->creating)
                then(h, soon_or_late(h->machine, 0, 100 * MS), on_cancelled);
}

/* Its life */

static void unpause_now(void *userdata) {
        XenHandle *h = userdata;
        XenDomain *d = xen_find(h->machine, h->domid);

        if (!d || refuses(h, 15)) {
                long_operation_end(&h->unpausing, h->hypervisor.loop, -EIO, strdup("The domain could not be unpaused."));
                return;
        }
        xen_set_state(d, GUEST_RUNNING);
        history_add(h->machine->history, "%s guest vm=%s runs", h->machine->name, UUID_TEXT(&d->vm));
        if (trouble(h->machine, 240))
                live(d, chance_between(h->machine->dice, 10 * MS, (chance(h->machine->dice, 500) ? 5 : 60) * SECOND), end_guest);
        long_operation_end(&h->unpausing, h->hypervisor.loop, 0, NULL);
}

static int unpause(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        XenHandle *h = of(hypervisor);
        const XenDomain *d = xen_find(h->machine, h->domid);

        if (h->unpausing.running)
                return -EBUSY;
        long_operation_begin(&h->unpausing, done, userdata);
        /* An earlier program unpaused it. */
        if (d && d->state != GUEST_PAUSED)
                long_operation_end(&h->unpausing, hypervisor->loop, 0, NULL);
        else if (loop_call_in(hypervisor->loop, &h->unpause, soon_or_late(h->machine, MS, 100 * MS), unpause_now, h) < 0)
                return -ENOMEM;
        return 0;
}

/* Some guests take minutes, as if nobody had asked. */
static int ask_shutdown(Hypervisor *hypervisor) {
        XenHandle *h = of(hypervisor);
        XenDomain *d = xen_find(h->machine, h->domid);
        bool slow = trouble(h->machine, 50);

        if (!d)
                return -EIO;
        if (slow)
                machine_count(d->machine, TROUBLE_GUEST_HANGS, &d->vm);
        live(d, slow ? 300 * SECOND : chance_between(h->machine->dice, 100 * MS, 20 * SECOND), obey);
        return slow && chance(h->machine->dice, 300) ? -EIO : 0;
}

static int crash(Hypervisor *hypervisor) {
        XenDomain *d = xen_find(of(hypervisor)->machine, of(hypervisor)->domid);

        if (!d || d->state != GUEST_RUNNING)
                return -EIO;
        xen_set_state(d, GUEST_CRASH);
        return 0;
}

static void look(void *userdata) {
        XenHandle *h = userdata;
        const XenDomain *d = xen_find(h->machine, h->domid);
        GuestState state = d ? d->state : GUEST_GONE;

        if (!h->changed || state == h->last)
                return;
        h->last = state;
        h->changed(state, h->changed_userdata);
}

static int watch(Hypervisor *hypervisor, GuestChanged changed, void *userdata) {
        XenHandle *h = of(hypervisor);

        if (refuses(h, 3))
                return -EIO;
        h->changed = changed;
        h->changed_userdata = userdata;
        h->last = _GUEST_STATE_INVALID;
        return loop_call_soon(hypervisor->loop, &h->look, look, h);
}

static void unwatch(Hypervisor *hypervisor) {
        of(hypervisor)->changed = NULL;
        loop_timer_stop(of(hypervisor)->look);
}

static void look_at_emulator(void *userdata) {
        XenHandle *h = userdata;
        const XenDomain *d = xen_find(h->machine, h->domid);

        if (h->emulator_changed && d && d->emulator_state)
                h->emulator_changed(d->emulator_state, h->emulator_userdata);
}

static int watch_emulator(Hypervisor *hypervisor, EmulatorChanged changed, void *userdata) {
        XenHandle *h = of(hypervisor);

        if (refuses(h, 3))
                return -EIO;
        h->emulator_changed = changed;
        h->emulator_userdata = userdata;
        return loop_call_soon(hypervisor->loop, &h->emulator_look, look_at_emulator, h);
}

static void unwatch_emulator(Hypervisor *hypervisor) {
        of(hypervisor)->emulator_changed = NULL;
        loop_timer_stop(of(hypervisor)->emulator_look);
}

/* Its end */

static void destroy_now(void *userdata) {
        XenHandle *h = userdata;
        XenDomain *d = xen_find(h->machine, domid(&h->hypervisor));
        Process *p = d ? process_find(h->machine, &d->device_model) : NULL;

        if (d && refuses(h, 100)) {
                finish(h, -EIO, "It is held.");
                return;
        }
        if (p && !trouble(h->machine, 50))
                process_kill(p);
        if (d)
                xen_remove(d, "taken-down");
        finish(h, 0, "");
}

static int destroy(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        XenHandle *h = of(hypervisor);

        if (h->operation.running)
                return -EBUSY;
        long_operation_forget(&h->unpausing);
        loop_timer_stop(h->unpause);
        unwatch(hypervisor);
        long_operation_begin(&h->operation, done, userdata);
        then(h, soon_or_late(h->machine, 2 * MS, 400 * MS), destroy_now);
        return 0;
}

static void give_back_now(void *userdata) {
        XenHandle *h = userdata;

        if (refuses(h, 100))
                finish(h, -EIO, "The driver does not take it back.");
        else
                finish(h, 0, "");
}

static int give_back(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        XenHandle *h = of(hypervisor);

        if (h->operation.running)
                return -EBUSY;
        long_operation_begin(&h->operation, done, userdata);
        then(h, soon_or_late(h->machine, MS, 50 * MS), give_back_now);
        return 0;
}

const HypervisorOps xen_ops = {
        .check_memory = check_memory,
        .create = create,
        .cancel_create = cancel_create,
        .domid = domid,
        .unpause = unpause,
        .ask_shutdown = ask_shutdown,
        .crash = crash,
        .destroy = destroy,
        .give_back = give_back,
        .watch = watch,
        .unwatch = unwatch,
        .watch_emulator = watch_emulator,
        .unwatch_emulator = unwatch_emulator,
        .find = find,
        .device_model = device_model,
};

void xen_handle_done(XenHandle *h) {
        long_operation_done(&h->operation);
        long_operation_done(&h->unpausing);
        step_done(&h->step);
        h->patience = loop_timer_free(h->patience);
        h->unpause = loop_timer_free(h->unpause);
        h->look = loop_timer_free(h->look);
        h->emulator_look = loop_timer_free(h->emulator_look);
        json_object_put(take_ptr(h->config));
}

/* As everybody on the machine sees them */

uint64_t guests_memory(const Machine *m) {
        uint64_t sum = 0;

        for (const XenDomain *d = m->inside->domains; d; d = d->next)
                sum += d->memory;
        return sum;
}

int guests_each_domain(const Machine *m, HostDomainVisitor visitor, void *userdata) {
        int r = 0;

        for (const XenDomain *d = m->inside->domains; d && r == 0; d = d->next)
                r = visitor(&(HostDomain){
                                    .domid = d->domid,
                                    .uuid = d->vm,
                                    .name = "guest",
                                    .functions = d->functions,
                                    .n_functions = d->n_functions,
                            },
                        userdata);
        return r;
}

bool guests_end_one(Machine *m) {
        size_t n = 0, k;
        XenDomain *d;

        for (d = m->inside->domains; d; d = d->next)
                n += !d->is_foreign && d->state == GUEST_RUNNING;
        if (n == 0)
                return false;
        k = chance_between(m->dice, 1, n);
        for (d = m->inside->domains; k > 0; d = k > 0 ? d->next : d)
                k -= !d->is_foreign && d->state == GUEST_RUNNING;
        end_guest(d);
        return true;
}

size_t guests_count(const Machine *m) {
        size_t n = 0;

        for (const XenDomain *d = m->inside->domains; d; d = d->next)
                n++;
        return n;
}

void guests_list(Machine *m) {
        for (const XenDomain *d = m->inside->domains; d; d = d->next)
                history_add(m->history, "%s runs vm=%s state=%d", m->name, UUID_TEXT(&d->vm), (int) d->state);
}
