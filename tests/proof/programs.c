/*
 * The programs of VMs: each is the production code of xenvgpu-domain on a loop of its own
 *
 * A program takes the lock of its folder, does what hostd/domain says, and ends when its loop does, or is killed between two events.
 * Its domain stays.
 */

#include <signal.h>

#include "common/base/strlist.h"
#include "hostd/run/program.h"
#include "hostd/run/division.h"
#include "tests/proof/boards.h"

#define LOCK_TRIES 20
#define LOCK_PAUSE (50 * MS)
#define EVENTS_MAX 60 /* that a program lives to see, where it is killed */

bool trouble(const Machine *m, unsigned per_thousand) {
        return m->trouble && chance(m->dice, per_thousand * m->inside->bad);
}

uint64_t soon_or_late(const Machine *m, uint64_t least, uint64_t most) {
        return chance_between(m->dice, least, most) * (trouble(m, 30) ? 10 : 1);
}

/* Its end */

static const char *end_to_text(const ProcessLoop *loop) {
        int status = loop->is_over ? loop->status : PROCESS_KILLED;

        return status == PROCESS_KILLED ? "killed" : status == 0 ? "over" : status == DOMAIN_PROGRAM_EXIT_BUSY ? "busy" : "failed";
}

/* The process has ended: nothing of it is left but what it wrote. */
static void on_process_end(Process *process) {
        Program *p = process->owner;
        Machine *m = p->machine;

        history_add(m->history, "%s program vm=%s ends why=%s", m->name, UUID_TEXT(&p->vm), end_to_text(&p->loop));
        for (Program **at = &m->inside->programs; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        break;
                }
        p->domain = domain_free(p->domain);
        links_program_ended(p);
        xen_handle_done(&p->hypervisor);
        loop_timer_free(p->beginning);
        loop_timer_free(p->dm_timer);
        process_loop_done(&p->loop);
        strv_free(p->argv);
        free(p->line);
        free(p->stage);
        free(p);
}

static void on_loop_end(int status, void *userdata) {
        Program *p = userdata;

        if (status == PROCESS_KILLED)
                process_end(p->process, SIGKILL);
        else
                process_end(p->process, (status < 0 ? EXIT_FAILURE : status) << 8);
}

static void on_asked_to_end(Process *process) {
        Program *p = process->owner;

        if (p->domain && !p->loop.is_over)
                domain_wind_up(p->domain);
}

/* Its beginning */

static int run(Program *p) {
        const DomainWorld world = {
                .program = &p->settings,
                .self = p->process->id,
                .loop = &p->loop.loop,
                .hypervisor = &p->hypervisor.hypervisor,
                .processes = &p->processes,
                .folder = &p->folder,
        };
        int r;

        r = domain_new(&world, &p->domain);
        return r < 0 ? r : domain_begin(p->domain);
}

static void begin(void *userdata);

static int lock(Program *p) {
        Folder *f = folder_find(p->machine, p->settings.folder);

        if (!f)
                return -ENOENT;
        if (process_find(p->machine, &(ProcessId){.pid = f->holder})) {
                if (p->lock_tries++ == LOCK_TRIES)
                        return DOMAIN_PROGRAM_EXIT_BUSY;
                return loop_call_in(&p->loop.loop, &p->beginning, LOCK_PAUSE, begin, p) < 0 ? -ENOMEM : -EAGAIN;
        }
        f->holder = p->process->id.pid;
        return 0;
}

static void begin(void *userdata) {
        Program *p = userdata;
        int r;

        r = lock(p);
        if (r == -EAGAIN)
                return;
        if (r == 0)
                r = run(p);
        if (r != 0)
                loop_exit(&p->loop.loop, r);
}

static Process *program_execute(Machine *m, const char *const *argv) {
        _cleanup_free_ char *error = NULL;
        Program *p = calloc(1, sizeof(*p));

        if (!p || strv_copy((char *const *) argv, &p->argv) < 0 ||
                domain_program_parse_argv(p->argv, &p->settings, &error) < 0 ||
                uuid_from_string(strrchr(p->settings.folder, '/') + 1, &p->vm) < 0)
                abort();
        p->machine = m;
        p->next = m->inside->programs;
        m->inside->programs = p;
        p->process = process_new(m, on_process_end, p);
        p->process->asked = on_asked_to_end;
        process_loop_init(&p->loop, m->loop, on_loop_end, p);
        if (trouble(m, 60))
                p->loop.calls_left = chance_between(m->dice, 1, EVENTS_MAX);
        p->folder.ops = &folder_ops;
        p->processes.ops = &process_ops;
        p->hypervisor = (XenHandle){
                .hypervisor = {.ops = &xen_ops, .loop = &p->loop.loop},
                .machine = m,
                .program = p,
                .vm = p->vm,
        };
        history_add(m->history, "%s program vm=%s starts%s", m->name, UUID_TEXT(&p->vm), p->settings.adopt ? " adopts" : "");
        if (loop_call_in(&p->loop.loop, &p->beginning, chance_between(m->dice, MS, 20 * MS), begin, p) < 0)
                abort();
        return p->process;
}

