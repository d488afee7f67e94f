/*
 * One VM's domain, from its order to its end
 *
 * The machine decides, this file does. Callbacks stand in the order of a VM's life: prepared, created,
 * running, ended.
 */

#include <stdarg.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/domain/domain-config.h"
#include "hostd/domain/domain-private.h"

#define WIND_UP_PATIENCE (60 * UINT64_C(1000000))

Domain *domain_free(Domain *d) {
        if (!d)
                return NULL;

        (void) emulator_state_free(d->emulator_state);
        (void) helper_process_free(d->function);
        (void) helper_process_free(d->dump);
        (void) process_watch_free(d->emulator);
        (void) process_watch_free(d->device_model);
        (void) process_watch_free(d->ending);
        d->folder_watch = folder_watch_free(d->folder_watch);
        sd_event_source_disable_unref(d->retry);
        sd_event_source_disable_unref(d->doubt);
        sd_event_source_disable_unref(d->wait);
        sd_event_source_disable_unref(d->patience);
        (void) control_free(d->control);
        (void) hypervisor_free(d->hypervisor);
        json_object_put(d->config);
        start_order_done(&d->order);
        run_record_done(&d->record);
        sd_event_unref(d->event);
        free(d);
        return NULL;
}

static void log_stage(const Domain *d) {
        char vm[sizeof(FIELD_VM) + UUID_TEXT_MAX];

        (void) snprintf(vm, sizeof(vm), FIELD_VM "%s", UUID_TEXT(&d->record.uuid));
        log_full(LOG_INFO, NULL, FIELDS(vm), "VM %s: %s%s%s", d->order.vm.name_label, d->record.stage,
                *d->record.reason ? ", reason " : "", d->record.reason);
}

void domain_log_death(const Domain *d, const char *what, int status) {
        char vm[sizeof(FIELD_VM) + UUID_TEXT_MAX];

        (void) snprintf(vm, sizeof(vm), FIELD_VM "%s", UUID_TEXT(&d->record.uuid));
        log_event(LOG_WARNING, MSG_EMULATOR_DIED, FIELDS(vm), "The %s of VM %s %s.", what,
                d->order.vm.name_label, process_status_to_text(status, (char[80]){}));
}

/* The record: what the machine, the hypervisor and the watches say, in one place. */

static VmState vm_state_of(const Domain *d) {
        switch (d->machine.stage) {
        case DOMAIN_PREPARE:
        case DOMAIN_CREATE:
        case DOMAIN_EMULATOR:
        case DOMAIN_QEMU:
        case DOMAIN_UNPAUSE:
        case DOMAIN_WAIT:
                return d->machine.was_running ? VM_STATE_RUNNING : VM_STATE_STARTING;
        case DOMAIN_RUNNING:
        case DOMAIN_CRASHED:
                return VM_STATE_RUNNING;
        case DOMAIN_STOP:
                return VM_STATE_STOPPING;
        case DOMAIN_DUMP:
        case DOMAIN_CLEANUP:
                return d->machine.again ? d->record.state : VM_STATE_STOPPING;
        case DOMAIN_HALTED:
        case _DOMAIN_STAGE_MAX:
        case _DOMAIN_STAGE_INVALID:
                break;
        }
        return VM_STATE_HALTED;
}

static void set_text(char **text, const char *value) {
        char *copy = strdup(value);

        /* Without memory the old text stays: a stale stage is better than none. */
        if (copy) {
                free(*text);
                *text = copy;
        }
}

/* A guest that reboots is no start. */
static void count_start(Domain *d) {
        StartStage stage = start_stage_from_string(domain_stage_to_string(d->machine.stage));
        StartTimes *times = &d->record.start_times;

        if (times->began != 0 && times->since == 0)
                return;
        if (stage >= 0 && !d->machine.was_running)
                start_times_enter(times, stage, start_times_now());
        else
                start_times_end(times, start_times_now());
}

