/*
 * The run folders of a machine, from hostd's end and from a program's, and the socket between them
 *
 * Records stand there as text, as on disk. What was sent is read though its sender has ended meanwhile.
 */

#include <sys/stat.h>

#include "common/io/file.h"
#include "hostd/run/division.h"
#include "tests/proof/boards.h"

static void set_text(char **text, const char *value) {
        free(*text);
        *text = value ? strdup(value) : NULL;
}

static void set_dm(Folder *f, const DmRecord *dm) {
        dm_record_done(&f->dm);
        f->has_dm = dm;
        f->dm = (DmRecord){};
        if (!dm)
                return;
        f->dm = *dm;
        f->dm.stage = strdup(dm->stage);
        f->dm.state = strdup(strempty(dm->state));
        f->dm.error = strdup(strempty(dm->error));
}

Folder *folder_find(const Machine *m, const char *path) {
        for (Folder *f = m->inside->folders; f; f = f->next)
                if (streq(f->path, path))
                        return f;
        return NULL;
}

static void folder_empty(Folder *f) {
        set_text(&f->order, NULL);
        set_text(&f->record, NULL);
        set_text(&f->gpus, NULL);
        /* Only the note of a virtual function stands on disk. */
        if (f->function)
                (void) remove_tree(f->path);
        set_text(&f->function, NULL);
        set_dm(f, NULL);
        f->holder = 0;
}

/* Somebody does that, and ends the domain some time later. */
bool folders_spoil_one(Machine *m) {
        size_t n = 0, k;

        for (const Folder *f = m->inside->folders; f; f = f->next)
                n += f->record != NULL;
        if (n == 0)
                return false;
        k = chance_between(m->dice, 0, n - 1);
        for (Folder *f = m->inside->folders; f; f = f->next)
                if (f->record && k-- == 0) {
                        f->record[chance_between(m->dice, 0, strlen(f->record) - 1)] = '\0';
                        xen_end_by_hand(m, &f->vm, chance_between(m->dice, 30 * SECOND, 120 * SECOND));
                        history_add(m->history, "%s folder vm=%s spoilt", m->name, UUID_TEXT(&f->vm));
                }
        return true;
}

void folder_remove(Machine *m, Folder *f) {
        for (Folder **at = &m->inside->folders; *at; at = &(*at)->next)
                if (*at == f) {
                        *at = f->next;
                        break;
                }
        folder_empty(f);
        free(f->path);
        free(f);
}

static int parse_record(const char *text, RunRecord *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = json_parse_cleaned(&reader, text, strlen(text), &o);
        return r < 0 ? r : run_record_parse(&reader, o, ret);
}

/* hostd's end */

static Machine *machine_of(Programs *p) {
        return p->context;
}

static bool has_folder(Programs *p, const char *path) {
        return folder_find(machine_of(p), path);
}

static void read_function(Machine *m, Folder *f, const VgpuRecord *v) {
        MachineBoard *b;
        const BoardType *t;
        unsigned card, number;

        b = boards_find(m, &v->physical_pci_address, &card, &number);
        t = b ? board_type_find(b, v->sriov.identifier) : NULL;
        free(f->function);
        if (asprintf(&f->function, " gpu=%s,%s,%u", PCI_TEXT(&v->physical_pci_address), t ? t->name : "unknown",
                    t ? host_type_size(board_type_functions(b, t)) : 0) < 0 || mkdir_parents(f->path, 0700) < 0)
                abort();
}

static void read_gpus(Machine *m, Folder *f, const StartOrder *order) {
        f->token = order->token;
        f->needs_emulator = order->n_vgpus > 0 && order->vgpus[0].kind == VGPU_KIND_NVIDIA;
        set_text(&f->gpus, "");
        if (order->n_vgpus > 0 && order->vgpus[0].kind == VGPU_KIND_SRIOV)
                read_function(m, f, &order->vgpus[0]);
        for (size_t i = 0; f->needs_emulator && i < order->n_vgpus; i++) {
                const CardType *t = card_type_of_file(order->vgpus[i].nvidia.config_file);
                _cleanup_free_ char *before = f->gpus;

                if (asprintf(&f->gpus, "%s gpu=%s,%u,%u", before, PCI_TEXT(&order->vgpus[i].physical_pci_address),
                            t ? (unsigned) (t - card_types) : CARD_TYPES, t ? host_type_size(cards_instances(m, t)) : 0) < 0)
                        abort();
        }
}

