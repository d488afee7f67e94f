/*
 * Following a VM's program
 *
 * The functions stand in the order in which things happen: the program is executed, listens, sends its
 * record, gets a stop order, says "halted". If it dies before that, the record in the run folder counts, and
 * another instance is started to adopt the domain, a few times. vm-end.c has the end of a VM, also of one
 * whose program cannot be kept running.
 */

#include <stdio.h>

#include "hostd/run/program.h"
#include "hostd/vm/vm-end.h"
#include "hostd/vm/vm-lease.h"
#include "hostd/vm/vm-program.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)
#define CONNECT_DELAY_FIRST (5 * MS)
#define CONNECT_DELAY_MAX (200 * MS)
#define LISTEN_WITHIN (30 * SECOND)
#define RESTART_DELAY_FIRST (100 * MS)
#define RESTART_DELAY_MAX (5 * SECOND)
#define RESTART_WINDOW (60 * SECOND)

static void connect_to_program(HostVm *vm);
static void program_is_gone(HostVm *vm);
static void start_again(HostVm *vm, const char *why);

static uint64_t now_of(const HostVm *vm) {
        return loop_now(vm->context->loop, LOOP_MONOTONIC);
}

static uint64_t next_delay(HostVm *vm, uint64_t first, uint64_t most) {
        uint64_t delay = vm->delay ? vm->delay : first;

        vm->delay = MIN_OF(2 * delay, most);
        return delay;
}

/* 1. The program is executed. */

static void on_executed(int result, const ProcessId *process, void *userdata);

static int build_argv(HostVm *vm, char ***ret) {
        const HostSettings *s = vm->context->settings;
        DomainProgram program = {
                .program = s->domain_program,
                .folder = vm->folder,
                .hypervisor = s->hypervisor,
                .sim_dir = s->sim_dir,
                .dm = s->dm_program,
                .emulator = s->emulator,
                .emulator_form = emulator_form_from_string(s->emulator_arguments),
                .emulator_timeout = s->emulator_timeout,
                .running_timeout = s->running_timeout,
                .qemu = s->qemu,
                .qemu_vgpu_args = s->qemu_vgpu_args,
                .sysfs = isempty(s->pci_dump) ? s->sysfs_path : NULL,
                .gimtool = s->gimtool,
                .gimtool_timeout = s->gimtool_timeout,
                .keep_divisions = streq_ptr(s->sriov_division, "fixed"),
                .core_dump_folder = s->core_dump_folder,
                .core_dumps = s->core_dumps,
                .crash_on_emulator_death = streq(s->on_emulator_death, "crash"),
                .adopt = vm->begun,
        };

        return domain_program_build_argv(&program, ret);
}

static int launch(HostVm *vm) {
        _cleanup_(strv_freep) char **argv = NULL;
        Programs *p = &vm->context->programs;
        int r;

        r = p->ops->make_folder(p, vm->folder, /* empty= */ !vm->begun, vm->order);
        if (r < 0)
                return r;
        r = build_argv(vm, &argv);
        if (r < 0)
                return r;
        return vm->context->units.ops->start(&vm->context->units, UUID_TEXT(&vm->uuid), vm->name_label,
                (const char *const *) argv, on_executed, vm, &vm->start);
}

static void start_program(HostVm *vm) {
        int r;

        if (!vm->begun)
                vm_enter_start(vm, START_LAUNCH);
        vm_set_phase(vm, VM_PHASE_LAUNCHING);
        r = launch(vm);
        if (r < 0) {
                log_vm(LOG_ERR, NULL, vm, "Failed to start the program of VM %s: %s", UUID_TEXT(&vm->uuid),
                        strerror(-r));
                start_again(vm, strerror(-r));
                return;
        }
        vm->begun = true;
}

void vm_begin(HostVm *vm) {
        vm_lease(vm, start_program);
}

/* 2. It runs; its end is watched from here on. */

static void on_program_end(int status, void *userdata) {
        program_is_gone(userdata);
}

