/*
 * The processes of a machine
 */

#include <signal.h>

#include "common/base/strlist.h"
#include "tests/proof/boards.h"

#define FIRST_PID 5000000 /* no process of this machine has such a one */

struct ProcessWatch {
        Process *process; /* NULL: it has ended */
        ProcessWatch *next;
        Machine *machine;
        Loop *loop;
        ProcessEnded ended;
        void *userdata;
        int status;
        LoopTimer *telling, *grace;
};

Process *process_new(Machine *m, void (*ended)(Process *p), void *owner) {
        Process *p = calloc(1, sizeof(*p));

        if (!p)
                abort();
        *p = (Process){
                .machine = m,
                .next = m->inside->processes,
                .id = {.pid = FIRST_PID + ++m->inside->last_pid, .start_time = 1},
                .ended = ended,
                .owner = owner,
                .status = SIGKILL,
        };
        m->inside->processes = p;
        return p;
}

Process *process_find(const Machine *m, const ProcessId *id) {
        for (Process *p = m->inside->processes; p && id->pid > 0; p = p->next)
                if (p->id.pid == id->pid)
                        return p;
        return NULL;
}

static void tell(void *userdata) {
        ProcessWatch *w = userdata;

        w->ended(w->status, w->userdata);
}

void process_end(Process *p, int status) {
        MachineInside *inside = p->machine->inside;

        for (Process **at = &inside->processes; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        break;
                }
        for (ProcessWatch *w = p->watches; w; w = w->next) {
                w->process = NULL;
                w->status = status;
                w->grace = loop_timer_free(w->grace);
                if (loop_call_soon(w->loop, &w->telling, tell, w) < 0)
                        abort();
        }
        p->ended(p);
        loop_timer_free(p->dying);
        free(p);
}

static void die(void *userdata) {
        Process *p = userdata;

        process_end(p, p->status);
}

static void die_in(Process *p, uint64_t usec, int status) {
        if (p->is_dying && (status != SIGKILL || p->status == SIGKILL))
                return; /* to kill it again makes it die no later */
        p->is_dying = true;
        p->status = status;
        if (loop_call_in(p->machine->loop, &p->dying, usec, die, p) < 0)
                abort();
}

void process_kill(Process *p) {
        die_in(p, p->dies_after, SIGKILL);
}

void process_finish(Process *p, uint64_t in_usec) {
        die_in(p, in_usec, 0);
}

void process_ask(Process *p) {
        if (p->asked)
                p->asked(p);
        else if (!p->deaf)
                die_in(p, p->dies_after + chance_between(p->machine->dice, 0, 200 * MS), SIGTERM);
}

/* Watches */

int process_watch(Machine *m, Loop *loop, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        Process *p = process_find(m, id);
        ProcessWatch *w;

        if (!p)
                return -ESRCH;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (ProcessWatch){
                .process = p,
                .next = p->watches,
                .machine = m,
                .loop = loop,
                .ended = ended,
                .userdata = userdata,
        };
        p->watches = w;
        *ret = w;
        return 0;
}

ProcessWatch *process_unwatch(ProcessWatch *w) {
        if (!w)
                return NULL;
        for (ProcessWatch **at = w->process ? &w->process->watches : NULL; at && *at; at = &(*at)->next)
                if (*at == w) {
                        *at = w->next;
                        break;
                }
        loop_timer_free(w->telling);
        loop_timer_free(w->grace);
        free(w);
        return NULL;
}

/* As a program has them */

static Program *program_of(Processes *p) {
        return CONTAINER_OF(p, Program, processes);
}

static int watch(Processes *p, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        return process_watch(program_of(p)->machine, &program_of(p)->loop.loop, id, ended, userdata, ret);
}

static void on_grace_end(void *userdata) {
        ProcessWatch *w = userdata;

        if (w->process)
                process_kill(w->process);
}

static int end(Processes *p, const ProcessId *id, uint64_t grace_us, ProcessEnded ended, void *userdata,
        ProcessWatch **ret) {
        int r = watch(p, id, ended, userdata, ret);

        if (r < 0)
                return r;
        process_ask((*ret)->process);
        return loop_call_in((*ret)->loop, &(*ret)->grace, grace_us, on_grace_end, *ret);
}

