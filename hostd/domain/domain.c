/*
 * One VM's domain, from its order to its end
 *
 * The machine decides, and this file does it: each step gets what it needs, and reports its end by a callback that
 * feeds the machine. The callbacks stand in the order of a VM's life: prepared, made ready, created, running, ended.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "hostd/domain/domain-config.h"
#include "hostd/domain/domain-private.h"
#include "hostd/helper/core-dump.h"

/* The record is written first, then the action done. */

static void log_stage(const Domain *d) {
        log_info("VM %s: %s%s%s", d->order.vm.name_label, d->record.stage, *d->record.reason ? ", reason " : "",
                d->record.reason);
}

static void log_death(const Domain *d, const char *what, int status) {
        log_event(LOG_WARNING, MSG_EMULATOR_DIED, NULL, "The %s of VM %s %s.", what,
                d->order.vm.name_label, process_status_to_text(status, (char[80]){}));
}

static uint32_t domid_of(const Domain *d) {
        Hypervisor *h = d->world.hypervisor;
        DomainStage stage = d->machine.stage;

        return d->takedown.owned && stage != DOMAIN_WAIT && stage != DOMAIN_CREATE && stage != DOMAIN_HALTED
                       ? h->ops->domid(h)
                       : 0;
}

int domain_publish(Domain *d) {
        RunFolder *f = d->world.folder;
        int r;

        if (domain_update_record(d, domid_of(d)))
                log_stage(d);
        r = f->ops->write_record(f, &d->record);
        if (r < 0)
                (void) log_errno(r, "Cannot write domain.json in %s", d->world.program->folder);
        /* An end that is not on disk is not sent: the next instance finds the stage cleanup and does it once
         * more. */
        if (d->listens && (r >= 0 || d->machine.stage != DOMAIN_HALTED))
                f->ops->notify(f, &d->record);
        return r;
}

void domain_feed(Domain *d, DomainInput input) {
        DomainStage before = d->machine.stage;
        DomainAction action;
        int r = 0;

        domain_machine_step(&d->rules, &d->machine, input, &action);
        if (action != DOMAIN_ACTION_NONE || d->machine.stage != before)
                r = domain_publish(d);
        if (action == DOMAIN_ACTION_HALT && r < 0)
                loop_exit(d->world.loop, r);
        /* By the record that stands the next instance would take this domain for someone else's, and end without it. */
        else if (action == DOMAIN_ACTION_CREATE && r < 0 && !d->takedown.owned)
                domain_fail(d, ERROR_STORAGE_FAILED, "The domain's record cannot be written: %s.", strerror(-r));
        else
                domain_do(d, action);
}

void domain_set_error(Domain *d, ErrorCode code, const char *format, ...) {
        char *text;
        va_list args;

        if (d->record.error_name)
                return;
        va_start(args, format);
        text = text_vprintf(format, args);
        va_end(args);
        if (!text)
                return;
        free(d->record.error_message);
        d->record.error_name = strdup(error_code_name(code));
        d->record.error_message = text;
        log_error("VM %s: %s", d->order.vm.name_label, text);
}

/* 1. Prepared: the config laid out, memory there, no domain of this VM in the way. */

void domain_prepare(Domain *d) {
        Hypervisor *h = d->world.hypervisor;
        _cleanup_free_ char *error = NULL;
        GuestState state;
        int r;

        r = h->ops->find(h, &d->order.vm.uuid, &state);
        if (r != -ENOENT) {
                if (r < 0)
                        domain_fail(d, ERROR_DOMAIN_FAILED,
                                "The hypervisor does not say which domains there are: %s.", strerror(-r));
                else
                        domain_fail(d, ERROR_VM_BAD_POWER_STATE,
                                "A domain of this VM exists already: end it before starting the VM.");
                return;
        }
        r = h->ops->check_memory(h, d->config, &error);
        if (r == -ENOSPC)
                domain_fail(d, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY, "%s", error);
        else if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The host's free memory cannot be determined: %s.",
                        strerror(-r));
        else
                domain_feed(d, DOMAIN_INPUT_PREPARED);
}

/* 2. The VGPUs' functions are made ready, by a helper. */

static void build(Domain *d);

static int lay_out_again(Domain *d) {
        _cleanup_free_ char *error = NULL;
        struct json_object *config;
        ErrorCode code;
        int r;

        r = domain_config_lay_out(&d->order, d->world.program->dm, &config, &code, &error);
        if (r < 0)
                return r;
        json_object_put(d->config);
        d->config = config;
        return 0;
}

static void set_up(Domain *d);