/* -ESRCH: it is gone already. */
static int watch_program(HostVm *vm, const ProcessId *process) {
        Programs *p = &vm->context->programs;

        vm_unwatch_program(vm);
        vm->program = *process;
        return p->ops->watch(p, process, on_program_end, vm, &vm->program_watch);
}

static void follow(HostVm *vm, const ProcessId *process) {
        if (watch_program(vm, process) < 0) {
                program_is_gone(vm);
                return;
        }
        vm_set_phase(vm, VM_PHASE_WAITING);
        vm->delay = 0;
        connect_to_program(vm);
}

static void on_executed(int result, const ProcessId *process, void *userdata) {
        HostVm *vm = userdata;

        vm->start = NULL;
        if (result < 0) {
                log_vm(LOG_ERR, NULL, vm, "Failed to execute %s for VM %s: %s", vm->context->settings->domain_program,
                        UUID_TEXT(&vm->uuid), strerror(-result));
                start_again(vm, strerror(-result));
                return;
        }
        follow(vm, process);
}

/* 3. It listens. A starting program does not announce that it listens, so we try to connect until it does. */

static void on_record(RunRecord *record, void *userdata);
static void on_lost(int result, void *userdata);
static const RunLinkHandlers link_handlers = {.record = on_record, .lost = on_lost};

static void connect_to_program(HostVm *vm) {
        Programs *p = &vm->context->programs;
        int r;

        r = p->ops->connect(p, vm->folder, &link_handlers, vm, &vm->link);
        if (r >= 0) {
                loop_timer_stop(vm->timer);
                vm_set_phase(vm, VM_PHASE_FOLLOWED);
                if (vm->stop_wanted || vm->given_up)
                        vm_pass_stop(vm);
                return;
        }

        if (vm->delay == 0)
                vm->waiting_since = now_of(vm);
        if (now_of(vm) > vm->waiting_since + LISTEN_WITHIN) {
                log_vm(LOG_WARNING, NULL, vm, "The program of VM %s runs and does not listen; ending it.",
                        UUID_TEXT(&vm->uuid));
                p->ops->kill(p, &vm->program);
                return; /* on_program_end() goes on */
        }
        vm_arm(vm, next_delay(vm, CONNECT_DELAY_FIRST, CONNECT_DELAY_MAX), connect_to_program);
}

/* 4. It sends its record, on connecting and after each change. */

static bool is_ours(const HostVm *vm, const RunRecord *record) {
        return uuid_equal(&record->uuid, &vm->uuid) && uuid_equal(&record->token, &vm->token);
}

static bool same_vm(const RunRecord *a, const RunRecord *b) {
        return a->state == b->state && a->progress == b->progress && a->domid == b->domid &&
               streq_ptr(a->stage, b->stage) && streq_ptr(a->reason, b->reason) &&
               streq_ptr(a->error_name, b->error_name) && streq_ptr(a->error_message, b->error_message);
}

static bool same_gpus(const RunRecord *a, const RunRecord *b) {
        return a->vgpus_active == b->vgpus_active && a->vgpus_plugged == b->vgpus_plugged &&
               a->pcis_plugged == b->pcis_plugged && a->emulator.pid == b->emulator.pid;
}

/* A guest that reboots keeps its VGPUs but gets another domain and emulator; policyd need not act on that, so
 * no event is sent. */
static bool is_rebooting(const RunRecord *r) {
        return r->state == VM_STATE_RUNNING && !streq(r->stage, "running") && !streq(r->stage, "crashed");
}

/* When a VM ends, its emulator ends before its VGPUs are released; one event reports both. */
static bool is_being_unplugged(const RunRecord *r) {
        return r->state == VM_STATE_STOPPING && r->vgpus_active;
}

/* XenServer does not watch the emulator; a guest whose display died silently is what we don't want. */
static void warn_of_dead_emulator(const HostVm *vm, const RunRecord *before) {
        bool up = vm->record.state == VM_STATE_RUNNING || vm->record.state == VM_STATE_PAUSED;

        if (is_rebooting(&vm->record))
                return;
        if (up && before->emulator.pid > 0 && vm->record.emulator.pid == 0)
                log_vm(LOG_WARNING, MSG_EMULATOR_DIED, vm,
                        "The display emulator of VM %s (%s), pid %d, died while the VM runs.",
                        UUID_TEXT(&vm->uuid), vm->name_label, (int) before->emulator.pid);
}

