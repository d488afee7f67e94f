/*
 * How a guest ends by itself, and the death of its device model
 */

#include "common/daemon/log.h"
#include "hostd/domain/guest-watch.h"

/* Between a qemu's death and its domain's, where libxl destroys both. */
#define DESTRUCTION_PATIENCE (5 * UINT64_C(1000000))

static void on_guest(GuestState state, void *userdata) {
        GuestWatch *g = userdata;

        if (state != GUEST_BUILDING && state != GUEST_PAUSED && state != GUEST_RUNNING)
                g->changed(state, g->userdata);
}

static void on_doubt_end(void *userdata) {
        GuestWatch *g = userdata;

        g->lost(g->status, g->userdata);
}

/* A guest that we unpaused is paused now: libxl pauses a domain first when it destroys it. */
static bool may_be_destroyed_soon(GuestWatch *g, GuestState state) {
        return state == GUEST_PAUSED && (g->machine->stage == DOMAIN_RUNNING || g->machine->stage == DOMAIN_STOP) &&
               loop_call_in(g->world->loop, &g->doubt, DESTRUCTION_PATIENCE, on_doubt_end, g) >= 0;
}

static void on_device_model_died(int status, void *userdata) {
        GuestState state = GUEST_RUNNING;
        GuestWatch *g = userdata;
        Hypervisor *h = g->world->hypervisor;
        int r;

        *g->qemu = (ProcessId){};
        g->status = status;
        r = h->ops->find(h, g->vm, &state);
        if (r == -ENOENT)
                state = GUEST_GONE;
        else if (r < 0)
                (void) log_errno(
                        r, "Cannot ask for the state of VM %s, whose device model died, ignoring", g->name);

        on_guest(state, g);
        /* A guest that has ended needs no device model. */
        if (g->machine->stage == DOMAIN_CLEANUP || g->machine->stage == DOMAIN_HALTED ||
                g->machine->stage == DOMAIN_DUMP)
                return;
        if (!may_be_destroyed_soon(g, state))
                g->lost(status, g->userdata);
}

int guest_watch_start(GuestWatch *g) {
        Hypervisor *h = g->world->hypervisor;
        Processes *p = g->world->processes;
        ProcessId id;
        int r;

        r = h->ops->watch(h, on_guest, g);
        if (r < 0)
                return r;
        g->device_model = p->ops->forget(g->device_model);
        r = h->ops->device_model(h, &id);
        if (r >= 0) {
                *g->qemu = id;
                r = p->ops->watch(p, &id, on_device_model_died, g, &g->device_model);
        }
        if (r == -ESRCH || r == -ENOENT)
                on_device_model_died(-1, g);
        else if (r < 0)
                (void) log_errno(r, "Cannot watch the device model of VM %s", g->name);
        return 0;
}

void guest_watch_stop(GuestWatch *g) {
        g->device_model = g->world->processes->ops->forget(g->device_model);
        loop_timer_stop(g->doubt);
        g->world->hypervisor->ops->unwatch(g->world->hypervisor);
}

void guest_watch_done(GuestWatch *g) {
        g->device_model = g->world->processes->ops->forget(g->device_model);
        g->doubt = loop_timer_free(g->doubt);
}