static void on_set_up(int result, const char *words, void *userdata) {
        Domain *d = userdata;
        int r;

        if (result < 0) {
                domain_fail(d, ERROR_DOMAIN_FAILED, "%s", words);
                return;
        }
        if (d->setup_step == SETUP_AGAIN) {
                set_up(d);
                return;
        }
        r = vgpu_setup_apply(&d->order, words);
        if (r > 0)
                r = lay_out_again(d);
        if (r >= 0)
                r = domain_note_function(d);
        if (r >= 0)
                build(d);
        else
                domain_fail(d, ERROR_DOMAIN_FAILED, "The virtual function '%s' cannot be used: %s.", words, strerror(-r));
}

static void set_up(Domain *d) {
        _cleanup_(helper_work_done) HelperWork work = {};
        Processes *p = d->world.processes;
        int r;

        d->setup_step = vgpu_setup_work(d->world.program, &d->order, &work);
        if (d->setup_step == SETUP_NOTHING) {
                build(d);
                return;
        }
        d->setup = p->ops->end_helper(d->setup);
        r = p->ops->start_helper(p, &work, on_set_up, d, &d->setup);
        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The helper that makes the VM's GPU ready cannot be started: %s.",
                        strerror(-r));
}

/* 3. Created: meanwhile xenvgpu-dm reports its progress in dm.json. */

static void on_emulator_died(int status, void *userdata) {
        Domain *d = userdata;

        if (d->machine.stage == DOMAIN_QEMU || d->machine.stage == DOMAIN_UNPAUSE) {
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR, "The vgpu emulator %s while the VM was starting.",
                        process_status_to_text(status, (char[80]){}));
                return;
        }
        if (d->machine.stage != DOMAIN_CLEANUP && d->machine.stage != DOMAIN_DUMP)
                log_death(d, "display emulator", status);
        domain_feed(d, DOMAIN_INPUT_EMULATOR_DIED);
}

void domain_read_dm(void *userdata) {
        _cleanup_(dm_record_done) DmRecord dm = {};
        Domain *d = userdata;

        if (d->world.folder->ops->read_dm(d->world.folder, &dm) < 0)
                return;
        emulator_follow(&d->emulator, &dm.emulator);
        if (dm.qemu.pid > 0)
                d->record.qemu = dm.qemu;

        if (streq(dm.stage, "emulator"))
                domain_feed(d, DOMAIN_INPUT_DM_EMULATOR);
        else if (streq(dm.stage, "ready")) {
                domain_feed(d, DOMAIN_INPUT_DM_READY);
                /* It ended after it was recorded and before we watched it. */
                if (d->emulator.dead)
                        on_emulator_died(-1, d);
        }
}

static void end_creation(Domain *d) {
        d->creating = false;
        d->world.folder->ops->unwatch_dm(d->world.folder);
}

static void on_created(int result, const char *error, void *userdata) {
        _cleanup_(dm_record_done) DmRecord dm = {};
        Domain *d = userdata;
        RunFolder *f = d->world.folder;

        domain_read_dm(d);
        end_creation(d);
        if (d->machine.stage == DOMAIN_CLEANUP)
                takedown_start(&d->takedown); /* which waited for this */
        else if (result >= 0)
                domain_feed(d, DOMAIN_INPUT_CREATED);
        /* The message that the device model left is nearer to the cause than the hypervisor's. */
        else if (f->ops->read_dm(f, &dm) >= 0 && streq(dm.stage, "failed") && *dm.error)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR, "%s", dm.error);
        else
                domain_fail(d,
                        result == -ENOSPC   ? ERROR_HOST_NOT_ENOUGH_FREE_MEMORY
                        : result == -ECHILD ? ERROR_FAILED_TO_START_EMULATOR
                                            : ERROR_DOMAIN_FAILED,
                        "%s", error);
}

static void build(Domain *d) {
        Hypervisor *h = d->world.hypervisor;
        RunFolder *f = d->world.folder;
        int r;

        emulator_forget(&d->emulator);
        d->takedown.owned = true;
        d->creating = true;
        /* While the domain is made, and no longer: root has 128 instances of inotify on many machines, and all its
         * programs need them. */
        r = f->ops->watch_dm(f, domain_read_dm, d);
        if (r >= 0)
                r = h->ops->create(h, d->config, on_created, d);
        if (r < 0) {
                end_creation(d);
                domain_fail(d, ERROR_DOMAIN_FAILED, "The domain cannot be created: %s.", strerror(-r));
        }
}

/* 4. Unpaused, once the emulator says "running". */

