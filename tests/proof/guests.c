/*
 * The programs of VMs and their domains
 *
 * A guest has a folder, in which its record stands, perhaps a program (a process), and perhaps a domain. The program goes from
 * one stage to the next when its timer rings, writes its record, then tells it. A program that dies leaves its domain; the next
 * one takes it up: what was not let go is begun again, what was goes on.
 */

#include "tests/proof/machine-private.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)
#define GPUS_MAX 21

typedef enum Stage {
        STAGE_PREPARE,
        STAGE_CREATE,
        STAGE_EMULATOR,
        STAGE_UNPAUSE,
        STAGE_RUNNING,
        STAGE_STOP,
        STAGE_CLEANUP,
        STAGE_HALTED,
        _STAGE_MAX,
} Stage;

typedef enum Fate {
        FATE_NONE,
        FATE_FAIL, /* the stage fails */
        FATE_DIE,  /* the program dies in it */
        FATE_HANG, /* it takes a minute, and fails */
        _FATE_MAX,
} Fate;

struct Guest {
        Machine *machine;
        Guest *next;
        char *folder; /* NULL: removed; the guest goes when its program has ended */
        char *order;
        Uuid vm, token;
        RunRecord record; /* as it stands in the folder */
        bool has_record;
        char *gpus; /* " gpu=<pci>,<size>…" */
        PciAddress functions[GPUS_MAX];
        size_t n_functions;
        uint64_t memory;

        bool has_domain;
        Stage stage;
        Fate fate;
        Stage fate_stage;
        uint64_t ends_after; /* in µs of running; 0: never by itself */
        ProcessId process;   /* pid 0: none */
        bool listens;
        LoopTimer *timer; /* the stage ends */
        LoopTimer *executing, *greeting, *killing;

        UnitStarted started;
        void *started_userdata;
        void (*ended)(void *userdata);
        void *ended_userdata;
        const RunLinkHandlers *handlers;
        void *link_userdata;
};

static const char *const stage_words[_STAGE_MAX] = {
        "prepare", "create", "emulator", "unpause", "running", "stop", "cleanup", "halted"};

static const VmState stage_states[_STAGE_MAX] = {
        VM_STATE_STARTING, VM_STATE_STARTING, VM_STATE_STARTING, VM_STATE_STARTING, VM_STATE_RUNNING,
        VM_STATE_STOPPING, VM_STATE_STOPPING, VM_STATE_HALTED};

static Dice *dice_of(const Guest *g) {
        return g->machine->dice;
}

/* Domains */

static void create_domain(Guest *g) {
        g->has_domain = true;
        g->record.domid = ++g->machine->inside->last_domid;
        history_add(g->machine->history, "%s domain vm=%s created token=%s%s", g->machine->name, UUID_TEXT(&g->vm),
                UUID_TEXT(&g->token), g->gpus);
}

static void destroy_domain(Guest *g, const char *why) {
        if (!g->has_domain)
                return;
        g->has_domain = false;
        g->record.domid = 0;
        history_add(g->machine->history, "%s domain vm=%s gone why=%s", g->machine->name, UUID_TEXT(&g->vm), why);
}

/* The record */

static void set_text(char **text, const char *value) {
        free(*text);
        *text = value ? strdup(value) : NULL;
}

static RunRecord copy_record(const Guest *g) {
        RunRecord r = g->record;

        r.stage = strdup(g->record.stage);
        r.reason = strdup(g->record.reason);
        r.error_name = g->record.error_name ? strdup(g->record.error_name) : NULL;
        r.error_message = g->record.error_message ? strdup(g->record.error_message) : NULL;
        return r;
}

static void send_record(Guest *g) {
        RunRecord r;

        if (!g->handlers || !g->has_record)
                return;
        r = copy_record(g);
        g->handlers->record(&r, g->link_userdata);
        run_record_done(&r);
}