/* As hostd/vm/programs.c: the note of a function in the folder of a VM that is over says that its reset was not proved. */
static int suspect_function(Programs *p, const char *path, const char *recorded, const char *why) {
        _cleanup_free_ char *before = NULL;
        Machine *m = machine_of(p);
        FunctionNote note;
        int r;

        r = function_note_read(path, &note);
        if (r < 0)
                return 0;
        if (trouble(m, 50))
                return -ENOSPC;
        r = division_read_suspicion(m->inside->runtime_dir, &note.virtual, &before);
        r = r == -ENOENT ? division_suspect(m->inside->runtime_dir, &note.virtual, why) : 0;
        return r < 0 ? r : function_note_forget(path);
}

static int suspect_unproved(Programs *p, const Folder *f) {
        return f && f->function ? suspect_function(p, f->path, NULL, "Its reset after its last VM was not proved.") : 0;
}

static int make_folder(Programs *p, const char *path, bool empty, const char *text) {
        _cleanup_(start_order_done) StartOrder order = {};
        Machine *m = machine_of(p);
        Folder *f = folder_find(m, path);
        JsonReader reader = {};

        if (trouble(m, 5))
                return -ENOSPC;
        if (start_order_read(&reader, text, &order) < 0)
                return -EBADMSG;
        if (empty && suspect_unproved(p, f) < 0)
                return -ENOSPC;
        if (f && empty)
                folder_empty(f);
        if (!f) {
                f = calloc(1, sizeof(*f));
                *f = (Folder){.path = strdup(path), .next = m->inside->folders, .vm = order.vm.uuid};
                m->inside->folders = f;
        }
        set_text(&f->order, text);
        read_gpus(machine_of(p), f, &order);
        return 0;
}

static bool is_over(Programs *p, const Uuid *token) {
        const MachineInside *in = machine_of(p)->inside;

        for (size_t i = 0; i < in->n_over; i++)
                if (uuid_equal(&in->over[i], token))
                        return true;
        return false;
}

static int remove_folder(Programs *p, const char *path, const Uuid *token) {
        Folder *f = folder_find(machine_of(p), path);
        MachineInside *in = machine_of(p)->inside;

        if (suspect_unproved(p, f) < 0)
                return -ENOSPC;
        in->over = reallocarray(in->over, in->n_over + 1, sizeof(Uuid));
        in->over[in->n_over++] = *token;
        if (f)
                folder_remove(machine_of(p), f);
        return 0;
}

static int each_folder(Programs *p, ProgramFolderVisitor visitor, void *userdata) {
        Folder *next;

        for (Folder *f = machine_of(p)->inside->folders; f; f = next) {
                _cleanup_free_ char *path = strdup(f->path);
                Uuid vm = f->vm;

                next = f->next;
                visitor(&vm, path, userdata);
        }
        return 0;
}