/* A helper ends with its program, unless that is killed. */

struct HelperProcess {
        Program *program;
        HelperDone done;
        void *userdata;
        int result;
        char *words;
        const char *late;
        LoopTimer *timer, *timeout;
        Helper *helper; /* of virtual functions, while it runs */
};

static void on_helped(void *userdata) {
        HelperProcess *h = userdata;

        loop_timer_stop(h->timeout);
        h->done(h->result, h->words, h->userdata);
}

static void tell_later(HelperProcess *h, int result, const char *words, uint64_t usec) {
        h->result = result;
        free(h->words);
        h->words = strdup(words);
        if (loop_call_in(&h->program->loop.loop, &h->timer, usec, on_helped, h) < 0)
                abort();
}

static void on_helper_ended(int status, const char *words, void *userdata) {
        HelperProcess *h = userdata;

        h->helper = NULL;
        tell_later(h, status == 0 ? 0 : -EIO, *words || status == 0 ? words : "The helper process died: see the log.", 0);
}

static void on_helper_late(void *userdata) {
        HelperProcess *h = userdata;

        helper_leave(h->helper, /* kill= */ true);
        h->helper = NULL;
        machine_count(h->program->machine, TROUBLE_HELPER_HANGS, &h->program->vm);
        tell_later(h, -ETIMEDOUT, h->late, 0);
}

static int start_functions(HelperProcess *h, const HelperWork *work) {
        Machine *m = h->program->machine;
        const Folder *f = folder_find(m, h->program->settings.folder);
        _cleanup_strlist_ StrList argv = {};

        strlist_add(&argv, "xenvgpu-domain");
        for (size_t i = 0; i < work->arguments.n; i++)
                strlist_add(&argv, work->arguments.items[i]);
        h->late = work->late;
        h->helper = helper_start(m, &h->program->vm, f ? &f->token : &UUID_NULL, argv.items, on_helper_ended, h);
        return loop_call_in(&h->program->loop.loop, &h->timeout, work->timeout, on_helper_late, h);
}

static void pretend(HelperProcess *h, const HelperWork *work) {
        Machine *m = h->program->machine;
        uint64_t lasts = soon_or_late(m, 10 * MS, 3 * SECOND);
        int result = trouble(m, 150) ? -EIO : 0;

        if (trouble(m, 100)) {
                result = -ETIMEDOUT;
                lasts = MIN_OF(work->timeout, 100 * SECOND);
        }
        if (result < 0)
                machine_count(m, result == -EIO ? TROUBLE_HELPER_FAILS : TROUBLE_HELPER_HANGS, &h->program->vm);
        history_add(m->history, "%s helper vm=%s does=%s", m->name, UUID_TEXT(&h->program->vm), work->arguments.items[0]);
        tell_later(h, result, result < 0 ? "It did not work." : "done", lasts);
}

static int start_helper(Processes *p, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret) {
        Program *program = program_of(p);
        HelperProcess *h;

        if (trouble(program->machine, 20)) {
                machine_count(program->machine, TROUBLE_HELPER_FAILS, &program->vm);
                return -EAGAIN;
        }
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        *h = (HelperProcess){.program = program, .done = done, .userdata = userdata};
        *ret = h;
        if (helper_is_of_functions(work->arguments.items[0]))
                return start_functions(h, work);
        pretend(h, work);
        return 0;
}

static HelperProcess *end_helper(HelperProcess *h) {
        if (!h)
                return NULL;
        helper_leave(h->helper, /* kill= */ !h->program->loop.is_over || h->program->loop.status != PROCESS_KILLED);
        loop_timer_free(h->timer);
        loop_timer_free(h->timeout);
        free(h->words);
        free(h);
        return NULL;
}

const ProcessOps process_ops = {
        .watch = watch,
        .end = end,
        .forget = process_unwatch,
        .start_helper = start_helper,
        .end_helper = end_helper,
};