static void write_stage(Guest *g) {
        g->has_record = true;
        g->record.uuid = g->vm;
        g->record.token = g->token;
        g->record.program = g->process;
        g->record.state = stage_states[g->stage];
        set_text(&g->record.stage, stage_words[g->stage]);
        if (!g->record.reason)
                set_text(&g->record.reason, "");
        g->record.vgpus_active = g->has_domain && g->stage >= STAGE_EMULATOR;
        g->record.vgpus_plugged = g->has_domain && g->stage >= STAGE_RUNNING;
        g->record.pcis_plugged = g->has_domain && g->stage >= STAGE_CREATE;
        g->record.progress = g->stage >= STAGE_RUNNING ? 1 : 0.2 * g->stage;
}

/* The program */

static void go_on(void *userdata);

static void after(Guest *g, uint64_t usec) {
        if (loop_call_in(g->machine->loop, &g->timer, usec, go_on, g) < 0)
                abort();
}

static uint64_t stage_lasts(const Guest *g) {
        switch (g->stage) {
        case STAGE_RUNNING:
                return g->ends_after;
        case STAGE_STOP:
                return g->record.stop_force ? chance_between(dice_of(g), MS, 2 * SECOND) :
                                              chance_between(dice_of(g), 100 * MS, 20 * SECOND);
        default:
                return chance_between(dice_of(g), 2 * MS, chance(dice_of(g), 100) ? 5 * SECOND : 400 * MS);
        }
}

static void end_program(Guest *g, const char *why) {
        if (g->process.pid == 0)
                return;
        history_add(g->machine->history, "%s program vm=%s ends why=%s", g->machine->name, UUID_TEXT(&g->vm), why);
        g->process = (ProcessId){};
        g->listens = false;
        loop_timer_stop(g->timer);
        if (g->handlers)
                g->handlers->lost(0, g->link_userdata);
        if (g->ended)
                g->ended(g->ended_userdata);
}

static void enter(Guest *g, Stage stage) {
        uint64_t lasts;

        g->stage = stage;
        write_stage(g);
        lasts = stage_lasts(g);
        if (g->fate == FATE_HANG && g->fate_stage == stage)
                lasts = 60 * SECOND;
        if (lasts > 0)
                after(g, lasts);
        else
                loop_timer_stop(g->timer);
        send_record(g); /* last: the guest may be over after it */
}

static void fail(Guest *g, const char *why) {
        set_text(&g->record.reason, "failed");
        set_text(&g->record.error_name, "org.xenvgpu.Error.DomainFailed");
        set_text(&g->record.error_message, why);
        enter(g, STAGE_CLEANUP);
}

static void leave_stage(Guest *g) {
        switch (g->stage) {
        case STAGE_PREPARE:
                create_domain(g);
                enter(g, STAGE_CREATE);
                break;
        case STAGE_CREATE:
                enter(g, STAGE_EMULATOR);
                break;
        case STAGE_EMULATOR:
                g->record.let_go = true;
                enter(g, STAGE_UNPAUSE);
                break;
        case STAGE_UNPAUSE:
                enter(g, STAGE_RUNNING);
                break;
        case STAGE_RUNNING:
                set_text(&g->record.reason, chance(dice_of(g), 300) ? "crash" : "poweroff");
                enter(g, STAGE_CLEANUP);
                break;
        case STAGE_STOP:
                set_text(&g->record.reason, g->record.stop_force ? "destroyed" : "stopped");
                enter(g, STAGE_CLEANUP);
                break;
        case STAGE_CLEANUP:
                destroy_domain(g, g->record.reason);
                enter(g, STAGE_HALTED);
                break;
        case STAGE_HALTED:
                end_program(g, "over");
                break;
        case _STAGE_MAX:
                break;
        }
}

static void go_on(void *userdata) {
        Guest *g = userdata;
        Fate fate = g->fate;

        if (fate == FATE_NONE || g->stage != g->fate_stage) {
                leave_stage(g);
                return;
        }
        g->fate = FATE_NONE;
        if (fate == FATE_DIE)
                end_program(g, "died");
        else if (g->stage < STAGE_CLEANUP)
                fail(g, fate == FATE_HANG ? "It hung." : "It broke.");
        else
                leave_stage(g);
}