static void update_record(Domain *d) {
        DomainStage stage = d->machine.stage;
        bool plugged = stage == DOMAIN_RUNNING || stage == DOMAIN_STOP || stage == DOMAIN_CRASHED;
        bool changed = !d->record.stage || !streq(d->record.stage, domain_stage_to_string(stage));
        RunRecord *rec = &d->record;

        rec->state = vm_state_of(d);
        rec->progress = domain_stage_progress(stage);
        rec->domid = d->owned && stage != DOMAIN_WAIT && stage != DOMAIN_CREATE && stage != DOMAIN_HALTED
                             ? d->hypervisor->ops->domid(d->hypervisor)
                             : 0;
        rec->vgpus_active = d->order.n_vgpus > 0 && d->machine.was_running && stage != DOMAIN_HALTED;
        rec->vgpus_plugged = d->order.n_vgpus > 0 && plugged && !(d->needs_emulator && d->emulator_dead);
        rec->pcis_plugged = d->order.n_pcis > 0 && plugged;
        if (d->emulator_dead || stage == DOMAIN_HALTED)
                rec->emulator = (ProcessId){};
        if (stage == DOMAIN_HALTED || stage == DOMAIN_CREATE)
                rec->qemu = (ProcessId){};
        rec->brief_lives = d->machine.n_brief;
        set_text(&rec->stage, domain_stage_to_string(stage));
        set_text(&rec->reason, domain_end_to_string(d->machine.end));
        if (changed) {
                count_start(d);
                log_stage(d);
        }
}

int domain_publish(Domain *d) {
        int r;

        update_record(d);
        r = run_record_write(d->program->folder, &d->record);
        if (r < 0)
                (void) log_errno(r, "Cannot write domain.json in %s", d->program->folder);
        /* An end that is not on disk did not happen: whoever starts us again finds the cleanup and does it
         * once more. */
        if (d->control && (r >= 0 || d->machine.stage != DOMAIN_HALTED))
                (void) control_publish(d->control, &d->record);
        return r;
}

static _printf_(3, 0) void set_error(Domain *d, ErrorCode code, const char *format, va_list args) {
        char *text;

        if (d->record.error_name || vasprintf(&text, format, args) < 0)
                return;
        free(d->record.error_message);
        d->record.error_name = strdup(error_code_name(code));
        d->record.error_message = text;
        log_error("VM %s: %s", d->order.vm.name_label, text);
}

void domain_set_error(Domain *d, ErrorCode code, const char *format, ...) {
        va_list args;

        va_start(args, format);
        set_error(d, code, format, args);
        va_end(args);
}

void domain_fail(Domain *d, ErrorCode code, const char *format, ...) {
        va_list args;

        va_start(args, format);
        set_error(d, code, format, args);
        va_end(args);
        domain_feed(d, DOMAIN_INPUT_FAILED);
}

void domain_feed(Domain *d, DomainInput input) {
        DomainStage before = d->machine.stage;
        DomainAction action;
        int r = 0;

        domain_machine_step(&d->rules, &d->machine, input, &action);
        if (action != DOMAIN_ACTION_NONE || d->machine.stage != before)
                r = domain_publish(d);
        if (action == DOMAIN_ACTION_HALT && r < 0)
                (void) sd_event_exit(d->event, r);
        else
                domain_do(d, action);
}

/* 1. Prepared: the config laid out, memory there, no domain of this VM in the way. */

static void prepare(Domain *d) {
        _cleanup_free_ char *error = NULL;
        GuestState state;
        int r;

        r = d->hypervisor->ops->find(d->hypervisor, &d->order.vm.uuid, &state);
        if (r != -ENOENT) {
                if (r < 0)
                        domain_fail(d, ERROR_DOMAIN_FAILED,
                                "The hypervisor does not say which domains there are: %s.", strerror(-r));
                else
                        domain_fail(d, ERROR_VM_BAD_POWER_STATE,
                                "A domain of this VM exists already: end it before starting the VM.");
                return;
        }
        r = d->hypervisor->ops->check_memory(d->hypervisor, d->config, &error);
        if (r == -ENOSPC)
                domain_fail(d, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY, "%s", error);
        else if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The host's free memory cannot be determined: %s.",
                        strerror(-r));
        else
                domain_feed(d, DOMAIN_INPUT_PREPARED);
}

