/*
 * How a domain ends
 *
 * A create that is under way is cancelled first. Then the emulator ends, before qemu; then the domain with
 * its device model; then the emulator once more, for xenvgpu-dm may have started it while we were looking, and
 * qemu, which holds the disks and may have been deaf when a create that failed told it to go. What was taken of
 * the host beside is given back, unless the guest reboots. Only then nothing of the VM is left. What fails is
 * tried again, without end: as long as the domain may be there, the VM has not halted.
 */

#include "common/daemon/log.h"
#include "hostd/domain/domain-private.h"

#define GRACE (5 * UINT64_C(1000000))
#define RETRY_PAUSE UINT64_C(1000000)

static void destroy(Domain *d);

/* Returns false when there is none to end. */
static bool end_process(Domain *d, const char *what, const ProcessId *id, ProcessEnded ended) {
        int r;

        if (id->pid == 0)
                return false;
        d->ending = process_watch_free(d->ending);
        r = process_end_new(d->event, id, GRACE, ended, d, &d->ending);
        if (r < 0 && r != -ESRCH)
                (void) log_errno(r, "Cannot end the %s of VM %s", what, d->order.vm.name_label);
        return r >= 0;
}

static bool end_emulator(Domain *d, ProcessEnded ended) {
        _cleanup_(dm_record_done) DmRecord dm = {};
        ProcessId id = d->record.emulator;

        if (dm_record_read(d->program->folder, &dm) >= 0 && dm.emulator.pid > 0)
                id = dm.emulator;
        return end_process(d, "emulator", &id, ended);
}

static bool end_qemu(Domain *d, ProcessEnded ended) {
        _cleanup_(dm_record_done) DmRecord dm = {};
        ProcessId id = d->record.qemu;

        if (dm_record_read(d->program->folder, &dm) >= 0 && dm.qemu.pid > 0)
                id = dm.qemu;
        return end_process(d, "device model", &id, ended);
}

/* Nothing runs any more. */

static void retry_later(Domain *d, const char *error);

static void on_given_back(int result, const char *error, void *userdata) {
        if (result < 0)
                retry_later(userdata, error);
        else
                domain_feed(userdata, DOMAIN_INPUT_CLEANED);
}

static void finish(Domain *d) {
        const HypervisorOps *ops = d->hypervisor->ops;
        int r;

        d->ending = process_watch_free(d->ending);
        d->emulator = process_watch_free(d->emulator);
        d->record.emulator = d->record.qemu = (ProcessId){};
        if (!d->owned || d->machine.again || !ops->give_back) {
                domain_feed(d, DOMAIN_INPUT_CLEANED);
                return;
        }
        r = ops->give_back(d->hypervisor, on_given_back, d);
        if (r < 0)
                retry_later(d, strerror(-r));
}

static void on_late_qemu_ended(int status, void *userdata) {
        finish(userdata);
}

static void on_late_emulator_ended(int status, void *userdata) {
        Domain *d = userdata;

        if (!end_qemu(d, on_late_qemu_ended))
                finish(d);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        destroy(userdata);
        return 0;
}

static void retry_later(Domain *d, const char *error) {
        int r;

        log_error("Cannot take down VM %s, trying again: %s", d->order.vm.name_label, error);
        d->retry = sd_event_source_disable_unref(d->retry);
        r = sd_event_add_time_relative(d->event, &d->retry, CLOCK_MONOTONIC, RETRY_PAUSE, 0, on_retry, d);
        if (r < 0)
                (void) sd_event_exit(d->event, r);
}

static void on_destroyed(int result, const char *error, void *userdata) {
        Domain *d = userdata;

        if (result < 0)
                retry_later(d, error);
        else if (!end_emulator(d, on_late_emulator_ended))
                on_late_emulator_ended(-1, d);
}

static void destroy(Domain *d) {
        int r;

        d->retry = sd_event_source_disable_unref(d->retry);
        if (!d->owned) {
                finish(d);
                return;
        }
        r = d->hypervisor->ops->destroy(d->hypervisor, on_destroyed, d);
        if (r < 0)
                retry_later(d, strerror(-r));
}

static void on_emulator_ended(int status, void *userdata) {
        destroy(userdata);
}

void domain_cleanup_after_create(Domain *d) {
        if (!end_emulator(d, on_emulator_ended))
                destroy(d);
}

void domain_cleanup(Domain *d) {
        d->emulator_state = emulator_state_free(d->emulator_state);
        d->function = helper_process_free(d->function);
        domain_give_up_dump(d);
        d->device_model = process_watch_free(d->device_model);
        d->doubt = sd_event_source_disable_unref(d->doubt);
        d->wait = sd_event_source_disable_unref(d->wait);
        d->hypervisor->ops->unwatch(d->hypervisor);

        /* A cancelled create calls back, and goes on in domain_cleanup_after_create(). */
        if (d->creating)
                d->hypervisor->ops->cancel_create(d->hypervisor);
        else
                domain_cleanup_after_create(d);
}