/* What an earlier program left. */
static void take_up(Guest *g) {
        if (!g->has_record)
                enter(g, STAGE_PREPARE);
        else if (g->stage >= STAGE_CLEANUP)
                enter(g, g->stage);
        else if (!g->has_domain && g->record.let_go) {
                set_text(&g->record.reason, "crash");
                enter(g, STAGE_CLEANUP);
        } else if (!uuid_is_null(&g->record.stop_token))
                enter(g, STAGE_STOP);
        else if (g->record.let_go)
                enter(g, STAGE_RUNNING);
        else {
                destroy_domain(g, "begun-again");
                g->record.cut_offs++;
                enter(g, STAGE_PREPARE);
        }
}

static void choose_fate(Guest *g) {
        Dice *d = dice_of(g);

        g->fate = FATE_NONE;
        if (!g->machine->trouble)
                return;
        if (chance(d, 150)) {
                g->fate = (Fate) chance_between(d, FATE_FAIL, _FATE_MAX - 1);
                g->fate_stage = (Stage) chance_between(d, STAGE_PREPARE, STAGE_CLEANUP);
        }
        if (chance(d, 200))
                g->ends_after = chance_between(d, 10 * MS, 60 * SECOND);
}

/* Units: how programs are executed */

static void executed(void *userdata) {
        UnitStarted started;
        Guest *g = userdata;
        bool first = g->process.pid == 0;

        if (!g->folder)
                return;
        if (first) {
                g->process = (ProcessId){.pid = ++g->machine->inside->last_pid, .start_time = 1};
                g->listens = true;
                choose_fate(g);
        }
        started = g->started;
        g->started = NULL;
        if (started)
                started(0, &g->process, g->started_userdata);
        if (first && g->process.pid > 0)
                take_up(g);
}

static Guest *find(Machine *m, const char *folder) {
        for (Guest *g = m->inside->guests; g; g = g->next)
                if (g->folder && streq(g->folder, folder))
                        return g;
        return NULL;
}

static int start_unit(Units *units, const char *vm, const char *const *argv, UnitStarted done, void *userdata,
        UnitCall **ret) {
        Machine *m = units->userdata;
        char folder[64];
        Guest *g;

        (void) snprintf(folder, sizeof(folder), "vm/%s", vm);
        g = find(m, folder);
        if (!g)
                return -ENOENT;
        g->started = done;
        g->started_userdata = userdata;
        if (loop_call_in(m->loop, &g->executing, chance_between(m->dice, MS, 50 * MS), executed, g) < 0)
                return -ENOMEM;
        *ret = (UnitCall *) g;
        return 0;
}

static UnitCall *forget_unit(UnitCall *call) {
        if (call)
                ((Guest *) call)->started = NULL;
        return NULL;
}

const UnitsOps guest_units = {.name = "simulated", .start = start_unit, .forget = forget_unit};

/* Folders */

static bool has_folder(Programs *p, const char *folder) {
        return find(p->context, folder);
}

static void read_gpus(Guest *g, const StartOrder *order) {
        char *text = strdup("");

        for (size_t i = 0; i < order->n_vgpus; i++) {
                const CardType *t = card_type_of_file(order->vgpus[i].nvidia.config_file);
                _cleanup_free_ char *before = text;

                if (asprintf(&text, "%s gpu=%s,%u,%u", before, PCI_TEXT(&order->vgpus[i].physical_pci_address),
                            t ? (unsigned) (t - card_types) : CARD_TYPES, t ? host_type_size(t->instances) : 0) < 0)
                        abort();
        }
        for (size_t i = 0; i < order->n_pcis; i++) {
                _cleanup_free_ char *before = text;

                if (asprintf(&text, "%s gpu=%s,whole,%u", before, PCI_TEXT(&order->pcis[i].address), PGPU_SIZE) < 0)
                        abort();
                if (g->n_functions < GPUS_MAX)
                        g->functions[g->n_functions++] = order->pcis[i].address;
        }
        free(g->gpus);
        g->gpus = text;
}

static void forget_record(Guest *g) {
        run_record_done(&g->record);
        g->record = (RunRecord){};
        g->has_record = false;
        g->n_functions = 0;
        g->stage = STAGE_PREPARE;
        g->ends_after = 0;
}