/* 2. Created: meanwhile xenvgpu-dm tells its part through dm.json. */

static void on_emulator_died(int status, void *userdata) {
        Domain *d = userdata;

        d->emulator_dead = true;
        if (d->machine.stage == DOMAIN_QEMU || d->machine.stage == DOMAIN_UNPAUSE) {
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR,
                        "The vgpu emulator %s while the VM was starting.",
                        process_status_to_text(status, (char[80]){}));
                return;
        }
        if (d->machine.stage != DOMAIN_CLEANUP && d->machine.stage != DOMAIN_DUMP)
                domain_log_death(d, "display emulator", status);
        domain_feed(d, DOMAIN_INPUT_EMULATOR_DIED);
}

static void watch_emulator(Domain *d, const ProcessId *id) {
        int r;

        if (id->pid == 0 || (d->record.emulator.pid == id->pid &&
                                    d->record.emulator.start_time == id->start_time && d->emulator))
                return;
        d->emulator = process_watch_free(d->emulator);
        d->record.emulator = *id;
        d->emulator_dead = false;
        r = process_watch_new(d->event, id, on_emulator_died, d, &d->emulator);
        if (r == -ESRCH)
                d->emulator_dead = true;
        else if (r < 0)
                (void) log_errno(r, "Cannot watch the emulator of VM %s", d->order.vm.name_label);
}

void domain_read_dm_record(Domain *d) {
        _cleanup_(dm_record_done) DmRecord dm = {};

        if (dm_record_read(d->program->folder, &dm) < 0)
                return;
        watch_emulator(d, &dm.emulator);
        if (dm.qemu.pid > 0)
                d->record.qemu = dm.qemu;

        if (streq(dm.stage, "emulator"))
                domain_feed(d, DOMAIN_INPUT_DM_EMULATOR);
        else if (streq(dm.stage, "ready")) {
                domain_feed(d, DOMAIN_INPUT_DM_READY);
                /* It ended between its last word and our first look. */
                if (d->emulator_dead)
                        on_emulator_died(-1, d);
        }
}

static void on_folder(const char *name_or_null, void *userdata) {
        Domain *d = userdata;

        if (!name_or_null || streq(name_or_null, "dm.json"))
                domain_read_dm_record(d);
}

static void on_created(int result, const char *error, void *userdata) {
        _cleanup_(dm_record_done) DmRecord dm = {};
        Domain *d = userdata;

        domain_read_dm_record(d);
        d->creating = false;
        d->folder_watch = folder_watch_free(d->folder_watch);
        if (d->machine.stage == DOMAIN_CLEANUP)
                domain_cleanup_after_create(d);
        else if (result >= 0)
                domain_feed(d, DOMAIN_INPUT_CREATED);
        /* What the device model left is nearer to the cause than the hypervisor's word. */
        else if (dm_record_read(d->program->folder, &dm) >= 0 && streq(dm.stage, "failed") && *dm.error)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR, "%s", dm.error);
        else if (result == -ENOSPC)
                domain_fail(d, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY, "%s", error);
        else if (result == -ECHILD)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR, "%s", error);
        else
                domain_fail(d, ERROR_DOMAIN_FAILED, "%s", error);
}

