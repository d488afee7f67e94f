/*
 * The processes of a machine
 */

#include <signal.h>

#include "tests/proof/machine-private.h"

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

/* A helper ends with its program. */

struct HelperProcess {
        HelperDone done;
        void *userdata;
        int result;
        LoopTimer *timer;
};

static void on_helped(void *userdata) {
        HelperProcess *h = userdata;

        h->done(h->result, h->result < 0 ? "It did not work." : "done", h->userdata);
}

static int start_helper(Processes *p, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret) {
        Program *program = program_of(p);
        Machine *m = program->machine;
        uint64_t lasts = soon_or_late(m, 10 * MS, 3 * SECOND);
        HelperProcess *h;

        if (trouble(m, 20)) {
                machine_count(m, TROUBLE_HELPER_FAILS, &program->vm);
                return -EAGAIN;
        }
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        *h = (HelperProcess){.done = done, .userdata = userdata, .result = trouble(m, 150) ? -EIO : 0};
        if (trouble(m, 100)) {
                h->result = -ETIMEDOUT;
                lasts = MIN_OF(work->timeout, 100 * SECOND);
        }
        if (h->result < 0)
                machine_count(m, h->result == -EIO ? TROUBLE_HELPER_FAILS : TROUBLE_HELPER_HANGS, &program->vm);
        history_add(m->history, "%s helper vm=%s does=%s", m->name, UUID_TEXT(&program->vm), work->arguments.items[0]);
        *ret = h;
        return loop_call_in(&program->loop.loop, &h->timer, lasts, on_helped, h);
}

static HelperProcess *end_helper(HelperProcess *h) {
        if (!h)
                return NULL;
        loop_timer_free(h->timer);
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