static int make_folder(Programs *p, const char *folder, bool empty, const char *text) {
        _cleanup_(start_order_done) StartOrder order = {};
        Guest *g = find(p->context, folder);
        JsonReader reader = {};

        if (start_order_read(&reader, text, &order) < 0)
                return -EBADMSG;
        if (g && !empty)
                return 0;
        if (!g) {
                g = calloc(1, sizeof(*g));
                *g = (Guest){.machine = p->context, .folder = strdup(folder), .next = ((Machine *) p->context)->inside->guests};
                g->machine->inside->guests = g;
        }
        forget_record(g);
        set_text(&g->order, text);
        g->vm = order.vm.uuid;
        g->token = order.token;
        g->memory = UINT64_C(1) << 30;
        read_gpus(g, &order);
        return 0;
}

static int remove_folder(Programs *p, const char *folder, const Uuid *token) {
        Guest *g = find(p->context, folder);

        if (!g)
                return 0;
        free(g->folder);
        g->folder = NULL;
        return 0;
}

static int each_folder(Programs *p, ProgramFolderVisitor visitor, void *userdata) {
        Machine *m = p->context;

        for (Guest *g = m->inside->guests; g; g = g->next)
                if (g->folder)
                        visitor(&g->vm, g->folder, userdata);
        return 0;
}

static int read_record(Programs *p, const char *folder, RunRecord *ret) {
        Guest *g = find(p->context, folder);

        if (!g || !g->has_record)
                return -ENOENT;
        *ret = copy_record(g);
        return 0;
}

static int write_record(Programs *p, const char *folder, const RunRecord *record) {
        Guest *g = find(p->context, folder);

        if (!g)
                return -ENOENT;
        g->stage = record->state == VM_STATE_HALTED ? STAGE_HALTED : g->stage;
        write_stage(g);
        return 0;
}

static int read_order(Programs *p, const char *folder, char **ret) {
        Guest *g = find(p->context, folder);

        if (!g)
                return -ENOENT;
        *ret = strdup(g->order);
        return 0;
}

/* Processes */

static Guest *find_process(Machine *m, const ProcessId *process) {
        for (Guest *g = m->inside->guests; g && process->pid > 0; g = g->next)
                if (g->process.pid == process->pid)
                        return g;
        return NULL;
}

static int find_holder(Programs *p, const char *folder, ProcessId *ret) {
        Guest *g = find(p->context, folder);

        if (!g || g->process.pid == 0)
                return -ENOENT;
        *ret = g->process;
        return 0;
}

static bool is_alive(Programs *p, const ProcessId *process) {
        return find_process(p->context, process);
}

static void killed(void *userdata) {
        end_program(userdata, "killed");
}

static void kill_guest(Guest *g) {
        g->listens = false;
        if (loop_call_soon(g->machine->loop, &g->killing, killed, g) < 0)
                abort();
}

static void kill_process(Programs *p, const ProcessId *process) {
        Guest *g = find_process(p->context, process);

        if (g)
                kill_guest(g);
}

static size_t kill_rest(Programs *p, const char *folder) {
        Guest *g = find(p->context, folder);

        if (!g || g->process.pid == 0)
                return 0;
        kill_guest(g);
        return 1;
}

static int watch(Programs *p, const ProcessId *process, void (*ended)(void *userdata), void *userdata,
        ProgramWatch **ret) {
        Guest *g = find_process(p->context, process);

        if (!g)
                return -ESRCH;
        g->ended = ended;
        g->ended_userdata = userdata;
        *ret = (ProgramWatch *) g;
        return 0;
}

static ProgramWatch *unwatch(ProgramWatch *w) {
        if (w)
                ((Guest *) w)->ended = NULL;
        return NULL;
}

/* The line */

static void greet(void *userdata) {
        send_record(userdata);
}

static int connect_line(
        Programs *p, const char *folder, const RunLinkHandlers *handlers, void *userdata, RunLink **ret) {
        Guest *g = find(p->context, folder);

        if (!g || !g->listens)
                return -ECONNREFUSED;
        g->handlers = handlers;
        g->link_userdata = userdata;
        *ret = (RunLink *) g;
        return loop_call_soon(g->machine->loop, &g->greeting, greet, g);
}