/* The program that ends a domain (hostd/helper/end-domain.h): nobody's. */

static void on_tool_end(Process *p) {
}

static Process *end_execute(Machine *m, const char *const *argv) {
        Process *p;
        Uuid vm;

        if (uuid_from_string(argv[3], &vm) < 0)
                abort();
        p = process_new(m, on_tool_end, NULL);
        history_add(m->history, "%s tool ends vm=%s", m->name, argv[3]);
        xen_end_by_hand(m, &vm, chance_between(m->dice, MS, 100 * MS));
        process_finish(p, chance_between(m->dice, 100 * MS, 300 * MS));
        return p;
}

Process *unit_execute(Machine *m, const char *const *argv) {
        return streq(argv[1], DIVISION_LOOK_VERB) ? look_execute(m, argv) :
                streq(argv[1], END_DOMAIN_VERB)   ? end_execute(m, argv) :
                                                    program_execute(m, argv);
}

/* Without systemd: executed, and nothing more. */

struct UnitCall {
        Machine *machine;
        char **argv;
        UnitStarted done;
        void *userdata;
        LoopTimer *timer;
};

static UnitCall *forget_unit(UnitCall *call) {
        if (!call)
                return NULL;
        loop_timer_free(call->timer);
        strv_free(call->argv);
        free(call);
        return NULL;
}

static void executed(void *userdata) {
        UnitCall *call = userdata;
        UnitStarted done = call->done;
        void *done_userdata = call->userdata;
        Machine *m = call->machine;
        ProcessId id = {};
        int r = 0;

        if (trouble(m, 10))
                r = -EAGAIN;
        else
                id = unit_execute(m, (const char *const *) call->argv)->id;
        (void) forget_unit(call);
        done(r, &id, done_userdata);
}

static int start_unit(Units *units, const char *vm, const char *name_label, const char *const *argv,
        UnitStarted done, void *userdata, UnitCall **ret) {
        Machine *m = units->userdata;
        UnitCall *call;

        call = calloc(1, sizeof(*call));
        if (!call || strv_copy((char *const *) argv, &call->argv) < 0)
                abort();
        call->machine = m;
        call->done = done;
        call->userdata = userdata;
        *ret = call;
        return loop_call_in(m->inside->parts.loop, &call->timer, chance_between(m->dice, MS, 50 * MS), executed, call);
}

static int start_tool(Units *units, const UnitTool *tool, const char *const *argv, UnitStarted done, void *userdata, UnitCall **ret) {
        return start_unit(units, tool->instance, NULL, argv, done, userdata, ret);
}

const UnitsOps guest_units = {.name = "simulated", .start = start_unit, .start_tool = start_tool, .forget = forget_unit};

/* All of them */

/* Mostly killed; else somebody stops its unit, and it asks its guest to power off. */
static void end_program(Program *p) {
        if (trouble(p->machine, 200) && !p->loop.is_over)
                process_ask(p->process);
        else
                process_loop_kill(&p->loop);
}

bool guests_kill_one(Machine *m) {
        size_t n = 0, k;

        for (Program *p = m->inside->programs; p; p = p->next)
                n++;
        if (n == 0)
                return false;
        k = chance_between(m->dice, 0, n - 1);
        for (Program *p = m->inside->programs; p; p = p->next)
                if (k-- == 0)
                        end_program(p);
        return true;
}

/* One that is not over. */
bool guests_kill_within(Machine *m, unsigned n, uint64_t *count) {
        size_t k = 0;

        for (const Program *p = m->inside->programs; p; p = p->next)
                k += !p->loop.is_over;
        if (k == 0)
                return false;
        k = chance_between(m->dice, 1, k);
        for (Program *p = m->inside->programs; p; p = p->next)
                if (!p->loop.is_over && --k == 0) {
                        p->loop.within_left = n;
                        p->loop.count = count;
                }
        return true;
}

/* hostd is gone: nobody hears it. */
void guests_cut_power(Machine *m) {
        MachineInside *inside = m->inside;

        while (inside->programs)
                process_end(inside->programs->process, SIGKILL);
        while (inside->domains)
                xen_remove(inside->domains, "power");
        while (inside->processes)
                process_end(inside->processes, SIGKILL);
        helpers_cut_power(m);
        while (inside->folders)
                folder_remove(m, inside->folders);
        machine_sweep(m);
}

void machine_sweep(Machine *m) {
        links_sweep(m);
}