void domain_build(Domain *d) {
        _cleanup_free_ char *old = path_join(d->program->folder, "dm.json");
        int r = -ENOMEM;

        d->emulator = process_watch_free(d->emulator);
        d->emulator_dead = false;
        d->record.emulator = (ProcessId){};
        d->owned = true;
        d->creating = true;
        if (old)
                r = unlink(old) < 0 && errno != ENOENT ? -errno : 0;
        /* While the domain is made, and no longer: root has 128 instances of inotify on many machines, and all its
         * programs need them. */
        if (r >= 0)
                r = folder_watch_new(
                        d->event, d->program->folder, IN_MOVED_TO, on_folder, d, &d->folder_watch);
        if (r >= 0)
                r = d->hypervisor->ops->create(d->hypervisor, d->config, on_created, d);
        if (r < 0) {
                d->creating = false;
                d->folder_watch = folder_watch_free(d->folder_watch);
                domain_fail(d, ERROR_DOMAIN_FAILED, "The domain cannot be created: %s.", strerror(-r));
        }
}

/* 3. Unpaused, once the emulator says "running". */

static void on_emulator_running(int result, void *userdata) {
        Domain *d = userdata;

        d->emulator_state = emulator_state_free(d->emulator_state);
        if (result >= 0)
                domain_feed(d, DOMAIN_INPUT_EMULATOR_RUNNING);
        else if (result == -ETIMEDOUT)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR,
                        "The vgpu emulator did not say \"running\" within %.1f seconds.",
                        (double) d->program->running_timeout / 1e6);
        else
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR,
                        "The vgpu emulator reported an error after qemu was up.");
}

static void await_emulator(Domain *d) {
        int r;

        domain_watch_guest(d);
        if (d->machine.stage != DOMAIN_UNPAUSE)
                return;
        if (!d->needs_emulator || d->program->emulator_form == EMULATOR_FORM_6X) {
                domain_feed(d, DOMAIN_INPUT_EMULATOR_RUNNING);
                return;
        }
        r = emulator_state_await(d->event, d->hypervisor->ops->domid(d->hypervisor),
                d->program->running_timeout, on_emulator_running, d, &d->emulator_state);
        if (r < 0)
                domain_fail(d, ERROR_FAILED_TO_START_EMULATOR, "The emulator's state cannot be watched: %s.",
                        strerror(-r));
}

static void on_unpaused(int result, const char *error, void *userdata) {
        Domain *d = userdata;

        if (result < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "%s", error);
        else {
                d->running_since = start_times_now();
                domain_feed(d, DOMAIN_INPUT_UNPAUSED);
        }
}

static void unpause(Domain *d) {
        int r;

        /* On disk before it is done: what was never let go may be started elsewhere. */
        d->record.let_go = true;
        r = domain_publish(d);
        if (r < 0) {
                d->record.let_go = false;
                domain_fail(
                        d, ERROR_STORAGE_FAILED, "The domain's record cannot be written: %s.", strerror(-r));
                return;
        }
        r = d->hypervisor->ops->unpause(d->hypervisor, on_unpaused, d);
        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The domain cannot be unpaused: %s.", strerror(-r));
}

/* 4. The guest is asked to end, or made to; how it ends of itself stands in domain-guest.c. */

static void ask_guest(Domain *d) {
        int r;

        r = d->hypervisor->ops->ask_shutdown(d->hypervisor);
        if (r < 0)
                (void) log_errno(r, "Cannot ask VM %s to shut down", d->order.vm.name_label);
}

static void crash_guest(Domain *d) {
        int r;

        r = d->hypervisor->ops->crash(d->hypervisor);
        if (r < 0)
                (void) log_errno(r, "Cannot end VM %s as crashed", d->order.vm.name_label);
}

/* 5. Someone wants it to stop. */

static void on_stop(const Uuid *token, bool force, void *userdata) {
        Domain *d = userdata;

        d->record.stop_token = *token;
        d->record.stop_force = d->record.stop_force || force;
        domain_feed(d, force ? DOMAIN_INPUT_STOP_FORCE : DOMAIN_INPUT_STOP);
        (void) domain_publish(d);
}

static int on_patience_end(sd_event_source *source, uint64_t usec, void *userdata) {
        Domain *d = userdata;

        log_warning("VM %s did not power off, ending it by force.", d->order.vm.name_label);
        domain_feed(d, DOMAIN_INPUT_STOP_FORCE);
        return 0;
}