static int send_stop(RunLink *link, const Uuid *token, bool force) {
        Guest *g = (Guest *) link;

        if (g->process.pid == 0)
                return -EPIPE;
        g->record.stop_token = *token;
        g->record.stop_force |= force;
        if (g->stage < STAGE_STOP || (g->stage == STAGE_STOP && force)) {
                g->stage = STAGE_STOP;
                g->fate = g->fate == FATE_HANG ? FATE_NONE : g->fate;
                write_stage(g);
                after(g, stage_lasts(g));
                return loop_call_soon(g->machine->loop, &g->greeting, greet, g);
        }
        return 0;
}

static RunLink *disconnect(RunLink *link) {
        if (link)
                ((Guest *) link)->handlers = NULL;
        return NULL;
}

const ProgramsOps guest_programs = {
        .has_folder = has_folder,
        .make_folder = make_folder,
        .remove_folder = remove_folder,
        .each_folder = each_folder,
        .read_record = read_record,
        .write_record = write_record,
        .read_order = read_order,
        .find_holder = find_holder,
        .is_alive = is_alive,
        .kill = kill_process,
        .kill_rest = kill_rest,
        .watch = watch,
        .unwatch = unwatch,
        .connect = connect_line,
        .send_stop = send_stop,
        .disconnect = disconnect,
};

/* The machine's view */

uint64_t guests_memory(const Machine *m) {
        uint64_t sum = 0;

        for (const Guest *g = m->inside->guests; g; g = g->next)
                sum += g->has_domain ? g->memory : 0;
        return sum;
}

int guests_each_domain(const Machine *m, HostDomainVisitor visitor, void *userdata) {
        int r = 0;

        for (const Guest *g = m->inside->guests; g && r == 0; g = g->next) {
                HostDomain d = {
                        .domid = g->record.domid,
                        .uuid = g->vm,
                        .name = "guest",
                        .functions = g->functions,
                        .n_functions = g->n_functions,
                };

                if (g->has_domain)
                        r = visitor(&d, userdata);
        }
        return r;
}

size_t guests_count(const Machine *m) {
        size_t n = 0;

        for (const Guest *g = m->inside->guests; g; g = g->next)
                n += g->has_domain;
        return n;
}

void guests_list(Machine *m) {
        for (const Guest *g = m->inside->guests; g; g = g->next)
                if (g->has_domain)
                        history_add(m->history, "%s runs vm=%s stage=%s", m->name, UUID_TEXT(&g->vm),
                                stage_words[g->stage]);
}

bool guests_kill_one(Machine *m) {
        size_t n = 0, k;

        for (Guest *g = m->inside->guests; g; g = g->next)
                n += g->process.pid > 0;
        if (n == 0)
                return false;
        k = chance_between(m->dice, 0, n - 1);
        for (Guest *g = m->inside->guests; g; g = g->next)
                if (g->process.pid > 0 && k-- == 0) {
                        end_program(g, "killed");
                        return true;
                }
        return false;
}

/* hostd is gone: nobody hears it. */
void guests_cut_power(Machine *m) {
        for (Guest *g = m->inside->guests; g; g = g->next) {
                destroy_domain(g, "power");
                g->process = (ProcessId){};
                free(g->folder);
                g->folder = NULL;
        }
        machine_sweep(m);
}

static void guest_free(Guest *g) {
        run_record_done(&g->record);
        loop_timer_free(g->timer);
        loop_timer_free(g->executing);
        loop_timer_free(g->greeting);
        loop_timer_free(g->killing);
        free(g->order);
        free(g->gpus);
        free(g);
}

/* A program whose folder is gone has nothing to go on with. */
void machine_sweep(Machine *m) {
        for (Guest **at = &m->inside->guests; *at;) {
                Guest *g = *at;

                if (!g->folder && g->process.pid > 0 && g->stage < STAGE_HALTED)
                        end_program(g, "without-folder");
                if (g->folder || g->process.pid > 0 || g->has_domain) {
                        at = &g->next;
                        continue;
                }
                *at = g->next;
                guest_free(g);
        }
}
