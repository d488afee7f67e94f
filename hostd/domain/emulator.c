/*
 * A VM's display emulator, as its machine follows it
 */

#include "common/daemon/log.h"
#include "hostd/domain/emulator.h"

static void unwatch(EmulatorStep *e) {
        e->watch = e->world->processes->ops->forget(e->watch);
}

static void on_died(int status, void *userdata) {
        EmulatorStep *e = userdata;

        e->dead = true;
        e->died(status, e->userdata);
}

void emulator_follow(EmulatorStep *e, const ProcessId *id) {
        Processes *p = e->world->processes;
        int r;

        if (id->pid == 0 || (e->watch && e->id->pid == id->pid && e->id->start_time == id->start_time))
                return;
        unwatch(e);
        *e->id = *id;
        e->dead = false;
        r = p->ops->watch(p, id, on_died, e, &e->watch);
        if (r == -ESRCH)
                e->dead = true;
        else if (r < 0)
                (void) log_errno(r, "Cannot watch the emulator of VM %s", e->name);
}

void emulator_forget(EmulatorStep *e) {
        unwatch(e);
        e->dead = false;
        *e->id = (ProcessId){};
}

void emulator_await_no_more(EmulatorStep *e) {
        e->world->hypervisor->ops->unwatch_emulator(e->world->hypervisor);
        loop_timer_stop(e->patience);
}

static void on_changed(const char *state, void *userdata) {
        EmulatorStep *e = userdata;
        bool runs = streq(state, "running");

        if (!runs && !streq(state, "error"))
                return;
        emulator_await_no_more(e);
        e->ready(runs ? 0 : -EIO, e->userdata);
}

static void on_late(void *userdata) {
        EmulatorStep *e = userdata;

        emulator_await_no_more(e);
        e->ready(-ETIMEDOUT, e->userdata);
}

int emulator_await(EmulatorStep *e) {
        Hypervisor *h = e->world->hypervisor;
        int r;

        r = loop_call_in(
                e->world->loop, &e->patience, e->world->program->running_timeout, on_late, e);
        return r < 0 ? r : h->ops->watch_emulator(h, on_changed, e);
}

void emulator_done(EmulatorStep *e) {
        unwatch(e);
        e->patience = loop_timer_free(e->patience);
}