static void watch_guest(Domain *d) {
        int r = guest_watch_start(&d->guest);

        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The domain cannot be watched: %s.", strerror(-r));
}

static void on_emulator_ready(int result, void *userdata) {
        Domain *d = userdata;

        if (result >= 0)
                domain_feed(d, DOMAIN_INPUT_EMULATOR_RUNNING);
        else if (result == -ETIMEDOUT)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR,
                        "The vgpu emulator did not say \"running\" within %.1f seconds.",
                        (double) d->world.program->running_timeout / 1e6);
        else
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR,
                        "The vgpu emulator reported an error after qemu was up.");
}

static void await_emulator(Domain *d) {
        int r;

        watch_guest(d);
        if (d->machine.stage != DOMAIN_UNPAUSE)
                return;
        if (!d->needs_emulator || d->world.program->emulator_form == EMULATOR_FORM_6X) {
                domain_feed(d, DOMAIN_INPUT_EMULATOR_RUNNING);
                return;
        }
        r = emulator_await(&d->emulator);
        if (r < 0)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR, "The emulator's state cannot be watched: %s.",
                        strerror(-r));
}

static void on_unpaused(int result, const char *error, void *userdata) {
        Domain *d = userdata;

        if (result < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "%s", error);
        else {
                d->running_since = loop_now(d->world.loop, LOOP_MONOTONIC);
                domain_feed(d, DOMAIN_INPUT_UNPAUSED);
        }
}

static void unpause(Domain *d) {
        Hypervisor *h = d->world.hypervisor;
        int r;

        /* Stored before the guest is unpaused, because a guest that was never unpaused may be started elsewhere. */
        d->record.let_go = true;
        r = domain_publish(d);
        if (r < 0) {
                d->record.let_go = false;
                domain_fail(d, ERROR_STORAGE_FAILED, "The domain's record cannot be written: %s.", strerror(-r));
                return;
        }
        r = h->ops->unpause(h, on_unpaused, d);
        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The domain cannot be unpaused: %s.", strerror(-r));
}

/* 5. The guest ends by itself, or its qemu or emulator does, or it is ended. */

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

        if (state == GUEST_REBOOT && after_death_restarts(d->rules.on_reboot) && !d->machine.stop_wanted &&
                d->machine.stage != DOMAIN_DUMP)
                d->record.reboots++;
        d->machine.brief = d->running_since > 0 && loop_now(d->world.loop, LOOP_MONOTONIC) - d->running_since <
                                                           DOMAIN_BRIEF_LIFE;
        domain_feed(d, inputs[state]);
}

static void on_device_model_lost(int status, void *userdata) {
        Domain *d = userdata;

        log_death(d, "device model", status);
        domain_set_error(d, ERROR_DOMAIN_FAILED, "The device model of the VM %s, so its domain was destroyed.",
                process_status_to_text(status, (char[80]){}));
        domain_feed(d, DOMAIN_INPUT_DM_DIED);
}

static void ask_guest(Domain *d) {
        int r = d->world.hypervisor->ops->ask_shutdown(d->world.hypervisor);

        if (r < 0)
                (void) log_errno(r, "Cannot ask VM %s to shut down", d->order.vm.name_label);
}

static void crash_guest(Domain *d) {
        int r = d->world.hypervisor->ops->crash(d->world.hypervisor);

        if (r < 0)
                (void) log_errno(r, "Cannot end VM %s as crashed", d->order.vm.name_label);
}

/* 6. Its memory is written to a file. Its domain stands until that is done, or cannot be: what follows does not depend on
 * it. */

static void on_dumped(int result, const char *words, void *userdata) {
        Domain *d = userdata;

        d->dump = d->world.processes->ops->end_helper(d->dump);
        if (result >= 0)
                log_notice("The core of VM %s is in %s.", d->order.vm.name_label, words);
        else {
                core_dump_forget(d->world.program, &d->record.uuid);
                log_warning("There is no core of VM %s. %s", d->order.vm.name_label, words);
        }
        domain_feed(d, DOMAIN_INPUT_DUMPED);
}

static void dump(Domain *d) {
        _cleanup_(helper_work_done) HelperWork work = {};
        const DomainProgram *program = d->world.program;
        Processes *p = d->world.processes;
        int r;

        if (program->core_dumps == 0 || isempty(program->core_dump_folder)) {
                log_notice("No core of VM %s is written: the settings want none.", d->order.vm.name_label);
                domain_feed(d, DOMAIN_INPUT_DUMPED);
                return;
        }
        work = core_dump_work(program, &d->record.uuid, domid_of(d));
        r = p->ops->start_helper(p, &work, on_dumped, d, &d->dump);
        if (r < 0)
                on_dumped(r, strerror(-r), d);
}