static int read_text(const Machine *m, const char *path, RunRecord *ret) {
        const Folder *f = folder_find(m, path);
        int r;

        if (!f || !f->record)
                return -ENOENT;
        r = parse_record(f->record, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

static int write_text(Machine *m, const char *path, const RunRecord *record) {
        Folder *f = folder_find(m, path);

        if (!f)
                return -ENOENT;
        if (trouble(m, 3))
                return -ENOSPC;
        free(f->record);
        f->record = run_record_to_text(record);
        return f->record ? 0 : -ENOMEM;
}

static int read_record(Programs *p, const char *path, RunRecord *ret) {
        return read_text(machine_of(p), path, ret);
}

static int write_record(Programs *p, const char *path, const RunRecord *record) {
        return write_text(machine_of(p), path, record);
}

static int read_order(Programs *p, const char *path, char **ret) {
        const Folder *f = folder_find(machine_of(p), path);

        if (!f || !f->order)
                return -ENOENT;
        *ret = strdup(f->order);
        return *ret ? 0 : -ENOMEM;
}

/* Processes */

static int find_holder(Programs *p, const char *path, ProcessId *ret) {
        const Folder *f = folder_find(machine_of(p), path);
        const Process *holder = f ? process_find(machine_of(p), &(ProcessId){.pid = f->holder}) : NULL;

        if (!holder)
                return -ENOENT;
        *ret = holder->id;
        return 0;
}

static bool is_alive(Programs *p, const ProcessId *id) {
        return process_find(machine_of(p), id);
}

static void kill_process(Programs *p, const ProcessId *id) {
        Process *process = process_find(machine_of(p), id);

        if (process)
                process_kill(process);
}

static size_t kill_rest(Programs *p, const char *path) {
        _cleanup_(run_record_done) RunRecord record = {};
        const Folder *f = folder_find(machine_of(p), path);
        size_t n = 0;

        if (!f)
                return 0;
        (void) read_record(p, path, &record);
        const ProcessId *const all[] = {&record.program, &record.qemu, &record.emulator, &f->dm.qemu, &f->dm.emulator};
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (is_alive(p, all[i])) {
                        kill_process(p, all[i]);
                        n++;
                }
        return n;
}

static int watch(Programs *p, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        Machine *m = machine_of(p);

        return process_watch(m, m->inside->parts.loop, id, ended, userdata, ret);
}

/* The socket */

typedef struct Line Line;

struct Line {
        Line *next;
        char *text;
};

typedef struct Stop {
        Uuid token;
        bool force;
} Stop;

#define STOPS_MAX 16

struct RunLink {
        Machine *machine;
        RunLink *next;
        Program *program;                /* NULL: it has ended */
        const RunLinkHandlers *handlers; /* NULL: hostd has closed it */
        void *userdata;
        Line *lines; /* on their way to hostd */
        Stop stops[STOPS_MAX];
        size_t n_stops;
        LoopTimer *to_hostd, *to_program;
};

/* Lines that arrived before the end are still passed on. */
static void deliver(void *userdata) {
        RunLink *link = userdata;
        Line *line;

        while (link->handlers && (line = link->lines)) {
                _cleanup_(run_record_done) RunRecord record = {};
                int r = parse_record(line->text, &record);

                link->lines = line->next;
                free(line->text);
                free(line);
                if (r < 0)
                        link->handlers->lost(r, link->userdata);
                else
                        link->handlers->record(&record, link->userdata);
        }
        if (link->handlers && !link->program)
                link->handlers->lost(0, link->userdata);
}

static void deliver_soon(RunLink *link) {
        if (link->handlers &&
                loop_call_soon(link->machine->inside->parts.loop, &link->to_hostd, deliver, link) < 0)
                abort();
}

static void add_line(RunLink *link, const char *text) {
        Line *line = calloc(1, sizeof(*line)), **at = &link->lines;

        if (!line)
                abort();
        line->text = strdup(text);
        while (*at)
                at = &(*at)->next;
        *at = line;
        deliver_soon(link);
}

static Program *find_listener(const Machine *m, const Folder *f) {
        for (Program *p = m->inside->programs; f && p; p = p->next)
                if (p->stop && !p->loop.is_over && p->process->id.pid == f->holder)
                        return p;
        return NULL;
}

static int connect_line(
        Programs *p, const char *path, const RunLinkHandlers *handlers, void *userdata, RunLink **ret) {
        Machine *m = machine_of(p);
        const Folder *f = folder_find(m, path);
        Program *program = find_listener(m, f);
        RunLink *link;

        if (!program || m->deaf)
                return f ? -ECONNREFUSED : -ENOENT;
        link = calloc(1, sizeof(*link));
        if (!link)
                return -ENOMEM;
        *link = (RunLink){
                .machine = m,
                .next = m->inside->links,
                .program = program,
                .handlers = handlers,
                .userdata = userdata,
        };
        m->inside->links = link;
        if (program->line)
                add_line(link, program->line);
        *ret = link;
        return 0;
}

static void obey(void *userdata) {
        RunLink *link = userdata;
        Stop stop = link->stops[0];

        memmove(link->stops, link->stops + 1, --link->n_stops * sizeof(*link->stops));
        if (link->n_stops > 0 && loop_call_soon(&link->program->loop.loop, &link->to_program, obey, link) < 0)
                abort();
        link->program->stop(&stop.token, stop.force, link->program->stop_userdata);
}

static int send_stop(RunLink *link, const Uuid *token, bool force) {
        if (!link->program)
                return -EPIPE;
        if (link->n_stops == STOPS_MAX)
                return -EAGAIN;
        link->stops[link->n_stops++] = (Stop){.token = *token, .force = force};
        return loop_call_soon(&link->program->loop.loop, &link->to_program, obey, link);
}

static RunLink *disconnect(RunLink *link) {
        if (link) {
                link->handlers = NULL;
                link->to_hostd = loop_timer_free(link->to_hostd);
        }
        return NULL;
}

void links_program_ended(Program *p) {
        for (RunLink *link = p->machine->inside->links; link; link = link->next)
                if (link->program == p) {
                        link->program = NULL;
                        link->n_stops = 0;
                        link->to_program = loop_timer_free(link->to_program);
                        deliver_soon(link);
                }
}

void links_sweep(Machine *m) {
        for (RunLink **at = &m->inside->links; *at;) {
                RunLink *link = *at;
                Line *line;

                if (link->handlers || link->n_stops > 0) {
                        at = &link->next;
                        continue;
                }
                *at = link->next;
                while ((line = link->lines)) {
                        link->lines = line->next;
                        free(line->text);
                        free(line);
                }
                loop_timer_free(link->to_program);
                free(link);
        }
}

const ProgramsOps guest_programs = {
        .has_folder = has_folder,
        .make_folder = make_folder,
        .remove_folder = remove_folder,
        .is_over = is_over,
        .each_folder = each_folder,
        .read_record = read_record,
        .write_record = write_record,
        .read_order = read_order,
        .find_holder = find_holder,
        .is_alive = is_alive,
        .kill = kill_process,
        .kill_rest = kill_rest,
        .suspect_function = suspect_function,
        .watch = watch,
        .unwatch = process_unwatch,
        .connect = connect_line,
        .send_stop = send_stop,
        .disconnect = disconnect,
};

/* A program's end */

static Program *program_of(RunFolder *f) {
        return CONTAINER_OF(f, Program, folder);
}

static Folder *own_folder(RunFolder *f) {
        return folder_find(program_of(f)->machine, program_of(f)->settings.folder);
}

static int read_own_order(RunFolder *f, JsonReader *r, StartOrder *ret) {
        const Folder *folder = own_folder(f);
        int q;

        if (!folder || !folder->order)
                return -ENOENT;
        q = start_order_read(r, folder->order, ret);
        return q == -EINVAL ? -EBADMSG : q;
}

static int read_own_record(RunFolder *f, RunRecord *ret) {
        return read_text(program_of(f)->machine, program_of(f)->settings.folder, ret);
}

static int write_own_record(RunFolder *f, const RunRecord *record) {
        Program *p = program_of(f);
        int r;

        r = write_text(p->machine, p->settings.folder, record);
        if (r >= 0 && !streq_ptr(record->stage, p->stage)) {
                set_text(&p->stage, record->stage);
                history_add(p->machine->history, "%s stage vm=%s is=%s reason=%s", p->machine->name, UUID_TEXT(&p->vm),
                        record->stage, record->reason);
        }
        return r;
}

static int read_dm(RunFolder *f, DmRecord *ret) {
        const Folder *folder = own_folder(f);

        if (!folder || !folder->has_dm)
                return -ENOENT;
        *ret = folder->dm;
        ret->stage = strdup(folder->dm.stage);
        ret->state = strdup(folder->dm.state);
        ret->error = strdup(folder->dm.error);
        return 0;
}

static int watch_dm(RunFolder *f, DmChanged changed, void *userdata) {
        Program *p = program_of(f);
        Folder *folder = own_folder(f);

        if (!folder || trouble(p->machine, 3))
                return folder ? -EMFILE : -ENOENT;
        set_dm(folder, NULL);
        p->dm_changed = changed;
        p->dm_userdata = userdata;
        return 0;
}

static void unwatch_dm(RunFolder *f) {
        program_of(f)->dm_changed = NULL;
        loop_timer_stop(program_of(f)->dm_timer);
}

static void on_dm(void *userdata) {
        Program *p = userdata;

        p->dm_changed(p->dm_userdata);
}

int folder_write_dm(Machine *m, const char *path, const DmRecord *record) {
        Folder *f = folder_find(m, path);

        if (!f || trouble(m, 3))
                return f ? -ENOSPC : -ENOENT;
        set_dm(f, record);
        for (Program *p = m->inside->programs; p; p = p->next)
                if (p->dm_changed && streq(p->settings.folder, path) &&
                        loop_call_soon(&p->loop.loop, &p->dm_timer, on_dm, p) < 0)
                        abort();
        return 0;
}

static int listen_in(RunFolder *f, StopOrdered stop, void *userdata) {
        program_of(f)->stop = stop;
        program_of(f)->stop_userdata = userdata;
        return 0;
}

static void notify(RunFolder *f, const RunRecord *record) {
        _cleanup_free_ char *text = run_record_to_text(record);
        Program *p = program_of(f);

        if (!text || streq_ptr(text, p->line))
                return;
        free(p->line);
        p->line = take_ptr(text);
        for (RunLink *link = p->machine->inside->links; link; link = link->next)
                if (link->program == p)
                        add_line(link, p->line);
}

const RunFolderOps folder_ops = {
        .read_order = read_own_order,
        .read_record = read_own_record,
        .write_record = write_own_record,
        .read_dm = read_dm,
        .watch_dm = watch_dm,
        .unwatch_dm = unwatch_dm,
        .listen = listen_in,
        .notify = notify,
};
