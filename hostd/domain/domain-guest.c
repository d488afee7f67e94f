/*
 * How a guest ends by itself, and the death of what carries it
 *
 * The hypervisor tells of the guest, a pidfd of its qemu. Whoever destroys a domain (xl destroy) ends its qemu
 * first, and a guest may be gone already when its qemu leaves: so a qemu's death is what it seems only once the
 * hypervisor was asked. A guest that reboots in a loop waits for its next domain.
 */

#include <inttypes.h>

#include "common/daemon/log.h"
#include "hostd/domain/domain-private.h"

/* Between a qemu's death and its domain's, where libxl destroys both. */
#define DESTRUCTION_PATIENCE (5 * UINT64_C(1000000))

static void on_guest(GuestState state, void *userdata) {
        static const DomainInput inputs[_GUEST_STATE_MAX] = {
                [GUEST_POWEROFF] = DOMAIN_INPUT_POWEROFF,
                [GUEST_REBOOT] = DOMAIN_INPUT_REBOOT,
                [GUEST_SUSPEND] = DOMAIN_INPUT_SUSPEND,
                [GUEST_CRASH] = DOMAIN_INPUT_CRASH,
                [GUEST_WATCHDOG] = DOMAIN_INPUT_WATCHDOG,
                [GUEST_GONE] = DOMAIN_INPUT_GONE,
        };
        Domain *d = userdata;

        if (state == GUEST_BUILDING || state == GUEST_PAUSED || state == GUEST_RUNNING)
                return;
        if (state == GUEST_REBOOT && after_death_restarts(d->rules.on_reboot) && !d->machine.stop_wanted &&
                d->machine.stage != DOMAIN_DUMP)
                d->record.reboots++;
        d->machine.brief = d->running_since > 0 &&
                           start_times_now() - d->running_since < DOMAIN_BRIEF_LIFE;
        domain_feed(d, inputs[state]);
}

static void device_model_died(Domain *d) {
        domain_log_death(d, "device model", d->device_model_status);
        domain_set_error(d, ERROR_DOMAIN_FAILED,
                "The device model of the VM %s, so its domain was destroyed.",
                process_status_to_text(d->device_model_status, (char[80]){}));
        domain_feed(d, DOMAIN_INPUT_DM_DIED);
}

static int on_doubt_end(sd_event_source *source, uint64_t usec, void *userdata) {
        Domain *d = userdata;

        d->doubt = sd_event_source_disable_unref(d->doubt);
        device_model_died(d);
        return 0;
}

static bool has_guest_to_lose(const Domain *d) {
        return d->machine.stage == DOMAIN_RUNNING || d->machine.stage == DOMAIN_STOP;
}

/* A guest that we let go and that is paused now: libxl does that first where it destroys. */
static bool may_be_destroyed_soon(Domain *d, GuestState state) {
        int r;

        if (state != GUEST_PAUSED || !has_guest_to_lose(d))
                return false;
        d->doubt = sd_event_source_disable_unref(d->doubt);
        r = sd_event_add_time_relative(
                d->event, &d->doubt, CLOCK_MONOTONIC, DESTRUCTION_PATIENCE, 0, on_doubt_end, d);
        return r >= 0;
}

static void on_device_model_died(int status, void *userdata) {
        GuestState state = GUEST_RUNNING;
        Domain *d = userdata;
        int r;

        d->record.qemu = (ProcessId){};
        d->device_model_status = status;
        r = d->hypervisor->ops->find(d->hypervisor, &d->order.vm.uuid, &state);
        if (r == -ENOENT)
                state = GUEST_GONE;
        else if (r < 0)
                (void) log_errno(r, "Cannot ask for the state of VM %s, whose device model died, ignoring",
                        d->order.vm.name_label);

        on_guest(state, d);
        /* A guest that has ended has no use for it. */
        if (d->machine.stage == DOMAIN_CLEANUP || d->machine.stage == DOMAIN_HALTED ||
                d->machine.stage == DOMAIN_DUMP)
                return;
        if (!may_be_destroyed_soon(d, state))
                device_model_died(d);
}

void domain_watch_guest(Domain *d) {
        const HypervisorOps *ops = d->hypervisor->ops;
        ProcessId id;
        int r;

        r = ops->watch(d->hypervisor, on_guest, d);
        if (r < 0) {
                domain_fail(d, ERROR_DOMAIN_FAILED, "The domain cannot be watched: %s.", strerror(-r));
                return;
        }
        d->device_model = process_watch_free(d->device_model);
        r = ops->device_model(d->hypervisor, &id);
        if (r >= 0) {
                d->record.qemu = id;
                r = process_watch_new(d->event, &id, on_device_model_died, d, &d->device_model);
        }
        if (r == -ESRCH || r == -ENOENT)
                on_device_model_died(-1, d);
        else if (r < 0)
                (void) log_errno(r, "Cannot watch the device model of VM %s", d->order.vm.name_label);
}

/* A guest that reboots in a loop. */

static int on_wait_end(sd_event_source *source, uint64_t usec, void *userdata) {
        Domain *d = userdata;

        d->wait = sd_event_source_disable_unref(d->wait);
        domain_feed(d, DOMAIN_INPUT_WAITED);
        return 0;
}

void domain_wait(Domain *d) {
        uint64_t wait = domain_machine_wait(&d->machine);
        int r;

        log_warning("VM %s ended %" PRIu32 " times in a row within %.0f s of its start: its next domain is made in "
                    "%.0f s.",
                d->order.vm.name_label, d->machine.n_brief, (double) DOMAIN_BRIEF_LIFE / 1e6,
                (double) wait / 1e6);
        d->wait = sd_event_source_disable_unref(d->wait);
        r = sd_event_add_time_relative(d->event, &d->wait, CLOCK_MONOTONIC, wait, 0, on_wait_end, d);
        if (r < 0)
                (void) sd_event_exit(d->event, r);
}