static void give_up_dump(Domain *d) {
        if (!d->dump)
                return;
        d->dump = d->world.processes->ops->end_helper(d->dump);
        core_dump_forget(d->world.program, &d->record.uuid);
        log_warning("The core of VM %s is given up, since the VM is to end.", d->order.vm.name_label);
}

/* 7. It is taken down. */

static void on_taken_down(void *userdata) {
        Domain *d = userdata;

        emulator_forget(&d->emulator);
        d->record.qemu = (ProcessId){};
        domain_feed(d, DOMAIN_INPUT_CLEANED);
}

static void take_down(Domain *d) {
        emulator_await_no_more(&d->emulator);
        d->setup = d->world.processes->ops->end_helper(d->setup);
        give_up_dump(d);
        loop_timer_stop(d->wait);
        guest_watch_stop(&d->guest);

        /* A cancelled create calls back, and the takedown begins then. */
        if (d->creating)
                d->world.hypervisor->ops->cancel_create(d->world.hypervisor);
        else
                takedown_start(&d->takedown);
}

/* 8. One that reboots in a loop waits for its next domain. */

static void on_wait_end(void *userdata) {
        domain_feed(userdata, DOMAIN_INPUT_WAITED);
}

static void wait_for_next(Domain *d) {
        uint64_t wait = domain_machine_wait(&d->machine);
        int r;

        log_warning("VM %s ended %" PRIu32 " times in a row within %.0f s of its start: its next domain is made in "
                    "%.0f s.",
                d->order.vm.name_label, d->machine.n_brief, (double) DOMAIN_BRIEF_LIFE / 1e6,
                (double) wait / 1e6);
        r = loop_call_in(d->world.loop, &d->wait, wait, on_wait_end, d);
        if (r < 0)
                loop_exit(d->world.loop, r);
}

static void watch_again(Domain *d) {
        watch_guest(d);
        if (d->machine.stage == DOMAIN_STOP)
                ask_guest(d);
}

static void halt(Domain *d) {
        loop_exit(d->world.loop, 0);
}

void domain_do(Domain *d, DomainAction action) {
        static void (*const steps[_DOMAIN_ACTION_MAX])(Domain *d) = {
                [DOMAIN_ACTION_CREATE] = set_up,
                [DOMAIN_ACTION_AWAIT_EMULATOR] = await_emulator,
                [DOMAIN_ACTION_WATCH_GUEST] = watch_again,
                [DOMAIN_ACTION_UNPAUSE] = unpause,
                [DOMAIN_ACTION_ASK_GUEST] = ask_guest,
                [DOMAIN_ACTION_CRASH_GUEST] = crash_guest,
                [DOMAIN_ACTION_DUMP] = dump,
                [DOMAIN_ACTION_CLEANUP] = take_down,
                [DOMAIN_ACTION_WAIT] = wait_for_next,
                [DOMAIN_ACTION_HALT] = halt,
        };

        if (steps[action])
                steps[action](d);
}

int domain_new(const DomainWorld *world, Domain **ret) {
        Domain *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->world = *world;
        d->record.program = world->self;
        d->emulator = (EmulatorStep){
                .world = &d->world,
                .id = &d->record.emulator,
                .died = on_emulator_died,
                .ready = on_emulator_ready,
                .userdata = d,
        };
        d->guest = (GuestWatch){
                .world = &d->world,
                .vm = &d->order.vm.uuid,
                .machine = &d->machine,
                .qemu = &d->record.qemu,
                .changed = on_guest,
                .lost = on_device_model_lost,
                .userdata = d,
        };
        d->takedown = (Takedown){
                .world = &d->world,
                .machine = &d->machine,
                .record = &d->record,
                .order = &d->order,
                .done = on_taken_down,
                .userdata = d,
        };
        *ret = d;
        return 0;
}

Domain *domain_free(Domain *d) {
        const ProcessOps *processes;

        if (!d)
                return NULL;
        processes = d->world.processes->ops;
        (void) processes->end_helper(d->setup);
        (void) processes->end_helper(d->dump);
        emulator_done(&d->emulator);
        guest_watch_done(&d->guest);
        takedown_done(&d->takedown);
        (void) loop_timer_free(d->wait);
        (void) loop_timer_free(d->patience);
        json_object_put(d->config);
        start_order_done(&d->order);
        run_record_done(&d->record);
        free(d);
        return NULL;
}