void domain_wind_up(Domain *d) {
        int r;

        if (d->patience)
                return;
        r = sd_event_add_time_relative(
                d->event, &d->patience, CLOCK_MONOTONIC, WIND_UP_PATIENCE, 0, on_patience_end, d);
        domain_feed(d, r < 0 ? DOMAIN_INPUT_STOP_FORCE : DOMAIN_INPUT_STOP);
}

void domain_do(Domain *d, DomainAction action) {
        switch (action) {
        case DOMAIN_ACTION_NONE:
        case DOMAIN_ACTION_NOTE_EMULATOR:
                break;
        case DOMAIN_ACTION_CREATE:
                domain_choose_function(d);
                break;
        case DOMAIN_ACTION_AWAIT_EMULATOR:
                await_emulator(d);
                break;
        case DOMAIN_ACTION_UNPAUSE:
                unpause(d);
                break;
        case DOMAIN_ACTION_ASK_GUEST:
                ask_guest(d);
                break;
        case DOMAIN_ACTION_CRASH_GUEST:
                crash_guest(d);
                break;
        case DOMAIN_ACTION_DUMP:
                domain_dump(d);
                break;
        case DOMAIN_ACTION_CLEANUP:
                domain_cleanup(d);
                break;
        case DOMAIN_ACTION_WAIT:
                domain_wait(d);
                break;
        case DOMAIN_ACTION_HALT:
                (void) sd_event_exit(d->event, 0);
                break;
        }
}

int domain_listen(Domain *d) {
        int r;

        r = control_new(d->event, d->program->folder, on_stop, d, &d->control);
        return r < 0 ? log_errno(r, "Cannot listen in %s", d->program->folder) : 0;
}

int domain_new(sd_event *event, const DomainProgram *program, Hypervisor *hypervisor, Domain **ret) {
        Domain *d;
        int r;

        d = calloc(1, sizeof(*d));
        if (!d) {
                (void) hypervisor_free(hypervisor);
                return -ENOMEM;
        }
        d->event = sd_event_ref(event);
        d->program = program;
        d->hypervisor = hypervisor;
        r = process_id_of(getpid(), &d->record.program);
        if (r < 0) {
                (void) domain_free(d);
                return r;
        }
        *ret = d;
        return 0;
}

static int read_order(Domain *d) {
        JsonReader reader = {};
        int r;

        r = run_order_read(&reader, d->program->folder, &d->order);
        if (r == -EBADMSG) {
                log_error("Cannot use order.json in %s: %s", d->program->folder, reader.error);
                return r;
        }
        if (r < 0)
                return log_errno(r, "Cannot read order.json in %s", d->program->folder);

        d->needs_emulator = d->order.n_vgpus > 0 && d->order.vgpus[0].kind == VGPU_KIND_NVIDIA;
        domain_config_rules(d->order.vm.config, &d->rules);
        d->rules.crash_on_emulator_death = d->program->crash_on_emulator_death;
        d->record.uuid = d->order.vm.uuid;
        d->record.token = d->order.token;
        return 0;
}

int domain_begin(Domain *d) {
        _cleanup_free_ char *error = NULL;
        ErrorCode code = ERROR_NONE;
        int r, laid_out;

        r = read_order(d);
        if (r < 0)
                return r;
        laid_out = domain_config_lay_out(&d->order, d->program->dm, &d->config, &code, &error);
        if (laid_out < 0 && laid_out != -EINVAL)
                return laid_out;

        r = domain_adopt(d);
        if (r != 0)
                return r < 0 ? r : 0;

        r = domain_listen(d);
        if (r < 0)
                return r;
        (void) domain_publish(d);
        if (laid_out < 0)
                domain_fail(d, code, "%s", error);
        else if (!uuid_is_null(&d->record.stop_token)) /* of an instance that was cut off as it prepared */
                domain_feed(d, DOMAIN_INPUT_STOP);
        else
                prepare(d);
        return 0;
}