static void log_running(const HostVm *vm, const RunRecord *before) {
        _cleanup_free_ char *stages = NULL, *fields = NULL, *field = NULL;
        StartTimes times = vm->start_times;

        if (vm->record.state != VM_STATE_RUNNING || before->state != VM_STATE_STARTING)
                return;

        start_times_join(&times, &vm->record.start_times);
        if (start_times_to_text(&times, &stages) < 0 || start_times_to_fields(&times, &fields) < 0 ||
                asprintf(&field, FIELD_STAGES "%s", fields) < 0)
                return;
        log_event(LOG_INFO, MSG_VM_STARTED,
                FIELDS(vm_log_field(&vm->uuid, (char[VM_LOG_FIELD_MAX]){}), field),
                "VM %s (%s) runs as domain %u after %.2f s: %s.", UUID_TEXT(&vm->uuid), vm->name_label,
                vm->record.domid, (double) start_times_total(&times) / 1e6, stages);
}

/* Takes the record's texts. vm may be gone afterwards. */
static void apply_record(HostVm *vm, RunRecord *record) {
        _cleanup_(run_record_done) RunRecord before = {};

        if (!is_ours(vm, record)) {
                log_vm(LOG_WARNING, NULL, vm, "The run folder of VM %s speaks of VM %s under token %s, ignoring.",
                        UUID_TEXT(&vm->uuid), UUID_TEXT(&record->uuid), UUID_TEXT(&record->token));
                return;
        }

        before = vm->record;
        vm->record = take_struct(*record);

        if (vm->record.state == VM_STATE_HALTED) {
                vm_end_by_record(vm);
                return;
        }

        vm_lease_over(vm);
        warn_of_dead_emulator(vm, &before);
        log_running(vm, &before);
        if (!vm->told || !same_vm(&before, &vm->record))
                vm->context->listener->record(vm, vm->context->userdata);
        if (!is_rebooting(&vm->record) && !is_being_unplugged(&vm->record) &&
                (!same_gpus(&before, &vm->record) || (!vm->told && vm->record.vgpus_active)))
                vm->context->listener->gpus(vm, vm->context->userdata);
        if (before.state != vm->record.state || before.domid != vm->record.domid ||
                !same_gpus(&before, &vm->record))
                vm->context->listener->changed(vm, vm->context->userdata);
        vm->told = true;
}

static void on_record(RunRecord *record, void *userdata) {
        apply_record(userdata, record);
}

static void on_lost(int result, void *userdata) {
        HostVm *vm = userdata;

        vm_disconnect(vm);
        /* ECONNRESET only means that the program ended before it read our last line. */
        if (result < 0 && result != -ECONNRESET)
                log_vm(LOG_WARNING, NULL, vm, "The program of VM %s is not understood (%s), connecting again.",
                        UUID_TEXT(&vm->uuid), strerror(-result));
        if (!vm->program_watch)
                return;
        vm_set_phase(vm, VM_PHASE_WAITING);
        vm->delay = 0;
        vm->waiting_since = now_of(vm);
        vm_arm(vm, next_delay(vm, CONNECT_DELAY_FIRST, CONNECT_DELAY_MAX), connect_to_program);
}

/* 5. It is told to stop. */

static void end_in_queue(HostVm *vm) {
        vm_end(vm, vm->stop_force ? "destroyed" : "stopped", ERROR_NONE, NULL);
}

void vm_pass_stop(HostVm *vm) {
        const ProgramsOps *ops = vm->context->programs.ops;
        int r;

        if (vm->phase == VM_PHASE_QUEUED || vm->phase == VM_PHASE_LEASING) {
                vm->lease = lease_release(vm->lease);
                vm_arm(vm, 0, end_in_queue);
                return;
        }
        if (!vm->link)
                return; /* once it is connected */

        /* After giving up, the program is only asked to take the domain down. */
        if (vm->given_up)
                r = ops->send_stop(vm->link, &vm->token, /* force= */ true);
        else
                r = ops->send_stop(vm->link, &vm->stop_token, vm->stop_force);
        if (r >= 0)
                return;
        log_vm(LOG_WARNING, NULL, vm, "The program of VM %s does not take the stop order (%s), connecting again.",
                UUID_TEXT(&vm->uuid), strerror(-r));
        on_lost(0, vm);
}

/* 6. It died. What it left in the run folder says how the VM stands. */

/* Another program than the one that died; it was there before, or systemd started it. */
static bool find_another(const HostVm *vm, int readable, const RunRecord *record, ProcessId *ret) {
        Programs *p = &vm->context->programs;

        if (readable < 0)
                return p->ops->find_holder(p, vm->folder, ret) >= 0 && ret->pid != vm->program.pid;
        *ret = record->program;
        return ret->pid != vm->program.pid && p->ops->is_alive(p, ret);
}

static void program_is_gone(HostVm *vm) {
        _cleanup_(run_record_done) RunRecord record = {};
        Programs *p = &vm->context->programs;
        ProcessId another;
        int r;

        vm_unwatch_program(vm);
        vm_disconnect(vm);
        loop_timer_stop(vm->timer);

        r = p->ops->read_record(p, vm->folder, &record);
        if (r >= 0 && !is_ours(vm, &record))
                r = -ENOENT;
        if (r >= 0 && record.state == VM_STATE_HALTED) {
                apply_record(vm, &record);
                return;
        }
        if (find_another(vm, r, &record, &another)) {
                follow(vm, &another);
                return;
        }

        log_vm(LOG_WARNING, NULL, vm, "The program of VM %s (%s), pid %d, died before the VM was over.",
                UUID_TEXT(&vm->uuid), vm->name_label, (int) vm->program.pid);
        start_again(vm, "it died each time");
}

static void start_again(HostVm *vm, const char *why) {
        uint64_t now = now_of(vm);

        if (vm->n_tries == 0 || now > vm->tries_since + RESTART_WINDOW) {
                vm->n_tries = 0;
                vm->tries_since = now;
                vm->delay = 0;
        }
        if (vm->n_tries++ >= vm->context->settings->program_restarts) {
                vm_give_up(vm, why, start_program);
                return;
        }

        vm_set_phase(vm, VM_PHASE_DEAD);
        vm->restart_delay =
                vm->n_tries == 1 ? RESTART_DELAY_FIRST : MIN_OF(2 * vm->restart_delay, RESTART_DELAY_MAX);
        vm_arm(vm, vm->restart_delay, start_program);
}

/* Again from an earlier hostd: the run folder says how far it was. */

void vm_adopt(HostVm *vm) {
        _cleanup_(run_record_done) RunRecord record = {};
        Programs *p = &vm->context->programs;
        ProcessId holder;
        int r;

        r = p->ops->read_record(p, vm->folder, &record);
        if (r == -ENOENT && !p->ops->has_folder(p, vm->folder)) {
                /* Never begun: it waits in the queue, or is stopped there. */
                vm->record.let_go = false;
                if (vm->stop_wanted)
                        vm_pass_stop(vm);
                return;
        }

        vm->begun = true;
        if (r < 0) {
                vm_lease_again(vm);
                /* A program that runs sends its record when we connect. */
                if (p->ops->find_holder(p, vm->folder, &holder) >= 0)
                        follow(vm, &holder);
                else
                        start_program(vm);
                return;
        }
        if (record.state == VM_STATE_HALTED) {
                apply_record(vm, &record);
                return;
        }

        /* The record is used at once, and sent when the program confirms it. */
        run_record_done(&vm->record);
        vm->record = take_struct(record);
        vm_lease_again(vm);
        if (p->ops->is_alive(p, &vm->record.program))
                follow(vm, &vm->record.program);
        else
                start_program(vm);
}
